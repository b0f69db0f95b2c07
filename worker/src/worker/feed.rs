//! Granted data ranges, cut into batches.

use std::collections::VecDeque;
use std::ops::Range;

use thalweg_common::message::Grant;
use thalweg_common::time::Time;

/// One iteration's share of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Portion {
    /// Positions of an epoch's permutation.
    Batch { epoch: u64, positions: Range<u64> },
    /// An iteration without data.
    ClockOnly,
}

/// What the coordinator has granted and what it last said.
#[derive(Debug)]
pub(super) struct Feed {
    batch_size: u64,
    rows: u64,
    /// Granted and not yet taken; a range is cut when it is taken.
    granted: VecDeque<Portion>,
    /// Nothing is granted before this time.
    not_before: Option<Time>,
    done: bool,
    /// Grants of data so far.
    received: u64,
}

impl Feed {
    /// Nothing granted; `rows` is the size of the training set.
    pub(super) fn new(batch_size: u64, rows: u64) -> Self {
        let granted = VecDeque::new();
        Self {
            batch_size: batch_size.max(1),
            rows,
            granted,
            not_before: None,
            done: false,
            received: 0,
        }
    }

    /// Takes what the coordinator said.
    ///
    /// # Errors
    /// What was expected and what was found, if the range does not lie in the data.
    pub(super) fn grant(&mut self, now: Time, grant: Grant) -> Result<(), String> {
        self.not_before = None;
        self.received += u64::from(grant.is_iterations());
        match grant {
            Grant::Range { epoch, start, end } => {
                if end <= start || self.rows < end {
                    let rows = self.rows;
                    return Err(format!(
                        "positions {start}..{end} of a data set of {rows} rows"
                    ));
                }
                self.granted.push_back(Portion::Batch {
                    epoch,
                    positions: start..end,
                });
            }
            Grant::ClockOnly => self.granted.push_back(Portion::ClockOnly),
            Grant::Wait(wait) => self.not_before = Some(now + wait),
            Grant::Done => self.done = true,
        }
        Ok(())
    }

    /// Grants of data received so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Iterations that are granted and not yet taken.
    pub(super) fn iterations(&self) -> u64 {
        let count = |portion: &Portion| match portion {
            Portion::Batch { positions, .. } => {
                (positions.end - positions.start).div_ceil(self.batch_size)
            }
            Portion::ClockOnly => 1,
        };
        self.granted.iter().map(count).sum()
    }

    /// Whether the coordinator is to be asked, so that `ahead` iterations are granted.
    pub(super) fn wants(&self, now: Time, ahead: u64) -> bool {
        !self.done && self.not_before.is_none_or(|time| time <= now) && self.iterations() < ahead
    }

    /// When the coordinator may be asked again, if it said so.
    pub(super) fn wake(&self) -> Option<Time> {
        self.not_before.filter(|_| !self.done)
    }

    /// Whether the coordinator has said that there is nothing more, for now or for ever.
    pub(super) fn is_dry(&self) -> bool {
        self.done || self.not_before.is_some()
    }

    /// Whether nothing follows: the job is done.
    pub(super) fn is_done(&self) -> bool {
        self.done && self.granted.is_empty()
    }

    /// The next iterations: up to `most` batches, or one iteration without data; or, `mixed`, up to so
    /// many of either. Fewer than `most` only if no more are to be had.
    pub(super) fn take(&mut self, most: u64, mixed: bool) -> Vec<Portion> {
        let ends_group = |portion: &Portion| !mixed && *portion == Portion::ClockOnly;
        if self.granted.front().is_some_and(ends_group) {
            return self.granted.pop_front().into_iter().collect();
        }
        let mut portions = Vec::new();
        let cut_short = self.granted.iter().any(ends_group);
        if self.iterations() < most && !self.is_dry() && !cut_short {
            return portions;
        }
        while (portions.len() as u64) < most
            && !self.granted.front().is_some_and(ends_group)
            && let Some(portion) = self.next_portion()
        {
            portions.push(portion);
        }
        portions
    }

