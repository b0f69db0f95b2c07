//! The paper's baseline "RR": threads compute gradients side by side and update one after the other, in
//! an order that is fixed before the epoch begins. They spin until it is their turn.
//!
//! Source: Langford, Smola, Zinkevich, "Slow learners are fast", NIPS 2009; as a baseline in Niu, Recht,
//! Ré, Wright, *Hogwild!*, NIPS 2011, section 5.

use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Release},
};

use super::engine::{Engine, on_threads, step};
use super::locked::spin_until;
use super::objective::Objective;
use super::order::Order;
use super::points::{Lossy, Recorder, Shared};
use super::rule::Rule;
use super::run::Counts;
use super::shared::{Cell, SharedVector};

/// Threads that take turns.
#[derive(Debug)]
pub(super) struct RoundRobin<R: Rule> {
    rule: R,
    x: SharedVector<R::Cell>,
    threads: usize,
}

impl<R: Rule> RoundRobin<R> {
    pub(super) fn new(rule: R, start: &[f32], threads: usize) -> Self {
        Self {
            rule,
            x: SharedVector::new(start.iter().map(|x| rule.start(*x))),
            threads,
        }
    }
}

impl<O: Objective, R: Rule> Engine<O> for RoundRobin<R> {
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        let turn = AtomicUsize::new(0);
        on_threads(&mut vec![(); self.threads], |thread, ()| {
            let mut recorder = Recorder::new(|v| self.x.load(v).value());
            // Nobody else writes during a turn, so that a plain read and write lose nothing.
            let mut point: Shared<'_, R, Lossy> = Shared {
                x: &self.x,
                rule: self.rule,
                rate,
                write: std::marker::PhantomData,
            };
            let mut counts = Counts::default();
            for position in (thread..order.positions()).step_by(self.threads) {
                recorder.clear();
                if let Some(visit) = order.at(position) {
                    step(objective, visit, &mut recorder, &mut counts);
                }
                spin_until(|| turn.load(Acquire) == position);
                recorder.replay(&mut point);
                turn.store(position + 1, Release);
            }
            counts
        })
    }

    fn parameters(&self) -> Vec<f32> {
        self.x.values()
    }
}
