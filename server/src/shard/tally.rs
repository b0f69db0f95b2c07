//! What became of the parts that came to a shard, worker by worker.
//!
//! Counted where it is decided, under the shard's lock, so that the sum is right at every moment.

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{Outcome, Part, PartTally};

use super::Shard;

impl Shard {
    /// What became of the parts of each worker that has sent one.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (WorkerId, PartTally)> {
        self.tallies.iter().map(|(worker, tally)| {
            let waiting = self.round.pending_of(*worker) as u64;
            let tally = PartTally {
                waiting,
                ..tally.clone()
            };
            (*worker, tally)
        })
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
        self.tallies.entry(worker).or_default()
    }
}
