//! Workers that push gradients, of one batch or of several: the machine of Downpour and of every method
//! in which the servers take the steps.
//!
//! ```text
//! if k mod n_pull = 0:  x ← the servers' parameters
//! a ← a + g(x);  x ← x − α·g(x)
//! if k mod n_push = 0:  push a;  a ← 0
//! k ← k + 1
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | k | `step` | iterations of this worker, from 0 |
//! | a | `accrued` | sum (not mean) of the gradients since the last push |
//! | α | `local_lr` | rate of the local steps; 0 takes none |
//!
//! The push is tested before k rises, so that the first push carries a single gradient.
//!
//! Source: Dean et al., "Large scale distributed deep networks", NIPS 2012, algorithm 7.1 of the
//! appendix.
//! Differs from it:
//! 1. Parameters that arrive lack own steps that no server has applied yet, pushed or still
//!    accrued; with α > 0 these are taken again, so that a worker never loses its own steps. With
//!    `retake` = false they are dropped, as in the paper.
//! 2. What is accrued is pushed when nothing follows, so that no example is lost.

use std::num::NonZeroU64;

use thalweg_common::message::Kind;

use super::rest_of_period;
use crate::method::{Effect, Event, MethodSettings, TrainingMethod};
use crate::replica::Vector;

/// The state of one worker.
#[derive(Debug)]
pub struct Gradients {
    n_push: NonZeroU64,
    n_pull: NonZeroU64,
    local_lr: f32,
    retake: bool,
    step: u64,
    accrued: Option<Vector>,
}

impl Gradients {
    /// At step 0, with nothing accrued.
    #[must_use]
    pub fn new(settings: &MethodSettings) -> Self {
        let MethodSettings {
            n_push,
            n_pull,
            local_lr,
            retake,
            ..
        } = *settings;
        Self {
            n_push,
            n_pull,
            local_lr,
            retake,
            step: 0,
            accrued: None,
        }
    }

    fn steps_locally(&self) -> bool {
        0.0 < self.local_lr
    }

    fn push(&mut self) -> Vec<Effect> {
        self.accrued
            .take()
            .map(|sum| Effect::Push(Kind::Gradient, Some(sum)))
            .into_iter()
            .collect()
    }
}

impl TrainingMethod for Gradients {
    fn sharing(&self, step: u64) -> NonZeroU64 {
        rest_of_period(self.n_pull, step)
    }

    fn rereads(&self) -> bool {
        self.steps_locally() && self.retake
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Effect> {
        match event {
            Event::Arrived { replica, missing } => {
                if self.rereads() {
                    for own in missing {
                        replica.descend(own.elements.clone(), own.pushed, self.local_lr);
                    }
                    if let Some(accrued) = &self.accrued {
                        replica.descend(0..u64::MAX, accrued, self.local_lr);
                    }
                }
                Vec::new()
            }
            Event::Gradient {
                replica, gradient, ..
            } => {
                if self.steps_locally() {
                    replica.descend(0..u64::MAX, &gradient, self.local_lr);
                }
                match &mut self.accrued {
                    None => self.accrued = Some(gradient),
                    Some(sum) => sum.add(&gradient),
                }
                let due = self.step.is_multiple_of(self.n_push.get());
                self.step += 1;
                if due { self.push() } else { Vec::new() }
            }
            Event::HandOver => self.push(),
        }
    }
}
