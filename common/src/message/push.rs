//! A push: the parts that one worker sends to the shards of one server.
//!
//! Every push sends a part to every shard; a shard that gets no element gets a part of the empty
//! address, so that its clock, its step count and its progress go on.

use std::fmt;

use crate::error::Refusal;
use crate::ids::{Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId};
use crate::message::{Address, Payload};

/// Sequences of one session that a shard tells apart beyond the last contiguous one: so many parts
/// may be unacknowledged, and resent ones overtake each other, without one being applied twice.
pub const DUPLICATE_WINDOW: u64 = 64;

/// What the values of a part are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gradient: the optimizer turns it into a step.
    Gradient,
    /// A difference that is added as it is.
    Delta,
    /// A measured value that replaces the stored one.
    Statistic,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gradient => "gradient",
            Self::Delta => "delta",
            Self::Statistic => "statistic",
        })
    }
}

/// The number format of a part's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 binary32, little-endian.
    F32,
    /// Its upper half, little-endian.
    Bf16,
    /// Two's complement; −128 stands for a value that is not finite.
    Int8,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

/// How a part's values are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Values one after the other.
    Raw,
    /// Scales, one for each block of values, and then the values, as multiples of their scale:
    /// [`crate::push_format::int8`].
    BlockScaled,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::BlockScaled => "block_scaled",
        })
    }
}

/// Positions `start..end` of an epoch's permutation whose rows went into a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRange {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The first position.
    pub start: u64,
    /// One past the last position.
    pub end: u64,
    /// The checksum of the row numbers that were really read
    /// (`thalweg_common::permutation::rows_checksum`).
    pub checksum: u64,
}

impl DataRange {
    /// The number of examples.
    #[must_use]
    pub fn examples(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// What all parts of one push have in common. Every part of it is judged with it.
#[derive(Clone, Debug, PartialEq)]
pub struct PushHeader {
    /// The resolved job that the worker trains.
    pub fingerprint: Fingerprint,
    /// The shard map by which the push was cut.
    pub generation: Generation,
    /// The worker's session.
    pub session: SessionId,
    /// The worker.
    pub worker: WorkerId,
    /// Iterations that the worker has finished with this push.
    pub clock: Clock,
    /// Examples in this push.
    pub weight: u64,
    /// The sum of the examples' losses, as the worker saw them.
    pub loss_sum: f64,
    /// What the schedule's learning rate is multiplied by for this push, in (0, 1]; decided by the
    /// coordinator and the same for every shard.
    pub rate_factor: f64,
    /// Where the examples lie in the data.
    pub ranges: Vec<DataRange>,
}

/// What one push sends to one shard.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The shard.
    pub shard: ShardId,
    /// The ordinal within (session, shard), contiguous from 1.
    pub sequence: Sequence,
    /// The shard's version that the worker had read when it computed this.
    pub version_read: Version,
    /// What the values are.
    pub kind: Kind,
    /// The number format.
    pub dtype: Dtype,
    /// The coding.
    pub codec: Codec,
    /// The elements.
    pub address: Address,
    /// Their values, as many as the address names, as number format and coding say.
    pub payload: Payload,
    /// What the worker had read of each element, for a rule that looks at it; empty where the shard
    /// has it pinned, or the rule does not ask.
    pub at_read: Payload,
}

/// Parts for the shards of one server, under one header.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// What the parts have in common.
    pub header: PushHeader,
    /// The parts, at most one per shard.
    pub parts: Vec<Part>,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is in the parameters.
    Applied {
        /// The shard's version after it.
        version: Version,
        /// Steps that the shard took between the worker's read and this one.
        staleness: u64,
    },
    /// It is kept for the round's step.
    Accepted {
        /// The shard's version at acceptance.
        version: Version,
        /// Steps that the shard took since the worker's read.
        staleness: u64,
    },
    /// It came too late, by a bound of the job or because its round is over, and is left out.
    Dropped {
        /// The shard's present version.
        version: Version,
        /// Steps that the shard took since the worker's read.
        staleness: u64,
    },
    /// It had arrived before and is not applied again.
    Duplicate {
        /// The shard's present version.
        version: Version,
    },
    /// It is not applied and never will be under this sequence, or not yet: see the kind.
    Refused(Refusal),
}

/// The acknowledgement of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct PartAck {
    /// The shard.
    pub shard: ShardId,
    /// The part's sequence.
    pub sequence: Sequence,
    /// What became of it.
    pub outcome: Outcome,
}
