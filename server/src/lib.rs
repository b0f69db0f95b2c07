//! The server: the stations of a push, in their order.

pub mod admission;
pub mod coordinator;
pub mod shard;