    /// The next iteration, if one is granted.
    fn next_portion(&mut self) -> Option<Portion> {
        let Portion::Batch { epoch, positions } = self.granted.front_mut()? else {
            return self.granted.pop_front();
        };
        let end = positions
            .end
            .min(positions.start.saturating_add(self.batch_size));
        let batch = Portion::Batch {
            epoch: *epoch,
            positions: positions.start..end,
        };
        positions.start = end;
        if positions.is_empty() {
            self.granted.pop_front();
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn batch(epoch: u64, positions: Range<u64>) -> Portion {
        Portion::Batch { epoch, positions }
    }

    fn range(epoch: u64, start: u64, end: u64) -> Grant {
        Grant::Range { epoch, start, end }
    }

    #[test]
    fn batches_do_not_cross_ranges_and_groups_wait_until_they_are_full() {
        let mut feed = Feed::new(4, 100);
        feed.grant(Time::ZERO, range(0, 90, 100)).unwrap();
        assert!(
            feed.take(4, false).is_empty(),
            "a fourth batch may still be granted"
        );
        feed.grant(Time::ZERO, range(1, 0, 100)).unwrap();
        assert_eq!(feed.iterations(), 28);
        let expected = [
            batch(0, 90..94),
            batch(0, 94..98),
            batch(0, 98..100),
            batch(1, 0..4),
        ];
        assert_eq!(feed.take(4, false), expected);
        assert_eq!(feed.iterations(), 24);
    }

    #[test]
    fn a_group_is_cut_short_when_no_more_is_to_be_had() {
        let wait = Grant::Wait(Duration::from_secs(1));
        for end in [wait, Grant::Done, Grant::ClockOnly] {
            let mut feed = Feed::new(4, 100);
            feed.grant(Time::ZERO, range(0, 0, 4)).unwrap();
            feed.grant(Time::ZERO, end).unwrap();
            assert_eq!(feed.take(3, false), [batch(0, 0..4)]);
            assert_eq!(feed.is_done(), end == Grant::Done);
            let rest = feed.take(3, false);
            assert_eq!(rest.len(), usize::from(end == Grant::ClockOnly));
        }
    }

    #[test]
    fn a_mixed_group_counts_iterations_without_data() {
        let mut feed = Feed::new(4, 100);
        feed.grant(Time::ZERO, range(0, 0, 8)).unwrap();
        feed.grant(Time::ZERO, Grant::ClockOnly).unwrap();
        assert!(
            feed.take(4, true).is_empty(),
            "a fourth may still be granted"
        );
        feed.grant(Time::ZERO, range(1, 0, 8)).unwrap();
        let expected = [
            batch(0, 0..4),
            batch(0, 4..8),
            Portion::ClockOnly,
            batch(1, 0..4),
        ];
        assert_eq!(feed.take(4, true), expected);
        feed.grant(Time::ZERO, Grant::Done).unwrap();
        assert_eq!(feed.take(4, true), [batch(1, 4..8)]);
        assert!(feed.is_done());
    }

    #[test]
    fn the_coordinator_is_not_asked_before_its_time_nor_after_the_end() {
        let mut feed = Feed::new(4, 100);
        assert!(feed.wants(Time::ZERO, 1));
        feed.grant(Time::ZERO, Grant::Wait(Duration::from_secs(1)))
            .unwrap();
        assert!(!feed.wants(Time::ZERO, 1));
        let later = feed.wake().unwrap();
        assert!(feed.wants(later, 1));
        feed.grant(later, Grant::Done).unwrap();
        assert!(!feed.wants(later, 1));
    }

    #[test]
    fn a_range_outside_the_data_is_named() {
        let mut feed = Feed::new(4, 100);
        let error = feed.grant(Time::ZERO, range(0, 96, 101)).unwrap_err();
        assert_eq!(error, "positions 96..101 of a data set of 100 rows");
        assert!(feed.grant(Time::ZERO, range(0, 5, 5)).is_err());
    }
}
