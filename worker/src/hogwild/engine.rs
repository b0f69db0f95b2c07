//! What all schemes share: an epoch over an order, threads that end before it does, and the plain loop.

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::thread;

use super::objective::{Objective, Point};
use super::order::{Order, Queue, Visit, below};
use super::points::{One, Own};
use super::rule::Rule;
use super::run::Counts;
use super::shared::Cell;

/// A scheme with its model.
pub(super) trait Engine<O>: Debug {
    /// One epoch at this rate.
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts;

    /// The parameters between two epochs.
    fn parameters(&self) -> Vec<f32>;
}

/// Lets a term step; counts it.
#[inline]
pub(super) fn step<O: Objective, P: Point>(
    objective: &O,
    visit: Visit,
    point: &mut P,
    counts: &mut Counts,
) {
    counts.terms += 1;
    let Some(word) = visit.word else {
        counts.updates += objective.slopes(visit.term, point) as u64;
        return;
    };
    let size = objective.size(visit.term);
    let mut one = One {
        point,
        kept: below(word, size),
        factor: size as f32,
        seen: 0,
        changed: 0,
    };
    objective.slopes(visit.term, &mut one);
    counts.updates += one.changed as u64;
}

/// Calls `work` on a thread for each state, the last of them on this one, and adds up the counts.
pub(super) fn on_threads<S: Send>(
    states: &mut [S],
    work: impl Fn(usize, &mut S) -> Counts + Sync,
) -> Counts {
    let Some((own, others)) = states.split_last_mut() else {
        return Counts::default();
    };
    let work = &work;
    thread::scope(|scope| {
        let number = others.len();
        let handles: Vec<_> = others
            .iter_mut()
            .enumerate()
            .map(|(number, state)| scope.spawn(move || work(number, state)))
            .collect();
        let mut counts = work(number, own);
        for handle in handles {
            match handle.join() {
                Ok(more) => counts.add(&more),
                Err(panic) => resume_unwind(panic),
            }
        }
        counts
    })
}

/// One thread and a plain loop.
#[derive(Debug)]
pub(super) struct Sequential<R: Rule> {
    rule: R,
    cells: Vec<R::Cell>,
}

impl<R: Rule> Sequential<R> {
    pub(super) fn new(rule: R, start: &[f32]) -> Self {
        Self {
            rule,
            cells: start.iter().map(|x| rule.start(*x)).collect(),
        }
    }
}

impl<O: Objective, R: Rule> Engine<O> for Sequential<R> {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let mut point = Own {
            cells: &mut self.cells,
            rule: self.rule,
            rate,
        };
        let mut counts = Counts::default();
        let queue = Queue::of(order);
        queue.work(0, |visit| {
            step(objective, visit, &mut point, &mut counts);
        });
        counts
    }

    fn parameters(&self) -> Vec<f32> {
        self.cells.iter().map(|cell| cell.value()).collect()
    }
}
