//! What server and worker must agree on.
//!
//! The crate is pure: no I/O, no clock, no entropy, no async runtime, no protobuf. Seeds and times
//! come in as arguments, so the same code runs on threads, on a cluster and in virtual time.

pub mod ids;
pub mod name;
pub mod time;
pub mod seed;
pub mod permutation;
pub mod init;
pub mod layout;
pub mod shard_map;
pub mod consistency;
pub mod non_finite;
pub mod config;
pub mod message;
pub mod push_format;
pub mod error;
pub mod registry;
pub mod schedule;
pub mod feedback;
pub mod regularizer;
pub mod optimizer;
pub mod tuning;
pub mod physics;
