//! What of a server outlives its process, as numbers: before it began to serve, and since.
//!
//! A server that returns from a checkpoint goes on with the books of the process before it. A counter that began with
//! them would fall by what was lost, and one that falls is taken for one that begins at 0: the whole book would count
//! as done between two scrapes. So counters say what this process did, and what the books say is a gauge.

use thalweg_common::message::Status;

/// Counts in the books of a server, or what they have risen by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Examples that the first shard applied.
    pub(super) progress: u64,
    /// Steps of each shard, in the order of the status.
    pub(super) steps: Vec<u64>,
    /// Examples that each shard applied.
    pub(super) applied: Vec<u64>,
    /// Examples that each worker committed.
    pub(super) committed: Vec<u64>,
}

impl Books {
    /// What they say at a moment.
    pub(crate) fn of(status: &Status) -> Self {
        let (shards, workers) = (status.shards.iter(), status.workers.iter());
        Self {
            progress: status.progress,
            steps: shards.clone().map(|shard| shard.version.0).collect(),
            applied: shards.map(|shard| shard.progress).collect(),
            committed: workers.map(|worker| worker.examples).collect(),
        }
    }

    /// What has come to them since.
    pub(super) fn risen_to(&self, status: &Status) -> Self {
        let now = Self::of(status);
        Self {
            progress: now.progress.saturating_sub(self.progress),
            steps: risen(&self.steps, &now.steps),
            applied: risen(&self.applied, &now.applied),
            committed: risen(&self.committed, &now.committed),
        }
    }
}

/// By how much each number rose; one that there was not before rose from 0.
fn risen(before: &[u64], now: &[u64]) -> Vec<u64> {
    let before = before.iter().chain(std::iter::repeat(&0));
    now.iter()
        .zip(before)
        .map(|(now, before)| now.saturating_sub(*before))
        .collect()
}
