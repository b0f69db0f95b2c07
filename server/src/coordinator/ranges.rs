//! Which positions of the data go to whom, and which are committed.
//!
//! The positions of a job are numbered `0..examples_total`: epoch after epoch, each epoch one
//! permutation of the rows. Every position is dealt, leased to one worker, and committed once; what
//! a lost worker held is dealt again.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{DataRange, Grant};
use thiserror::Error;

use crate::saved::SavedRanges;

/// How data is dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deal {
    /// Whoever asks gets the next `range_examples`, shorter towards the end so that all finish
    /// together: a fast worker takes more.
    Dynamic {
        /// Examples per batch; ranges are whole batches but for an epoch's last.
        batch_examples: u64,
        /// Examples per range.
        range_examples: u64,
    },
    /// Round `r` gives batch `r × workers + w` of the epoch to worker `w`: the same data to the same
    /// worker in every run. A worker beyond the epoch's last batch gets a clock-only round.
    Striped {
        /// Examples per batch.
        batch_examples: u64,
    },
}

impl Deal {
    /// Examples per batch, ≥ 1.
    #[must_use]
    pub fn batch_examples(self) -> u64 {
        match self {
            Self::Dynamic { batch_examples, .. } | Self::Striped { batch_examples } => {
                batch_examples.max(1)
            }
        }
    }
}

/// A push that claims data it does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// The range was not dealt to this worker, or was committed already.
    #[error(
        "positions {start}..{end} of epoch {epoch} are not on loan to worker {worker}; push only \
         ranges that were granted to this session, each once"
    )]
    NotOnLoan {
        /// The claiming worker.
        worker: WorkerId,
        /// The epoch.
        epoch: u64,
        /// The first position.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// The push's weight is not the length of its ranges.
    #[error("the push weighs {weight} examples but its ranges hold {ranges}")]
    Weight {
        /// The stated weight.
        weight: u64,
        /// The examples of the ranges.
        ranges: u64,
    },
}

/// The ledger of positions.
#[derive(Debug)]
pub struct Ranges {
    rows: u64,
    total: u64,
    workers: u32,
    deal: Deal,
    /// Dynamic: the first position never dealt. Striped: unused.
    cursor: u64,
    /// Striped: rounds dealt to each worker.
    rounds: BTreeMap<WorkerId, u64>,
    /// Striped: workers whose coming rounds nobody will ask for.
    lost: BTreeSet<WorkerId>,
    /// On loan: start → (end, holder).
    loans: BTreeMap<u64, (u64, WorkerId)>,
    /// Given back: start → end.
    returned: BTreeMap<u64, u64>,
    committed: u64,
    /// Positions from here on have no data yet.
    offered: u64,
}

impl Ranges {
    /// Nothing dealt of `total` positions over epochs of `rows` (≥ 1).
    ///
    /// # Panics
    /// If there is no row; a checked job has some.
    #[must_use]
    pub fn new(rows: u64, total: u64, workers: u32, deal: Deal) -> Self {
        assert!(rows > 0, "a checked job has rows");
        Self {
            rows,
            total,
            workers,
            deal,
            cursor: 0,
            rounds: BTreeMap::new(),
            lost: BTreeSet::new(),
            loans: BTreeMap::new(),
            returned: BTreeMap::new(),
            committed: 0,
            offered: u64::MAX,
        }
    }

    /// What is to be kept of the ledger. What is on loan is open: nobody keeps a loan over a restart.
    pub(super) fn save(&self) -> SavedRanges {
        let loans = self.loans.iter().map(|(start, (end, _))| (*start, *end));
        let returned = self.returned.iter().map(|(start, end)| (*start, *end));
        let mut open: Vec<_> = loans.chain(returned).collect();
        open.sort_unstable();
        let rounds = self.rounds.iter();
        SavedRanges {
            cursor: self.cursor,
            rounds: rounds.map(|(worker, rounds)| (worker.0, *rounds)).collect(),
            open,
            committed: self.committed,
            total: self.total,
            offered: self.offered,
        }
    }

