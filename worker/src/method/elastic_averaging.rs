//! Elastic averaging: every worker has parameters of its own, tied by a spring to a centre that the
//! servers hold.
//!
//! ```text
//! if k mod τ = 0:  x̃ ← the servers' centre;  d = round(α·(x − x̃))
//! x ← a step of the local optimizer, with the gradient at x
//! if k mod τ = 0:  x ← x − d;  push d, by which the servers move the centre: x̃ ← x̃ + d
//! k ← k + 1
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | k | `step` of the loop | iterations of this worker, from 0 |
//! | x | `own` | the worker's parameters |
//! | x̃ | what is pulled | the centre |
//! | τ | `period` | iterations from one exchange to the next |
//! | α | `rate` | share of the distance by which both move towards each other |
//!
//! The gradient is taken before the spring acts. With SGD as the local optimizer this is EASGD, with
//! Nesterov's method, whose gradient is taken at the point ahead, EAMSGD. Under rounds the centre moves
//! by the sum of all workers' differences, which is the synchronous form.
//!
//! What is pushed in fewer bytes is rounded first, so that a worker gives up exactly what the centre gets.
//! What rounding leaves out stays in x − x̃, and acts at the next exchange: no other memory of it is needed.
//!
//! Source: Zhang, Choromanska, `LeCun`, *Deep learning with elastic averaging SGD*, NIPS 2015,
//! algorithms 1 and 2.
//! Differs from it: a worker begins at the centre that it finds, and pushes d after the gradient of its
//! iteration, so that each push accounts for examples.

use std::num::NonZeroU64;

use thalweg_common::message::Kind;

use super::rest_of_period;
use crate::method::{
    Effect, Event, LocalOptimizer, LocalPlan, MethodSettings, Rounding, TrainingMethod,
};
use crate::replica::Vector;

/// The state of one worker.
#[derive(Debug)]
pub struct ElasticAveraging {
    period: NonZeroU64,
    rate: f32,
    rounding: Rounding,
    own: LocalOptimizer,
    /// d, between the pull and the step of its iteration.
    difference: Option<Vector>,
}

impl ElasticAveraging {
    /// Before the first pull.
    #[must_use]
    pub fn new(settings: &MethodSettings, local: LocalPlan) -> Self {
        Self {
            period: settings.communication_period,
            rate: settings.elastic_rate,
            rounding: local.rounding.clone(),
            own: LocalOptimizer::new(local),
            difference: None,
        }
    }
}

impl TrainingMethod for ElasticAveraging {
    fn sharing(&self, step: u64) -> NonZeroU64 {
        rest_of_period(self.period, step)
    }

    fn has_own_parameters(&self) -> bool {
        true
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Effect> {
        match event {
            Event::Arrived { replica, .. } => {
                self.own.begin(&replica.values);
                let (rate, x) = (self.rate, self.own.parameters());
                let pairs = x.iter().zip(&replica.values);
                let mut values: Vec<f32> = pairs.map(|(x, centre)| rate * (x - centre)).collect();
                self.rounding.round(&mut values);
                let coverage = replica.coverage.clone();
                self.difference = Some(Vector { coverage, values });
                self.own.show(replica);
                Vec::new()
            }
            Event::Gradient {
                replica,
                gradient,
                when,
            } => {
                self.own.step(&gradient, when);
                let difference = self.difference.take();
                if let Some(difference) = &difference {
                    self.own.subtract(&difference.values);
                }
                self.own.show(replica);
                let push = difference.map(|d| Effect::Push(Kind::Delta, Some(d)));
                push.into_iter().collect()
            }
            // The account of the last examples; their steps are the worker's own.
            Event::HandOver => vec![Effect::Push(Kind::Delta, None)],
        }
    }
}
