//! Downpour: accrue gradients, push their sum, pull now and then, step locally in between.
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
//!    accrued; with α > 0 these are taken again, so that a worker never loses its own steps.
//! 2. What is accrued is pushed when nothing follows, so that no example is lost.

use std::num::NonZeroU64;

use thalweg_common::consistency::{Aggregation, Consistency};
use thalweg_common::message::Kind;

use crate::method::{Effect, Event, MethodEntry, MethodSettings, TrainingMethod};
use crate::replica::Vector;

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "downpour",
    about: "accrue n_push gradients and push their sum; pull every n_pull iterations",
    source: "Dean et al., NIPS 2012",
    check,
    build: |settings| Box::new(Downpour::new(settings)),
};

/// The state of one worker.
#[derive(Debug)]
pub struct Downpour {
    n_push: NonZeroU64,
    n_pull: NonZeroU64,
    local_lr: f32,
    step: u64,
    accrued: Option<Vector>,
}

impl Downpour {
    /// At step 0, with nothing accrued.
    #[must_use]
    pub fn new(settings: &MethodSettings) -> Self {
        let MethodSettings {
            n_push,
            n_pull,
            local_lr,
        } = *settings;
        Self {
            n_push,
            n_pull,
            local_lr,
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
            .map(|sum| Effect::Push(Kind::Gradient, sum))
            .into_iter()
            .collect()
    }
}

impl TrainingMethod for Downpour {
    fn sharing(&self, step: u64) -> NonZeroU64 {
        let n = self.n_pull.get();
        NonZeroU64::new(n - step % n).expect("a remainder is less than its divisor")
    }

    fn rereads(&self) -> bool {
        self.steps_locally()
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Effect> {
        match event {
            Event::Arrived { replica, missing } => {
                if self.steps_locally() {
                    for own in missing {
                        replica.descend(own.elements.clone(), own.pushed, self.local_lr);
                    }
                    if let Some(accrued) = &self.accrued {
                        replica.descend(0..u64::MAX, accrued, self.local_lr);
                    }
                }
                Vec::new()
            }
            Event::Gradient { replica, gradient } => {
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

/// A worker may be `n_push − 1` iterations ahead of what it has pushed, and asks for parameters
/// that `n_pull` iterations use: with a smaller lag all workers would wait for each other's
/// accrued gradients.
fn check(
    settings: &MethodSettings,
    consistency: Consistency,
    aggregation: Aggregation,
) -> Result<(), String> {
    let (n_push, n_pull) = (settings.n_push.get(), settings.n_pull.get());
    let lag = match consistency {
        Consistency::Bsp => 0,
        Consistency::Ssp { lag } => lag,
        Consistency::Asp => u64::MAX,
    };
    let needed = (n_push - 1).saturating_add(n_pull - 1);
    if lag < needed {
        return Err(format!(
            "downpour with n_push = {n_push} and n_pull = {n_pull} needs a clock lag of at least \
             {needed}, found [consistency] {consistency}; set [consistency] model = \"ssp\" with lag = {needed} \
             or more, or n_push = n_pull = 1"
        ));
    }
    if aggregation == Aggregation::Round && 0 < lag && 0.0 < settings.local_lr {
        return Err(format!(
            "downpour with local_lr = {} and [consistency] {consistency} would step by its own gradients while \
             a round waits to step by the mean of all workers'; set [method] local_lr = 0, or \
             [consistency] model = \"bsp\"",
            settings.local_lr
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