    /// Takes what was kept of the ledger of the same job.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(super) fn restore(&mut self, saved: &SavedRanges) -> Result<(), String> {
        let mut end = 0;
        for (from, to) in &saved.open {
            if *from < end || *to <= *from || saved.total < *to {
                return Err(format!(
                    "positions {from}..{to} cannot be open after {end} of {}",
                    saved.total
                ));
            }
            end = *to;
        }
        if self.total < saved.total || saved.total < saved.cursor {
            let SavedRanges { cursor, total, .. } = saved;
            return Err(format!(
                "{total} positions, {cursor} of them dealt, in a job of {}",
                self.total
            ));
        }
        self.cursor = saved.cursor;
        self.rounds = saved
            .rounds
            .iter()
            .map(|(w, n)| (WorkerId(*w), *n))
            .collect();
        self.returned = saved.open.iter().copied().collect();
        (self.committed, self.total, self.offered) = (saved.committed, saved.total, saved.offered);
        self.loans.clear();
        self.lost.clear();
        self.take_back_rounds();
        Ok(())
    }

    /// Rounds whose batches are all open were never trained on: they are dealt again as rounds, in their
    /// order, so that a job that was stopped in order goes on with the very next batch.
    fn take_back_rounds(&mut self) {
        let Deal::Striped { batch_examples } = self.deal else {
            return;
        };
        for worker in (0..self.workers).map(WorkerId) {
            let dealt = self.rounds.get(&worker).copied().unwrap_or(0);
            let (mut first, mut open) = (dealt, Vec::new());
            for round in (0..dealt).rev() {
                let (start, end) = self.stripe(worker, round, batch_examples);
                if end <= start {
                    continue;
                }
                if self.returned.get(&start) != Some(&end) {
                    break;
                }
                first = round;
                open.push(start);
            }
            for start in open {
                self.returned.remove(&start);
            }
            self.rounds.insert(worker, first);
        }
    }

    /// Examples committed.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Positions in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// From here on no position is dealt that is not below `positions`, or below an earlier offer.
    pub fn offer(&mut self, positions: u64) {
        self.offered = match self.offered {
            u64::MAX => positions,
            earlier => earlier.max(positions),
        };
    }

    /// What was offered is all that there will be.
    pub fn close(&mut self) {
        self.total = self.total.min(self.offered);
    }

    /// The position below which all are committed.
    #[must_use]
    pub fn used(&self) -> u64 {
        let undealt = match self.deal {
            Deal::Dynamic { .. } => self.cursor,
            // Workers are at different rounds: the last one's is the first that is not all dealt.
            Deal::Striped { batch_examples } => {
                let rounds = |worker| self.rounds.get(&WorkerId(worker)).copied().unwrap_or(0);
                let round = (0..self.workers.max(1)).map(rounds).min().unwrap_or(0);
                self.round(round, batch_examples).0
            }
        };
        let open = [self.loans.keys().next(), self.returned.keys().next()];
        let undealt = undealt.min(self.offered);
        open.into_iter()
            .flatten()
            .fold(undealt, |least, start| least.min(*start))
    }

    /// Whether any worker holds a range.
    #[must_use]
    pub fn on_loan(&self) -> bool {
        !self.loans.is_empty()
    }

    /// The next grant for `worker`; `None` if nothing is left to deal.
    pub fn next(&mut self, worker: WorkerId) -> Option<Grant> {
        self.lost.remove(&worker);
        let (start, end) = match self.deal {
            Deal::Dynamic {
                batch_examples,
                range_examples,
            } => self
                .take_returned()
                .or_else(|| self.take_next(batch_examples, range_examples))?,
            Deal::Striped { batch_examples } => match self.take_stripe(worker, batch_examples) {
                Some(Some(stripe)) => stripe,
                Some(None) => return Some(Grant::ClockOnly),
                None => self
                    .take_returned()
                    .or_else(|| self.take_stripe_of_the_lost(batch_examples))?,
            },
        };
        self.loans.insert(start, (end, worker));
        let epoch = start / self.rows;
        let origin = epoch * self.rows;
        Some(Grant::Range {
            epoch,
            start: start - origin,
            end: end - origin,
        })
    }

    /// Judges the claims of a push.
    ///
    /// # Errors
    /// [`RangeError`] at the first claim that does not hold. A push without ranges claims nothing
    /// but its weight.
    pub fn judge(
        &self,
        worker: WorkerId,
        weight: u64,
        ranges: &[DataRange],
    ) -> Result<(), RangeError> {
        let sum = ranges
            .iter()
            .fold(0_u64, |sum, range| sum.saturating_add(range.examples()));
        if !ranges.is_empty() && sum != weight {
            return Err(RangeError::Weight {
                weight,
                ranges: sum,
            });
        }
        for (i, range) in ranges.iter().enumerate() {
            let twice = ranges[..i].iter().any(|other| {
                other.epoch == range.epoch && other.start < range.end && range.start < other.end
            });
            if twice || self.loans_of(worker, range).is_none() {
                let DataRange {
                    epoch, start, end, ..
                } = *range;
                return Err(RangeError::NotOnLoan {
                    worker,
                    epoch,
                    start,
                    end,
                });
            }
        }
        Ok(())
    }

    /// Commits the claims of a push that was judged.
    ///
    /// # Panics
    /// If the push was not judged.
    pub fn commit(&mut self, worker: WorkerId, weight: u64, ranges: &[DataRange]) {
        // Without ranges a push says itself how much it weighs.
        self.committed = self.committed.saturating_add(weight);
        for range in ranges {
            let (from, to) = self.positions(range).expect("the push was judged");
            for loan in self.loans_of(worker, range).expect("the push was judged") {
                let (end, holder) = self.loans.remove(&loan).expect("the loan was just found");
                if loan < from {
                    self.loans.insert(loan, (from, holder));
                }
                if to < end {
                    self.loans.insert(to, (end, holder));
                }
            }
        }
    }

    /// Takes back everything on loan to `worker`, and deals its coming rounds to others unless it asks
    /// again.
    pub fn give_back(&mut self, worker: WorkerId) {
        self.lost.insert(worker);
        let held: Vec<_> = self
            .loans
            .iter()
            .filter(|(_, (_, holder))| *holder == worker)
            .map(|(start, (end, _))| (*start, *end))
            .collect();
        for (start, end) in held {
            self.loans.remove(&start);
            self.returned.insert(start, end);
        }
    }

    fn positions(&self, range: &DataRange) -> Option<(u64, u64)> {
        let origin = range.epoch.checked_mul(self.rows)?;
        let inside = range.start < range.end && range.end <= self.rows;
        inside.then_some((
            origin.checked_add(range.start)?,
            origin.checked_add(range.end)?,
        ))
    }

    /// The starts of the loans to `worker` that hold all of `range` together: a push that accrued
    /// over the end of one grant names it and the next as one range, if they are neighbours.
    fn loans_of(&self, worker: WorkerId, range: &DataRange) -> Option<Vec<u64>> {
        let (from, to) = self.positions(range)?;
        let (first, _) = self.loans.range(..=from).next_back()?;
        let (mut starts, mut held) = (Vec::new(), from);
        for (start, (end, holder)) in self.loans.range(first..) {
            if *holder != worker || held < *start || *end <= held {
                return None;
            }
            starts.push(*start);
            held = *end;
            if to <= held {
                return Some(starts);
            }
        }
        None
    }

    fn take_returned(&mut self) -> Option<(u64, u64)> {
        self.returned.pop_first()
    }

    fn take_next(&mut self, batch: u64, range: u64) -> Option<(u64, u64)> {
        if self.cursor >= self.total {
            return None;
        }
        let start = self.cursor;
        let share = (self.total - start) / (2 * u64::from(self.workers.max(1)));
        let wanted = range.min(share.next_multiple_of(batch)).max(batch);
        let end = (start + wanted)
            .min((start / self.rows + 1) * self.rows)
            .min(self.total)
            .min(self.offered);
        if end <= start {
            return None;
        }
        self.cursor = end;
        Some((start, end))
    }

    fn take_stripe_of_the_lost(&mut self, batch: u64) -> Option<(u64, u64)> {
        for worker in self.lost.clone() {
            while let Some(stripe) = self.take_stripe(worker, batch) {
                if stripe.is_some() {
                    return stripe;
                }
            }
        }
        None
    }

    /// The first position of a round, and the end of its epoch.
    fn round(&self, round: u64, batch: u64) -> (u64, u64) {
        let workers = u64::from(self.workers.max(1));
        let rounds_per_epoch = self.rows.div_ceil(batch).div_ceil(workers);
        let (epoch, in_epoch) = (round / rounds_per_epoch, round % rounds_per_epoch);
        let origin = epoch * self.rows;
        (origin + in_epoch * workers * batch, origin + self.rows)
    }

    /// `None`: the worker has had all its rounds, or the data of the next have not arrived. `Some(None)`:
    /// a round without a batch for it.
    fn take_stripe(&mut self, worker: WorkerId, batch: u64) -> Option<Option<(u64, u64)>> {
        let round = self.rounds.get(&worker).copied().unwrap_or(0);
        if self.total <= self.round(round, batch).0 {
            return None;
        }
        let (start, end) = self.stripe(worker, round, batch);
        if self.offered < end {
            return None;
        }
        self.rounds.insert(worker, round + 1);
        Some((start < end).then_some((start, end)))
    }

    /// The batch that a worker has in a round; one that ends where it starts, or before, is none.
    fn stripe(&self, worker: WorkerId, round: u64, batch: u64) -> (u64, u64) {
        let (first_of_round, end_of_epoch) = self.round(round, batch);
        let start = first_of_round + u64::from(worker.0) * batch;
        (start, (start + batch).min(end_of_epoch).min(self.total))
    }
}

#[cfg(test)]
mod tests;
