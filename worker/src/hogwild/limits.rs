//! What the machine allows, measured with the same kernels: threads that only read the shared model, only
//! write it, or share nothing.
//!
//! A figure on several threads says little without these beside it: how fast a line travels from core to
//! core changes from minute to minute on shared machines, and with it everything that shares lines.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

use super::engine::{on_threads, step};
use super::linear::{LinearTerms, RowLoss};
use super::locked::spin_until;
use super::objective::{Objective, Point};
use super::order::{Order, Queue};
use super::points::{Lossy, Own, Shared};
use super::rule::{Rule, Sgd};
use super::run::{Counts, now};
use super::settings::Sampling;
use super::shared::SharedVector;

/// What the threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The scores of the rows, on one model.
    DotProducts,
    /// An addition to every coordinate of every row, on one model.
    Updates,
    /// Whole steps, each thread on a model of its own that nobody else sees: no way of sharing a model
    /// can be faster.
    Disjoint,
}

/// Passes over the rows; the seconds of each. The first is not counted: it warms the caches.
#[must_use]
pub fn seconds<L: RowLoss>(
    objective: &LinearTerms<L>,
    work: Work,
    threads: usize,
    passes: u32,
    rate: f32,
) -> Vec<f64> {
    let coordinates = objective.coordinates();
    let shared = SharedVector::new(vec![0.0_f32; coordinates]);
    let own = || vec![Sgd.start(0.0); coordinates];
    let mut states: Vec<Vec<f32>> = (0..threads).map(|_| own()).collect();
    let mut seconds = Vec::new();
    for pass in 0..=passes {
        let order = Order::new(objective.terms(), Sampling::WithoutReplacement, 1, pass);
        let queue = Queue::of(&order);
        let begun = now();
        on_threads(&mut states, |thread, cells| {
            let mut counts = Counts::default();
            let mut point: Shared<'_, Sgd, Lossy> = Shared {
                x: &shared,
                rule: Sgd,
                rate: 1e-6,
                write: PhantomData,
            };
            let mut own = Own {
                cells,
                rule: Sgd,
                rate,
            };
            match work {
                Work::DotProducts => queue.work(thread, |visit| {
                    black_box(objective.score(visit.term, &point));
                }),
                Work::Updates => queue.work(thread, |visit| {
                    let row = objective.rows().row(visit.term);
                    row.each(|v, value| point.slope(v, value));
                }),
                Work::Disjoint => queue.work(thread, |visit| {
                    step(objective, visit, &mut own, &mut counts);
                }),
            }
            counts
        });
        if 0 < pass {
            seconds.push(now().duration_since(begun).as_secs_f64());
        }
    }
    seconds
}

/// Nanoseconds that a line takes from one core to another: half of a round trip of one word between two
/// threads.
#[must_use]
pub fn ping_pong_nanos(round_trips: u32) -> f64 {
    let word = AtomicU32::new(0);
    let last = 2 * round_trips;
    let begun = now();
    on_threads(&mut [0, 1], |_, parity| {
        let mut turn: u32 = *parity;
        while turn < last {
            spin_until(|| word.load(Acquire) == turn);
            word.store(turn + 1, Release);
            turn += 2;
        }
        Counts::default()
    });
    now().duration_since(begun).as_secs_f64() * 1e9 / f64::from(last.max(1))
}
