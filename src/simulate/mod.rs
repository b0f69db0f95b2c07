//! Virtual time: the same state machines as in real processes, under an event queue.
//!
//! Nothing here decides anything about training. The queue delivers requests, replies and finished
//! computations at virtual times, ties in the order of their making, so that one seed gives one
//! history, bit for bit.

mod queue;
mod history;
mod cluster;

pub use cluster::{SimulateError, Simulation};
pub use history::History;

use std::time::Duration;

/// The physics of a simulated cluster: constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Physics {
    /// One way, from any worker to any server and back.
    pub latency: Duration,
    /// Computing one batch, beside the job's own `compute`.
    pub compute: Duration,
}
