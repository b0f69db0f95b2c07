//! How far a worker was ahead of the slowest when it began an iteration, by what servers remember of their pushes.
//!
//! A server notes each push when it moves the worker's clock, under the lock under which its gate decides. What
//! it tells is therefore the very order in which the gate saw the clocks, whatever the gate made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use thalweg_common::ids::WorkerId;
use thalweg_common::message::{Happened, HistoryEvent};

/// What was seen at one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pushes: Vec<(WorkerId, u64)>,
    /// Worker, sequence and clock of each: sequences begin anew with a session.
    known: BTreeSet<(WorkerId, u64, u64)>,
}

/// How far workers were ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Lead {
    /// The most iterations that a worker was ahead of the slowest when it began one.
    pub(super) max: u64,
    /// Pushes that this was judged by, at all servers together.
    pub(super) judged: u64,
}

impl Lead {
    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            max: self.max.max(other.max),
            judged: self.judged + other.judged,
        }
    }
}

impl Seen {
    /// Takes in what a server told, which may tell some of it again.
    pub(super) fn take(&mut self, history: &[HistoryEvent]) {
        for event in history {
            let (Some(worker), Happened::Pushed(push)) = (event.worker, &event.what) else {
                continue;
            };
            // One of which a part was refused moved no clock; it comes again, and may move it then.
            if 0 < push.refused {
                continue;
            }
            // One that came again is told again, and moved no clock.
            if self.known.insert((worker, push.sequence.0, push.clock.0)) {
                self.pushes.push((worker, push.clock.0));
            }
        }
    }

    /// Judges what was seen of so many workers, up to the last push of whoever ended first: from then on nobody
    /// waits for it. If one ended long before the others, little is judged.
    pub(super) fn lead(&self, workers: u32) -> Lead {
        let mut last: BTreeMap<WorkerId, usize> = BTreeMap::new();
        for (place, (worker, _)) in self.pushes.iter().enumerate() {
            last.insert(*worker, place);
        }
        let all: Vec<_> = (0..workers).map(WorkerId).collect();
        let ends = all
            .iter()
            .map(|worker| last.get(worker).map_or(0, |place| place + 1));
        let judged = ends.min().unwrap_or(0);
        let mut clocks: BTreeMap<WorkerId, u64> = all.iter().map(|worker| (*worker, 0)).collect();
        let mut max = 0;
        for (worker, clock) in &self.pushes[..judged] {
            // The iteration began where the one before ended.
            let began = clocks.get(worker).copied().unwrap_or(0);
            let others = clocks.iter().filter(|(other, _)| *other != worker);
            let slowest = others.map(|(_, clock)| *clock).min().unwrap_or(began);
            max = max.max(began.saturating_sub(slowest));
            clocks.insert(*worker, began.max(*clock));
        }
        Lead {
            max,
            judged: judged as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thalweg_common::ids::{Clock, Sequence};
    use thalweg_common::message::Pushed;

    use super::*;

    fn push(worker: u32, clock: u64) -> HistoryEvent {
        HistoryEvent {
            at: Duration::ZERO,
            worker: Some(WorkerId(worker)),
            session: None,
            what: Happened::Pushed(Pushed {
                sequence: Sequence(clock),
                clock: Clock(clock),
                elements: 10,
                staleness: 0,
                applied: 4,
                kept: 0,
                left_out: 0,
                duplicates: 0,
                refused: 0,
                late: 0,
                reason: None,
            }),
        }
    }

    fn lead(pushes: &[(u32, u64)]) -> Lead {
        let mut seen = Seen::default();
        let history: Vec<_> = pushes.iter().map(|(w, c)| push(*w, *c)).collect();
        seen.take(&history);
        seen.lead(2)
    }

    #[test]
    fn in_step_nobody_is_ahead() {
        let in_step = [(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (1, 3)];
        assert_eq!(lead(&in_step), Lead { max: 0, judged: 5 });
    }

    #[test]
    fn who_begins_before_the_others_have_ended_is_ahead() {
        // Worker 0 ends its third iteration, which it began at clock 2, while worker 1 has ended none.
        let ahead = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)];
        assert_eq!(lead(&ahead), Lead { max: 2, judged: 3 });
    }

    #[test]
    fn what_is_told_again_or_comes_again_counts_once() {
        let mut seen = Seen::default();
        let first = [push(0, 1), push(1, 1), push(0, 2)];
        seen.take(&first);
        seen.take(&[push(0, 2), push(0, 1), push(1, 2)]);
        assert_eq!(seen.pushes.len(), 4);
        assert_eq!(seen.lead(2).max, 0);
    }

    #[test]
    fn a_push_that_was_refused_moved_no_clock_until_it_came_again() {
        let refused = HistoryEvent {
            what: Happened::Pushed(Pushed {
                sequence: Sequence(1),
                clock: Clock(1),
                applied: 3,
                refused: 1,
                ..Pushed::default()
            }),
            ..push(1, 1)
        };
        let mut seen = Seen::default();
        seen.take(&[refused]);
        // Worker 0 begins its third iteration while worker 1 still is at its first.
        seen.take(&[push(0, 1), push(0, 2), push(0, 3), push(1, 1), push(1, 2)]);
        assert_eq!(seen.lead(2), Lead { max: 2, judged: 3 });
        assert_eq!(seen.pushes.len(), 5);
    }

    #[test]
    fn one_that_ends_early_leaves_little_to_judge_and_is_not_taken_for_the_slowest() {
        let early = [(0, 1), (1, 1), (1, 2), (1, 3), (1, 4)];
        assert_eq!(lead(&early), Lead { max: 0, judged: 1 });
        assert_eq!(lead(&[(1, 1), (1, 2)]).judged, 0, "worker 0 was never seen");
    }

    #[test]
    fn of_several_servers_the_worst_counts() {
        let (a, b) = (Lead { max: 1, judged: 5 }, Lead { max: 3, judged: 2 });
        assert_eq!(a.merge(b), Lead { max: 3, judged: 7 });
    }
}
