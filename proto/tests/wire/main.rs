//! The wire as a whole: what one side says, the other hears; what nobody should say is named.

mod any_reply;
mod any_request;
mod chunks;
mod malformed;
mod round_trip;
mod service;
mod session;
mod support;
