//! Local steps: every worker runs an optimizer of its own for a while, and pushes how far it came.
//!
//! ```text
//! w ← the servers' parameters;  x ← w
//! H times:  x ← a step of the local optimizer, with the gradient at x
//! v ← w − x + e;  push ṽ = round(v), which the servers' optimizer takes for a gradient;  e ← v − ṽ
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | w | `anchor` | parameters at the beginning of a period |
//! | x | `own` | the worker's parameters |
//! | H | `period` | iterations of a period |
//! | e | `remainder` | what the pushes before were rounded by; 0 unless they are int8 |
//!
//! What the local optimizer remembers (moments, velocities) stays with the worker from period to
//! period and is not averaged. Under rounds and with plain SGD of rate 1 on the servers, w becomes the
//! mean of the x: local SGD. With Nesterov's method there it is DiLoCo.
//!
//! Source: Douillard et al., *DiLoCo: distributed low-communication training of language models*,
//! 2023, algorithm 1; Stich, *Local SGD converges fast and communicates little*, ICLR 2019.
//! Differs from them: a mean over workers is weighted by their examples.

use std::num::NonZeroU64;

use thalweg_common::message::Kind;

use super::rest_of_period;
use crate::method::{
    Effect, Event, LocalOptimizer, LocalPlan, MethodSettings, Remainder, TrainingMethod,
};
use crate::replica::Vector;

/// The state of one worker.
#[derive(Debug)]
pub struct LocalSteps {
    period: NonZeroU64,
    own: LocalOptimizer,
    remainder: Remainder,
    /// The parameters at the beginning of the period; absent between periods.
    anchor: Option<Vector>,
}

impl LocalSteps {
    /// Before the first pull.
    #[must_use]
    pub fn new(settings: &MethodSettings, local: LocalPlan) -> Self {
        Self {
            period: settings.communication_period,
            remainder: Remainder::new(local.rounding.clone()),
            own: LocalOptimizer::new(local),
            anchor: None,
        }
    }

    /// How far the worker came since the beginning of the period, against the direction of descent.
    fn push(&mut self) -> Vec<Effect> {
        let Some(mut way) = self.anchor.take() else {
            return Vec::new();
        };
        for (w, x) in way.values.iter_mut().zip(self.own.parameters()) {
            *w -= x;
        }
        self.remainder.apply(&mut way.values);
        vec![Effect::Push(Kind::Gradient, Some(way))]
    }
}

impl TrainingMethod for LocalSteps {
    fn sharing(&self, step: u64) -> NonZeroU64 {
        rest_of_period(self.period, step)
    }

    fn has_own_parameters(&self) -> bool {
        true
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Effect> {
        match event {
            Event::Arrived { replica, .. } => {
                if !self.own.begin(&replica.values) {
                    self.own.overwrite(&replica.values);
                }
                self.anchor = Some(replica.clone());
                self.own.show(replica);
                Vec::new()
            }
            Event::Gradient {
                replica,
                gradient,
                when,
            } => {
                self.own.step(&gradient, when);
                self.own.show(replica);
                if when.is_last {
                    self.push()
                } else {
                    Vec::new()
                }
            }
            Event::HandOver => self.push(),
        }
    }
}
