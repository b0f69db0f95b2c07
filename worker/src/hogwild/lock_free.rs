//! Hogwild! itself: threads that share one model and hold no lock.

use std::marker::PhantomData;

use super::engine::{Engine, on_threads, step};
use super::objective::Objective;
use super::order::{Order, Queue};
use super::points::{Lossy, Shared, Write};
use super::rule::{CountingSgd, Rule};
use super::run::Counts;
use super::shared::SharedVector;

/// Threads over one shared vector.
#[derive(Debug)]
pub(super) struct LockFree<R: Rule, W> {
    rule: R,
    x: SharedVector<R::Cell>,
    threads: usize,
    write: PhantomData<W>,
}

impl<R: Rule, W: Write> LockFree<R, W> {
    pub(super) fn new(rule: R, start: &[f32], threads: usize) -> Self {
        Self {
            rule,
            x: SharedVector::new(start.iter().map(|x| rule.start(*x))),
            threads,
            write: PhantomData,
        }
    }
}

impl<O: Objective, R: Rule, W: Write> Engine<O> for LockFree<R, W> {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let queue = Queue::of(order);
        on_threads(&mut vec![(); self.threads], |thread, ()| {
            let mut point: Shared<'_, R, W> = Shared {
                x: &self.x,
                rule: self.rule,
                rate,
                write: PhantomData,
            };
            let mut counts = Counts::default();
            queue.work(thread, |visit| {
                step(objective, visit, &mut point, &mut counts);
            });
            counts
        })
    }

    fn parameters(&self) -> Vec<f32> {
        self.x.values()
    }
}

/// Hogwild! with lossy updates, and what was lost.
#[derive(Debug)]
pub(super) struct Counting(LockFree<CountingSgd, Lossy>);

impl Counting {
    pub(super) fn new(start: &[f32], threads: usize) -> Self {
        Self(LockFree::new(CountingSgd, start, threads))
    }
}

impl<O: Objective> Engine<O> for Counting {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let mut counts = self.0.epoch(objective, order, rate);
        let x = &self.0.x;
        let mut arrived = 0;
        for v in 0..x.len() {
            let cell = x.load(v);
            arrived += u64::from(cell.count);
            x.store(v, CountingSgd.start(cell.value));
        }
        counts.lost = Some(counts.updates - arrived);
        counts
    }

    fn parameters(&self) -> Vec<f32> {
        self.0.x.values()
    }
}
