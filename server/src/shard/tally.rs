//! What became of the parts that came to a shard, and how stale they were, worker by worker.
//!
//! Counted where it is decided, under the shard's lock, so that the sums are right at every moment.

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{Outcome, Part, PartTally, StalenessHistogram};

use super::Shard;

/// The parts of one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// What became of them, but for those that wait: the round has them.
    pub(crate) tally: PartTally,
    /// How stale those were that were applied.
    pub(crate) staleness: StalenessHistogram,
}

impl Account {
    /// Adds another account.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.staleness.merge(&other.staleness);
    }
}

impl Shard {
    /// The parts of each worker that has sent one.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (WorkerId, Account)> {
        self.accounts.iter().map(|(worker, account)| {
            let mut account = account.clone();
            account.tally.waiting = self.round.pending_of(*worker) as u64;
            (*worker, account)
        })
    }

    /// Counts the staleness of a part that was applied.
    pub(super) fn count_staleness(&mut self, worker: WorkerId, staleness: u64) {
        self.staleness.record(staleness);
        self.account(worker).staleness.record(staleness);
    }

    /// Counts a part that came. One that was accepted is counted as applied when its round takes the
    /// step, and waits until then.
    pub(super) fn count(&mut self, worker: WorkerId, part: &Part, outcome: &Outcome) {
        let bound = self.bound;
        let tally = self.tally(worker);
        if let Outcome::Refused(refusal) = outcome {
            return tally.refuse(refusal.kind, 1);
        }
        tally.came += 1;
        let is_late = |staleness| !part.address.is_empty() && bound.is_beyond(staleness);
        match *outcome {
            Outcome::Applied { staleness, .. } => {
                tally.applied += 1;
                tally.late += u64::from(is_late(staleness));
            }
            Outcome::Accepted { staleness, .. } => tally.late += u64::from(is_late(staleness)),
            Outcome::Dropped { .. } => {
                tally.left_out += 1;
                tally.late += 1;
            }
            Outcome::Duplicate { .. } => tally.duplicates += 1,
            Outcome::Refused(_) => unreachable!("refusals were counted above"),
        }
    }

    pub(super) fn tally(&mut self, worker: WorkerId) -> &mut PartTally {
        &mut self.account(worker).tally
    }

    fn account(&mut self, worker: WorkerId) -> &mut Account {
        self.accounts.entry(worker).or_default()
    }
}
