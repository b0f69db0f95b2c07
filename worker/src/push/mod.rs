//! The fifth station of a gradient: judged whole, cut by the shard map, numbered, sent until it is
//! acknowledged.
//!
//! Before this station: [`crate::method`] decided what is pushed. After it: the wire. Every push
//! sends a part to every shard; all its parts carry one sequence number, which is never given to
//! anything else, so that a push may be sent any number of times and is applied once.

mod account;
mod check;
mod cut;
mod outbox;

pub(crate) use account::Account;
pub(crate) use check::{Fault, check};
pub(crate) use cut::{Label, cut};
pub(crate) use outbox::Outbox;
