//! The worker's side of the wire.

pub mod client;
