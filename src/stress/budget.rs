//! How many cells run at once: those that wait for slow messages leave the machine to others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::matrix::Cell;
use super::predict::Ready;

/// Shares of one core.
const SHARES: u32 = 6;

/// Latencies from which a cell needs so few shares: it sends so much less in a second.
const SLOW: [(Duration, u32); 2] = [
    (Duration::from_millis(100), 2),
    (Duration::from_millis(40), 4),
];

/// The machine's shares, of which each running cell holds some.
#[derive(Debug)]
pub(super) struct Budget {
    all: u32,
    free: Mutex<u32>,
    freed: Condvar,
}

/// What a running cell holds; given back at its end.
#[derive(Debug)]
pub(super) struct Share<'a> {
    budget: &'a Budget,
    shares: u32,
}

impl Budget {
    /// Of a machine with so many cores.
    pub(super) fn new(cores: usize) -> Self {
        let all = SHARES * u32::try_from(cores.max(1)).unwrap_or(1);
        Self {
            all,
            free: Mutex::new(all),
            freed: Condvar::new(),
        }
    }

    /// Threads that can run a cell at once.
    pub(super) fn lanes(&self) -> u32 {
        self.all / SLOW[0].1
    }

    /// Draws the next cell once there is room for it; `None` if none is left.
    pub(super) fn draw(&self, next: &AtomicUsize, ready: &[Ready]) -> Option<(usize, Share<'_>)> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = next.load(Ordering::Relaxed);
            let shares = self.shares(&ready.get(number)?.cell);
            if shares <= *free {
                *free -= shares;
                next.store(number + 1, Ordering::Relaxed);
                // The others look at the next cell, which may need less.
                self.freed.notify_all();
                return Some((
                    number,
                    Share {
                        budget: self,
                        shares,
                    },
                ));
            }
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What a cell adds to the time of all.
    pub(super) fn real_time(&self, ready: &Ready) -> Duration {
        ready.estimate() * self.shares(&ready.cell) / self.all
    }

    /// All of the machine, but where messages are slow.
    fn shares(&self, cell: &Cell) -> u32 {
        let latency = cell.place.latency.mean();
        let few = SLOW.iter().find(|(slow, _)| *slow <= latency);
        few.map_or(self.all, |(_, shares)| *shares)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut free = self
            .budget
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.shares;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stress::matrix::{Consistency, Place};

    fn shares(latency: &str) -> u32 {
        let place = Place {
            latency: latency.parse().unwrap(),
            ..Place::default()
        };
        Budget::new(2).shares(&Cell {
            place,
            method: "downpour".to_owned(),
            consistency: Consistency::Asp,
        })
    }

    #[test]
    fn cells_that_wait_for_messages_share_the_machine_and_others_have_it_to_themselves() {
        assert_eq!(Budget::new(2).lanes(), 6);
        for (latency, expected) in [
            ("0ms", 12),
            ("25ms", 12),
            ("50ms", 4),
            ("100ms", 2),
            ("500ms", 2),
        ] {
            assert_eq!(shares(latency), expected, "{latency}");
        }
    }

    #[test]
    fn a_share_is_given_back() {
        let budget = Budget::new(1);
        *budget.free.lock().unwrap() -= 6;
        drop(Share {
            budget: &budget,
            shares: 6,
        });
        assert_eq!(*budget.free.lock().unwrap(), 6);
        assert!(budget.draw(&AtomicUsize::new(0), &[]).is_none());
    }
}
