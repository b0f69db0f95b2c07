//! What the loop needs to know of the job, and of its place in it.

use std::time::Duration;

use thalweg_common::config::{Overlap, PullExtent};
use thalweg_common::ids::{Fingerprint, ServerId, SessionId, WorkerId};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::push_format::PushFormat;

/// The settings of a worker's loop.
#[derive(Clone, Copy, Debug)]
pub struct LoopSettings {
    /// Examples per batch, ≥ 1.
    pub batch_size: u64,
    /// Pieces in which a batch's gradient is computed, ≥ 1.
    pub accumulate: u64,
    /// What goes on while a worker computes.
    pub overlap: Overlap,
    /// Pulls asked for ahead of the current one under [`Overlap::Full`], ≥ 1.
    pub prefetch: usize,
    /// What a pull asks for.
    pub pull: PullExtent,
    /// Whether every pull asks every shard for its version at least: where a round may be over without
    /// this worker, each of its parts must say which round it is of.
    pub reads_every_shard: bool,
    /// Pushes that may wait for their acknowledgement, ≥ 1. At most the server's window.
    pub inflight_pushes_max: u64,
    /// How pushed values are written.
    pub push_format: PushFormat,
    /// What happens to a gradient that holds NaN or infinity.
    pub non_finite: NonFinite,
    /// How long a server may hold a pull at the gate.
    pub gate_wait: Duration,
    /// How long the answer to a request may take, without the time at the gate.
    pub request_timeout: Duration,
    /// How long a worker that is told to stop may take, pushing the rest and leaving.
    pub stop_within: Duration,
    /// How long a request is repeated before the worker gives up.
    pub retry_total: Duration,
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// Time that a worker pauses per batch, to play a slower machine.
    pub compute: Duration,
    /// The job's seed.
    pub seed: u64,
}

/// The worker's place in its job, as registration found it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The resolved job.
    pub fingerprint: Fingerprint,
    /// The session that the servers know.
    pub session: SessionId,
    /// The worker slot.
    pub worker: WorkerId,
    /// Where the servers are, for people, by [`ServerId`].
    pub addresses: Vec<String>,
}

impl Place {
    /// A server in words: its number and address.
    #[must_use]
    pub(crate) fn name(&self, server: ServerId) -> String {
        let address = usize::try_from(server.0)
            .ok()
            .and_then(|i| self.addresses.get(i));
        match address {
            Some(address) => format!("server {server} at {address}"),
            None => format!("server {server}"),
        }
    }
}
