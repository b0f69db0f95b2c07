//! A pull: parameters of the shards of one server.
//!
//! Each shard answers with one version, never mixed; nothing is promised across shards.

use std::time::Duration;

use crate::ids::{Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId};
use crate::message::{Address, Payload};

/// The elements asked of one shard.
#[derive(Clone, Debug, PartialEq)]
pub struct PullPart {
    /// The shard.
    pub shard: ShardId,
    /// The elements.
    pub address: Address,
}

/// Parameters asked of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Pull {
    /// The resolved job that the worker trains.
    pub fingerprint: Fingerprint,
    /// The shard map by which the pull was cut.
    pub generation: Generation,
    /// The worker's session.
    pub session: SessionId,
    /// The worker.
    pub worker: WorkerId,
    /// The last iteration that will use the answer: the gate's question.
    pub clock: Clock,
    /// How long the server may hold the pull at the gate before it answers "not yet".
    pub patience: Duration,
    /// What is asked, at most one part per shard.
    pub parts: Vec<PullPart>,
}

/// The answer of one shard: the elements in the order of the request's address.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The shard.
    pub shard: ShardId,
    /// Its version, the same for every value.
    pub version: Version,
    /// The highest sequence up to which all of the caller's parts are applied here (0: none). A
    /// replica re-applies its own later steps: read-my-writes.
    pub applied: Sequence,
    /// The values.
    pub payload: Payload,
    /// What the reader must send along with a gradient that it computes there, if the job's rule asks
    /// for it and the shard keeps no copy of its own.
    pub at_read: Payload,
}

/// A worker that holds the gate: its clock is the least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The worker.
    pub worker: WorkerId,
    /// Its clock.
    pub clock: Clock,
    /// How long its clock has stood there.
    pub since: Duration,
    /// What it was last known to do, in words ("has not joined", "computing", "lease expired").
    pub why: String,
}

/// The answer to a pull.
#[derive(Clone, Debug, PartialEq)]
pub enum PullReply {
    /// One read per part, in the order of the parts.
    Ready(Vec<Read>),
    /// The gate is shut. Asking again is no retry.
    NotYet {
        /// The clock that all must reach.
        floor: Clock,
        /// Who has not.
        holders: Vec<Holder>,
    },
}
