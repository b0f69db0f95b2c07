//! The memory of a server, from one formula: what it plans for before it starts, and the bounds of
//! frames and flights that follow from it.

use std::fmt;

use thalweg_common::config::Limits;
use thalweg_common::consistency::Aggregation;
use thalweg_common::ids::ServerId;
use thalweg_common::optimizer::optimizer;
use thalweg_common::shard_map::ShardMap;
use thalweg_proto::codec::FrameLimits;
use thiserror::Error;

use super::resolve::Blueprint;

/// Frames that wait for the network per session.
const OUTBOUND_FRAMES: u64 = 64;

/// Bytes that one duplicate window takes.
const WINDOW_BYTES: u64 = 128;

/// What a server plans for, term by term, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Each term with what it is.
    pub terms: Vec<(&'static str, u64)>,
}

/// A job that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "server {server} plans for {needed} bytes, but [limits] memory_bytes_max is {max}; raise it, add \
     servers, or shrink the largest term. {memory}"
)]
pub struct MemoryError {
    server: ServerId,
    needed: u64,
    max: u64,
    memory: Memory,
}

impl Memory {
    /// The plan of one server. Terms are upper bounds, but for what a process itself needs.
    ///
    /// # Panics
    /// If the optimizer or its settings are unknown; a checked job's are known.
    #[must_use]
    pub fn plan(blueprint: &Blueprint, server: ServerId) -> Self {
        let config = &blueprint.config;
        let elements: u64 = blueprint
            .map
            .of_server(server)
            .map(|(_, span)| span.elements.end - span.elements.start)
            .sum();
        let shards = blueprint.map.of_server(server).count() as u64;
        let workers = u64::from(config.cluster.workers);
        let entry = optimizer(&config.optimizer.name).expect("a checked job's optimizer is known");
        let state = entry
            .bytes_per_element(&config.optimizer.options, config.regularizer.l2 > 0.0)
            .expect("a checked job's hyper-parameters are permitted") as u64;
        let limits = frame_limits(&config.limits, elements);
        let in_flight = limits.in_flight_bytes_max as u64;
        let rounds = match config.consistency.aggregation {
            Aggregation::Push => 0,
            Aggregation::Round => (workers + 1) * 8 * elements,
        };
        let pulls = config.limits.inflight_pulls_max as u64;
        Self {
            terms: vec![
                ("parameters and slots", state * elements),
                ("rounds in progress", rounds),
                ("pushes in flight", workers * in_flight),
                ("answers to pulls", (workers + 1) * pulls * 4 * elements),
                (
                    "outgoing frames",
                    (workers + 1) * OUTBOUND_FRAMES * limits.chunk_bytes as u64,
                ),
                (
                    "duplicate windows",
                    config.limits.sessions_max as u64 * shards * WINDOW_BYTES,
                ),
            ],
        }
    }

    /// The sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.terms.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Judges the plan against the job's limit.
    ///
    /// # Errors
    /// [`MemoryError`] with every term if the sum is larger; a limit of 0 is none.
    pub fn check(self, server: ServerId, limits: &Limits) -> Result<Self, MemoryError> {
        let (needed, max) = (self.total(), limits.memory_bytes_max);
        if max == 0 || needed <= max {
            return Ok(self);
        }
        Err(MemoryError {
            server,
            needed,
            max,
            memory: self,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, bytes)) in self.terms.iter().enumerate() {
            write!(f, "{}{name} {bytes}", if i == 0 { "" } else { " + " })?;
        }
        write!(f, " = {} bytes at most", self.total())
    }
}

/// The bounds of a session stream with a server that holds `elements` elements: as many whole
/// pushes as may be unacknowledged, each with coordinates.
#[must_use]
pub fn frame_limits(limits: &Limits, elements: u64) -> FrameLimits {
    let whole_push = usize::try_from(8 * elements).unwrap_or(usize::MAX);
    let least = 2 * limits.part_bytes_max;
    FrameLimits {
        message_bytes_max: limits.message_bytes_max,
        chunk_bytes: limits.chunk_bytes,
        part_bytes_max: limits.part_bytes_max,
        in_flight_bytes_max: whole_push
            .saturating_mul(limits.inflight_pushes_max)
            .max(least),
        open_messages_max: requests_max(limits, elements),
    }
}

/// Requests of one session in flight: pushes and pulls, each in as many pieces of a full shard as the
/// server holds, and a few of the other kinds.
#[must_use]
pub(super) fn requests_max(limits: &Limits, elements: u64) -> usize {
    let pieces = elements
        .div_ceil(ShardMap::SHARD_ELEMENTS)
        .saturating_add(1);
    let pieces = usize::try_from(pieces).unwrap_or(usize::MAX);
    (limits.inflight_pushes_max + limits.inflight_pulls_max).saturating_mul(pieces) + 8
}
