//! What of a server outlives its process, as plain data: the shards' columns, and what the desk must
//! know to go on. Sessions and duplicate windows are not in it: whoever was connected registers anew.
//!
//! Floats are kept as their bits, since JSON has no infinity and no NaN.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thalweg_common::ids::{ShardId, Version};
use thalweg_common::message::{Address, CheckpointStatus};
use thalweg_common::time::Time;

/// One column of a shard: its parameters, or a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// `param`, or `slot.` and the slot's name.
    pub name: String,
    /// One value for each element, or for what else the rule has a slot for.
    pub values: Vec<f32>,
}

/// A part that waited for its round.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPart {
    /// The worker slot that it came of.
    pub worker: u32,
    /// Examples behind it.
    pub weight: u64,
    /// What feedback multiplies the rate by.
    pub rate_factor: f64,
    /// What its gradient is multiplied by for its staleness.
    pub scale: f64,
    /// Its staleness, steps.
    pub staleness: u64,
    /// Its elements: a range or coordinates.
    pub address: Address,
    /// Its values.
    pub values: Vec<f32>,
}

/// One shard, whole and at one version.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedShard {
    /// Which.
    pub shard: ShardId,
    /// Steps taken.
    pub version: Version,
    /// Examples applied.
    pub progress: u64,
    /// The parameters, then each slot.
    pub columns: Vec<Column>,
    /// Accepted parts of rounds that have not taken their step.
    pub pending: Vec<SavedPart>,
}

/// The ledger of positions. Loans are not in it: what was on loan is open again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRanges {
    /// The first position never dealt, of data dealt on demand.
    pub cursor: u64,
    /// Rounds dealt, by worker.
    pub rounds: Vec<(u32, u64)>,
    /// Dealt and not committed: start and end, rising, apart from each other.
    pub open: Vec<(u64, u64)>,
    /// Examples committed.
    pub committed: u64,
    /// Positions in all.
    pub total: u64,
    /// Positions from here on had no data yet.
    pub offered: u64,
}

/// The control of the learning rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRate {
    /// Bits of the rate.
    pub rate: u64,
    /// Bits of the losses since the last look.
    pub loss_sum: u64,
    /// Their examples.
    pub examples: u64,
    /// Examples since the last multiple of the interval.
    pub past: u64,
    /// Bits of what the rule remembers.
    pub memory: Vec<u64>,
}

/// The coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedCoordinator {
    /// The ledger.
    pub ranges: SavedRanges,
    /// Epoch, rows and checksum.
    pub epochs: Vec<(u64, u64, u64)>,
    /// Bits of the recent loss: its sum, its weight, and what is left of the memory of a divergence.
    pub loss: [u64; 3],
    /// The control of the rate.
    pub rate: SavedRate,
    /// Examples committed, by worker.
    pub examples: Vec<(u32, u64)>,
    /// Time of training so far, microseconds.
    pub trained_us: u64,
    /// Whether the job was done, and the rule that ended it if it was not its last example.
    pub done: Option<String>,
    /// Why the job has failed, if that was decided. One whose process was told to stop, or whose workers were, goes on.
    #[serde(default)]
    pub failed: Option<String>,
    /// Why the job was to end early.
    pub concluded: Option<String>,
}

/// What a server knows beside its shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedDesk {
    /// Of server 0.
    pub coordinator: Option<SavedCoordinator>,
    /// The lives of the job's servers as far as they were met.
    pub lives: Vec<u64>,
    /// Of the others: why the job has failed, as their workers were told.
    #[serde(default)]
    pub failed: Option<String>,
    /// Workers that were lost or have left, and why.
    pub lost: Vec<(u32, String)>,
}

impl SavedDesk {
    /// Why the job has failed, if it is known here that it has.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.coordinator {
            Some(coordinator) => coordinator.failed.as_deref(),
            None => self.failed.as_deref(),
        }
    }

    /// Says that the job has failed.
    pub(crate) fn fail(&mut self, cause: String) {
        match &mut self.coordinator {
            Some(coordinator) => coordinator.failed = Some(cause),
            None => self.failed = Some(cause),
        }
    }
}

/// The bits of a float, for a file.
pub(crate) fn bits(value: f64) -> u64 {
    value.to_bits()
}

/// What the driver says of the checkpoints that it writes, for whoever asks how things stand.
#[derive(Debug, Default)]
pub struct CheckpointNotes(Mutex<Noted>);

#[derive(Clone, Copy, Debug, Default)]
struct Noted {
    /// The last one, and when it was taken.
    last: Option<(Time, CheckpointStatus)>,
    written: u64,
    failed: u64,
}

impl CheckpointNotes {
    /// Notes one that was taken at `now`, without its age.
    pub fn written(&self, now: Time, last: CheckpointStatus) {
        let mut noted = self.0.lock();
        noted.written += 1;
        noted.last = Some((now, last));
    }

    /// Notes one that could not be written.
    pub fn failed(&self) {
        self.0.lock().failed += 1;
    }

    /// The last one, with its age at `now`; `None` if this server keeps none.
    #[must_use]
    pub fn status(&self, now: Time) -> Option<CheckpointStatus> {
        let noted = *self.0.lock();
        let (at, last) = noted.last?;
        Some(CheckpointStatus {
            age: now.since(at),
            written: noted.written,
            failed: noted.failed,
            ..last
        })
    }
}
