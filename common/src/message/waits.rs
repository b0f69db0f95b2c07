//! Who waited for whom at the gates, and how long.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::WorkerId;

/// Pairs that are told apart; of more workers than that makes only sums are kept.
const PAIRS_MAX: usize = 4_096;

/// Waits of workers for workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// For each waiter and whom it waited for, the longest wait, the sum and the count.
    pairs: BTreeMap<(u32, u32), WaitSum>,
    /// What did not find room there.
    rest: WaitSum,
}

/// Waits of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSum {
    /// How many.
    pub count: u64,
    /// All together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
}

/// What one worker waited for another, as a server tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// Who waited.
    pub worker: WorkerId,
    /// For whom: whose push, or end, opened the gate.
    pub on: WorkerId,
    /// How often, and how long.
    pub sum: WaitSum,
}

impl WaitSum {
    fn add(&mut self, waited: Duration) {
        self.count += 1;
        self.total += waited;
        self.longest = self.longest.max(waited);
    }
}

impl Waits {
    /// Notes that `waiter` waited so long until something of `culprit` came.
    pub fn note(&mut self, (waiter, culprit): (u32, u32), waited: Duration) {
        if waited.is_zero() {
            return;
        }
        let known = self.pairs.contains_key(&(waiter, culprit));
        if known || self.pairs.len() < PAIRS_MAX {
            self.pairs.entry((waiter, culprit)).or_default().add(waited);
        } else {
            self.rest.add(waited);
        }
    }

    /// All waits together.
    #[must_use]
    pub fn total(&self) -> Duration {
        let pairs = self.pairs.values().map(|wait| wait.total);
        pairs.sum::<Duration>() + self.rest.total
    }

    /// How long all together waited for each worker, the longest first.
    #[must_use]
    pub fn by_culprit(&self) -> Vec<(u32, Duration)> {
        let mut sums: BTreeMap<u32, Duration> = BTreeMap::new();
        for ((_, culprit), wait) in &self.pairs {
            *sums.entry(*culprit).or_default() += wait.total;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(culprit, waited)| (std::cmp::Reverse(*waited), *culprit));
        sums
    }

    /// The pairs that waited longest, at most so many.
    #[must_use]
    pub fn longest(&self, most: usize) -> Vec<Waited> {
        let pairs = self.pairs().into_iter().take(most);
        pairs
            .map(|((worker, on), sum)| Waited {
                worker: WorkerId(worker),
                on: WorkerId(on),
                sum,
            })
            .collect()
    }

    /// Who waited for whom, the longest sum first.
    #[must_use]
    pub fn pairs(&self) -> Vec<((u32, u32), WaitSum)> {
        let mut pairs: Vec<_> = self
            .pairs
            .iter()
            .map(|(pair, wait)| (*pair, *wait))
            .collect();
        pairs.sort_by_key(|(pair, wait)| (std::cmp::Reverse(wait.total), *pair));
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up_by_pair_and_by_culprit() {
        let second = Duration::from_secs(1);
        let mut waits = Waits::default();
        for (pair, seconds) in [
            ((0, 1), 2),
            ((2, 1), 3),
            ((0, 1), 4),
            ((1, 0), 1),
            ((1, 0), 0),
        ] {
            waits.note(pair, second * seconds);
        }
        assert_eq!(waits.total(), second * 10);
        assert_eq!(waits.by_culprit(), [(1, second * 9), (0, second)]);
        let (pair, wait) = waits.pairs()[0];
        assert_eq!((pair, wait.count, wait.longest), ((0, 1), 2, second * 4));
    }

    #[test]
    fn of_many_workers_the_sum_is_kept() {
        let mut waits = Waits::default();
        for waiter in 0..5_000 {
            waits.note((waiter, 9), Duration::from_secs(1));
        }
        assert_eq!(waits.total(), Duration::from_secs(5_000));
        assert_eq!(waits.pairs().len(), PAIRS_MAX);
    }
}
