//! Elastic averaging: every worker has parameters of its own, tied by a spring to a centre that the
//! servers hold.
//!
//! ```text
//! if k mod τ = 0:  x̃ ← the servers' centre;  d = round(α·(x − x̃))
//! x ← a step of the local optimizer, with the gradient at x
//! if k mod τ = 0:  x ← x − d;  push d, by which the servers move the centre: x̃ ← x̃ + d
//! k ← k + 1
//! at the end, if steps were taken since:  d = round(α·(x − c));  x ← x − d;  push d
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | k | `step` of the loop | iterations of this worker, from 0 |
//! | x | `own` | the worker's parameters |
//! | x̃ | what is pulled | the centre |
//! | τ | `period` | iterations from one exchange to the next |
//! | c | `centre` | the centre as the last exchange left it |
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
//! iteration, so that each push accounts for examples. A worker that ends within a period exchanges once more, with
//! the centre as it last knew it: else the steps of a period that is longer than what is left would be lost.

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
    /// c, of a period that has a second iteration.
    centre: Option<Vector>,
    /// Whether steps were taken since the last exchange.
    is_ahead: bool,
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
            centre: None,
            is_ahead: false,
        }
    }

    /// d = round(α·(x − x̃)), by which worker and centre move towards each other.
    fn towards(&mut self, centre: &Vector) -> Vector {
        let (rate, x) = (self.rate, self.own.parameters());
        let pairs = x.iter().zip(&centre.values);
        let mut values: Vec<f32> = pairs.map(|(x, centre)| rate * (x - centre)).collect();
        self.rounding.round(&mut values);
        let coverage = centre.coverage.clone();
        Vector { coverage, values }
    }

    /// The exchange of a period that ends before its time: of nothing but the account of its examples, if the last
    /// exchange has told of every step.
    fn exchange_early(&mut self) -> Effect {
        let centre = self.centre.take().filter(|_| self.is_ahead);
        let difference = centre.map(|centre| self.towards(&centre));
        if let Some(difference) = &difference {
            self.own.subtract(&difference.values);
        }
        self.is_ahead = false;
        Effect::Push(Kind::Delta, difference)
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
                let difference = self.towards(replica);
                self.centre = (1 < self.period.get()).then(|| replica.clone());
                for (centre, d) in self
                    .centre
                    .iter_mut()
                    .flat_map(|c| &mut c.values)
                    .zip(&difference.values)
                {
                    *centre += d;
                }
                self.difference = Some(difference);
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
                self.is_ahead = difference.is_none();
                self.own.show(replica);
                let push = difference.map(|d| Effect::Push(Kind::Delta, Some(d)));
                push.into_iter().collect()
            }
            Event::HandOver => vec![self.exchange_early()],
        }
    }
}
