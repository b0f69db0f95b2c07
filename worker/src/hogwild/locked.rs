//! The paper's baselines with locks: one for the whole model, and one for each coordinate.
//!
//! "AIG" locks all coordinates of a term around the loop that updates them; the gradient is computed
//! before, without a lock. Locks are taken in the order of the coordinates, so that no two threads wait
//! for one another.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 5.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};

use parking_lot::Mutex;

use super::engine::{Engine, on_threads, step};
use super::objective::Objective;
use super::order::{Order, Queue};
use super::points::{Lossy, Own, Recorder, Shared};
use super::rule::Rule;
use super::run::Counts;
use super::shared::{Cell, SharedVector};

/// How often a thread looks before it lets others run.
const SPINS: u32 = 4_096;

/// Waits until `ready`, and lets others run if that takes long: there may be more threads than cores.
pub(super) fn spin_until(ready: impl Fn() -> bool) {
    let mut spins = 0_u32;
    while !ready() {
        spins += 1;
        if spins.is_multiple_of(SPINS) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// One lock around each term.
#[derive(Debug)]
pub(super) struct OneLock<R: Rule> {
    rule: R,
    cells: Mutex<Vec<R::Cell>>,
    threads: usize,
}

impl<R: Rule> OneLock<R> {
    pub(super) fn new(rule: R, start: &[f32], threads: usize) -> Self {
        Self {
            rule,
            cells: Mutex::new(start.iter().map(|x| rule.start(*x)).collect()),
            threads,
        }
    }
}

impl<O: Objective, R: Rule> Engine<O> for OneLock<R> {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let queue = Queue::of(order);
        on_threads(&mut vec![(); self.threads], |thread, ()| {
            let mut counts = Counts::default();
            queue.work(thread, |visit| {
                let mut point = Own {
                    cells: &mut self.cells.lock(),
                    rule: self.rule,
                    rate,
                };
                step(objective, visit, &mut point, &mut counts);
            });
            counts
        })
    }

    fn parameters(&self) -> Vec<f32> {
        self.cells.lock().iter().map(|cell| cell.value()).collect()
    }
}

/// A lock for each coordinate.
#[derive(Debug)]
pub(super) struct CoordinateLocks<R: Rule> {
    rule: R,
    x: SharedVector<R::Cell>,
    held: Vec<AtomicBool>,
    threads: usize,
}

impl<R: Rule> CoordinateLocks<R> {
    pub(super) fn new(rule: R, start: &[f32], threads: usize) -> Self {
        Self {
            rule,
            x: SharedVector::new(start.iter().map(|x| rule.start(*x))),
            held: start.iter().map(|_| AtomicBool::new(false)).collect(),
            threads,
        }
    }

    fn lock(&self, v: u32) {
        let held = &self.held[v as usize];
        let take = || {
            held.compare_exchange_weak(false, true, Acquire, Relaxed)
                .is_ok()
        };
        spin_until(|| !held.load(Relaxed) && take());
    }

    fn unlock(&self, v: u32) {
        self.held[v as usize].store(false, Release);
    }
}

impl<O: Objective, R: Rule> Engine<O> for CoordinateLocks<R> {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let queue = Queue::of(order);
        on_threads(&mut vec![(); self.threads], |thread, ()| {
            let mut recorder = Recorder::new(|v| self.x.load(v).value());
            // Under the locks a plain read and write lose nothing.
            let mut point: Shared<'_, R, Lossy> = Shared {
                x: &self.x,
                rule: self.rule,
                rate,
                write: std::marker::PhantomData,
            };
            let (mut touched, mut counts) = (Vec::new(), Counts::default());
            queue.work(thread, |visit| {
                recorder.clear();
                step(objective, visit, &mut recorder, &mut counts);
                objective.touched(visit.term, &mut touched);
                touched.iter().for_each(|v| self.lock(*v));
                recorder.replay(&mut point);
                touched.iter().for_each(|v| self.unlock(*v));
            });
            counts
        })
    }

    fn parameters(&self) -> Vec<f32> {
        self.x.values()
    }
}
