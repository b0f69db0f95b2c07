//! What was found, as it is printed for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::flooder::Flooded;
use super::floods::Least;

/// How much is run, and so how it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Extent {
    /// As little as shows that everything holds that is no rate.
    Quick,
    /// All of it.
    Full,
}

/// What went through in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Rate {
    pub(super) seconds: f64,
    /// Pushes that came into the parameters, by the server's count, per second.
    pub(super) applied: f64,
    /// Pushes that were acknowledged to clients, per second.
    pub(super) acknowledged: f64,
    /// Parts refused for want of room, by the server's count, per second; a push has one for each shard.
    pub(super) refused: f64,
    /// Of one core, the share that the server took; nothing where the system does not tell.
    pub(super) core_share: Option<f64>,
}

/// The most memory that a server held, bytes; nothing where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct MemoryFound {
    /// Resident, the greatest of samples ten times a second.
    pub(super) resident_max: Option<u64>,
    /// Resident, by the system's high-water mark (`VmHWM`).
    pub(super) peak: Option<u64>,
}

/// What a server does when nobody asks for too much.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Peak {
    /// Sessions, and the pushes per second that so many brought through, by the server's count.
    pub(super) tried: BTreeMap<usize, f64>,
    /// The fewest sessions that bring through 95 % of the most.
    pub(super) sessions: usize,
    pub(super) rate: Rate,
    /// From a push to its acknowledgement, ms.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// A server under ten times the sessions that saturate it, in a closed loop.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Press {
    pub(super) name: String,
    pub(super) sessions: usize,
    pub(super) rate: Rate,
    /// The sessions of the peak on the same server, before the load and once it has come back from it.
    pub(super) before: Rate,
    pub(super) after: Rate,
    /// Of the mean of the two.
    pub(super) of_peak: f64,
    /// Refusals that said when to come again, and those that did not.
    pub(super) refusals_hinted: u64,
    pub(super) refusals_bare: u64,
    /// Of one more client that has one push in flight, ms.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) memory: MemoryFound,
    /// From the end of the load until the sessions of the peak bring through 90 % of what they did before it; nothing
    /// if they did not within the time that was waited.
    pub(super) recovery_seconds: Option<f64>,
    /// Parts that the server applied, and those of pushes that were acknowledged.
    pub(super) applied: u64,
    pub(super) acknowledged: u64,
}

/// A flood, and what it did to others.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct FloodFound {
    pub(super) name: String,
    /// The good sessions without it, right before and after, and beside it.
    pub(super) before: Rate,
    pub(super) after: Rate,
    pub(super) beside: Rate,
    /// Of what went through without it, the mean of before and after.
    pub(super) share: f64,
    /// What it sent, and what it had to at least.
    pub(super) did: Flooded,
    pub(super) least: Least,
    /// How long a client waited that came during the flood; nothing if it did not get in.
    pub(super) newcomer_seconds: Option<f64>,
    pub(super) memory: MemoryFound,
    pub(super) applied: u64,
    pub(super) acknowledged: u64,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// The part of the measurement.
    pub(super) part: String,
    pub(super) name: &'static str,
    pub(super) holds: bool,
    /// What was expected.
    pub(super) says: String,
    /// What was found.
    pub(super) found: String,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    pub(super) schema_version: u32,
    pub(super) version: &'static str,
    pub(super) extent: Extent,
    /// Where server and load run, in words.
    pub(super) cores: String,
    pub(super) push_bytes: usize,
    pub(super) window: u64,
    /// The job's `memory_bytes_max`.
    pub(super) memory_bytes_max: u64,
    pub(super) connections_max: usize,
    pub(super) peak: Peak,
    pub(super) presses: Vec<Press>,
    pub(super) floods: Vec<FloodFound>,
    pub(super) checks: Vec<Check>,
    pub(super) interrupted: bool,
    pub(super) passed: bool,
}
