//! The server: the stations of a push, in their order.
//!
//! A part arrives at the ingress, is admitted, reaches its shard and becomes a step of the
//! optimizer. Everything but the ingress's sockets is decided without I/O; [`Server`] puts the
//! stations together for whoever drives them.

pub mod ingress;
pub mod admission;
pub mod shard;
pub mod coordinator;
pub mod checkpoint;

mod desk;
mod direct;
mod history;
mod identity;
mod observe;
mod plan;
mod returning;
mod saved;
mod server;

pub use direct::Handled;
pub use history::{EVENT_BYTES, PushEvent};
pub use plan::{Bounds, OnWorkerLoss, Plan, Training};
pub use saved::{
    CheckpointNotes, Column, SavedCoordinator, SavedDesk, SavedPart, SavedRanges, SavedRate,
    SavedShard,
};
pub use server::{Counters, Server};
