//! How things stand on one server: the answer to "who waits for whom, since when, why".

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Waited;
use crate::error::RefusalKind;
use crate::ids::{Clock, ServerId, SessionId, ShardId, Version, WorkerId};
use crate::message::HistoryEvent;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not every worker slot has been taken yet.
    Joining,
    /// Examples are being committed.
    Training,
    /// All examples are committed.
    Done,
    /// The job ended early.
    Failed,
}

/// What a worker slot is doing, as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Nobody has taken the slot.
    Absent,
    /// A session holds it.
    Active,
    /// Its session left in order.
    Left,
    /// Its lease expired or its session failed.
    Lost,
}

/// A worker that waits at the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The workers it waits for.
    pub on: Vec<WorkerId>,
    /// How long it has waited.
    pub since: Duration,
    /// Why, in words.
    pub why: String,
}

/// The parts that came of one worker slot, and what became of each:
/// `came = applied + waiting + left_out + duplicates + refused`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartTally {
    /// Parts that came, each as often as it came.
    pub came: u64,
    /// Parts that are in the parameters.
    pub applied: u64,
    /// Parts that wait for the step of their round.
    pub waiting: u64,
    /// Parts that came too late and are left out.
    pub left_out: u64,
    /// Parts that had come before: answered again and not applied again.
    pub duplicates: u64,
    /// Parts refused, by reason.
    pub refusals: BTreeMap<RefusalKind, u64>,
    /// Of all these, parts that came too late, left out or not: beyond the job's limit on staleness, or
    /// after their round.
    pub late: u64,
}

impl PartTally {
    /// Parts refused, for whatever reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let counts = self.refusals.values();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Counts parts that came and were refused.
    pub fn refuse(&mut self, kind: RefusalKind, parts: u64) {
        self.came += parts;
        *self.refusals.entry(kind).or_default() += parts;
    }

    /// Adds the counts of another tally.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in [
            (&mut self.came, other.came),
            (&mut self.applied, other.applied),
            (&mut self.waiting, other.waiting),
            (&mut self.left_out, other.left_out),
            (&mut self.duplicates, other.duplicates),
            (&mut self.late, other.late),
        ] {
            *count = count.saturating_add(more);
        }
        for (kind, more) in &other.refusals {
            let count = self.refusals.entry(*kind).or_default();
            *count = count.saturating_add(*more);
        }
    }
}

/// One worker slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// The slot.
    pub worker: WorkerId,
    /// Its session, if it ever had one.
    pub session: Option<SessionId>,
    /// What it is.
    pub state: WorkerState,
    /// Where it runs.
    pub place: String,
    /// What it last said it was doing, or why it was lost.
    pub doing: String,
    /// Iterations finished.
    pub clock: Clock,
    /// Examples committed by it.
    pub examples: u64,
    /// What became of its parts, whichever session sent them.
    pub parts: PartTally,
    /// Since its last sign of life.
    pub silent: Duration,
    /// Bytes sent at its sockets, as it said.
    pub sent_bytes: u64,
    /// Bytes received at its sockets, as it said.
    pub received_bytes: u64,
    /// Time spent computing, as it said.
    pub compute: Duration,
    /// Time spent waiting for pulls, as it said.
    pub waited: Duration,
    /// Requests that its sessions have sent again, as they said.
    pub retries: u64,
    /// The gate wait it is in.
    pub wait: Option<Wait>,
    /// How long its lease still runs, if it has been silent for longer than a worker that lives is.
    pub lease_left: Option<Duration>,
    /// Staleness of its parts that were applied, whichever session sent them.
    pub staleness: StalenessHistogram,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// The shard.
    pub shard: ShardId,
    /// Its elements.
    pub elements: u64,
    /// Steps taken.
    pub version: Version,
    /// Examples in the parts that it applied.
    pub progress: u64,
    /// Parts of the present round that wait for the others.
    pub pending: u64,
    /// Staleness of the parts that it applied.
    pub staleness: StalenessHistogram,
}

/// Staleness of applied parts, in steps: exact counts below 64, then by powers of two.
///
/// Parts without elements, which have nothing that could be stale, are not in it. The parts of all workers
/// are those of all shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalenessHistogram {
    /// `counts[i]` parts had a staleness in bucket `i` ([`Self::floor`]).
    pub counts: Vec<u64>,
    /// The greatest staleness seen.
    pub max: u64,
}

impl StalenessHistogram {
    /// Buckets that there are.
    pub const BUCKETS: usize = 64 + 58;

    const EXACT: u64 = 64;

    /// Counts one part.
    pub fn record(&mut self, staleness: u64) {
        let bucket = Self::bucket(staleness);
        if self.counts.len() <= bucket {
            // As much as it takes: there is one for every worker at every shard.
            self.counts.reserve_exact(bucket + 1 - self.counts.len());
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.max = self.max.max(staleness);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.max = self.max.max(other.max);
    }

    /// The staleness that a share `q` of the parts does not pass, as the floor of its bucket; 0 if
    /// nothing was counted.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within a count"
    )]
    pub fn quantile(&self, q: f64) -> u64 {
        let total = self.total();
        let rank = ((total as f64 * q).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen = count.saturating_add(seen);
            if seen >= rank {
                return Self::floor(bucket).min(self.max);
            }
        }
        0
    }

    /// The number of parts counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The least staleness of bucket `bucket`.
    #[must_use]
    pub fn floor(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < Self::EXACT {
            bucket
        } else {
            Self::EXACT << (bucket - Self::EXACT)
        }
    }

    fn bucket(staleness: u64) -> usize {
        let bucket = if staleness < Self::EXACT {
            staleness
        } else {
            Self::EXACT + u64::from((staleness / Self::EXACT).ilog2())
        };
        usize::try_from(bucket).expect("there are few buckets")
    }
}

/// One epoch's use of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStatus {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Rows committed.
    pub rows: u64,
    /// The wrapping sum of the row checksums.
    pub checksum: u64,
}

/// How things stand on one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Which server.
    pub server: ServerId,
    /// The job's name.
    pub job: String,
    /// Where the job is in its life. Only server 0 knows when it is done; the others, that it has failed.
    pub phase: Phase,
    /// Why it failed, if it did.
    pub cause: String,
    /// Whether it failed because its training diverged.
    pub diverged: bool,
    /// Examples committed, as this server's first shard counts them.
    pub progress: u64,
    /// Examples at which the job ends.
    pub examples_total: u64,
    /// Since the server started.
    pub up: Duration,
    /// From the first grant to now, or to the end of the job.
    pub trained: Duration,
    /// The sum of losses over `loss_weight` examples, decayed: the recent training loss.
    pub loss_sum: f64,
    /// The examples behind `loss_sum`.
    pub loss_weight: f64,
    /// What feedback multiplies the schedule's learning rate by; 1 on servers that do not decide it.
    pub rate_factor: f64,
    /// Worker slots.
    pub workers: Vec<WorkerStatus>,
    /// The shards held here.
    pub shards: Vec<ShardStatus>,
    /// Staleness of every part applied here.
    pub staleness: StalenessHistogram,
    /// Bytes of workers' pushes and their acknowledgements, at the sockets.
    pub pushed_bytes: u64,
    /// Bytes of workers' pulls and their answers, at the sockets.
    pub pulled_bytes: u64,
    /// Bytes received at the sockets.
    pub received_bytes: u64,
    /// Bytes sent at the sockets.
    pub sent_bytes: u64,
    /// Parts refused, by reason: of all worker slots, and of who has none.
    pub refusals: BTreeMap<RefusalKind, u64>,
    /// Finished and running epochs, the last 1,024 at most.
    pub epochs: Vec<EpochStatus>,
    /// Who waited for whom at the gate here, the longest first.
    pub waits: Vec<Waited>,
    /// The last events here, oldest first, as many as were asked for.
    pub history: Vec<HistoryEvent>,
    /// The last checkpoint of this server; `None` if it keeps none.
    pub checkpoint: Option<CheckpointStatus>,
}

/// The last checkpoint of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointStatus {
    /// Its number, which rises.
    pub number: u64,
    /// Since it was taken.
    pub age: Duration,
    /// What it took to write.
    pub took: Duration,
    /// Its size, bytes.
    pub bytes: u64,
    /// How often the server has returned from one in its life.
    pub returns: u64,
    /// Those written since the process started.
    pub written: u64,
    /// Those that could not be written since then.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_below_64_and_floors_above() {
        let mut histogram = StalenessHistogram::default();
        for staleness in 0..100 {
            histogram.record(staleness);
        }
        assert_eq!(histogram.quantile(0.5), 49);
        assert_eq!(histogram.quantile(0.99), 64);
        assert_eq!(histogram.max, 99);
        assert_eq!(histogram.total(), 100);
        assert_eq!(StalenessHistogram::default().quantile(0.5), 0);
        histogram.record(u64::MAX);
        assert_eq!(histogram.max, u64::MAX);
        assert_eq!(histogram.counts.len(), StalenessHistogram::BUCKETS);
        assert_eq!(histogram.counts.capacity(), StalenessHistogram::BUCKETS);
    }
}
