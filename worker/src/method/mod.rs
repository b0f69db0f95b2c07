//! The fourth station of a gradient: what of it is pushed, and when parameters are pulled anew.
//!
//! Before this station: [`crate::model`] computed a gradient. After it: [`crate::push`] cuts,
//! numbers and sends. A method decides and does nothing else: it is a state machine of events and
//! effects, and knows neither data ranges nor shards nor servers. The mechanics (granting, cutting,
//! numbering, resending, gathering) are the loop's, the same for every method.
//!
//! A training method of the papers is this machine together with what the servers do: their rule, when
//! they take a step, who waits for whom. Its [`MethodEntry`] says all of it, so that one name in a job is
//! enough.

mod elastic;
mod entry;
mod gradients;
mod local_optimizer;
mod local_steps;
mod rounding;
mod elastic_averaging;
mod methods;
mod threads;
#[cfg(test)]
mod tests;

pub use elastic::usual_rate;
pub use elastic_averaging::ElasticAveraging;
pub use entry::{Fixed, Machine, MethodEntry, Place, Use};
pub use gradients::Gradients;
pub use local_optimizer::{BuildStore, LocalOptimizer, LocalPlan};
pub use local_steps::LocalSteps;
pub use methods::METHODS;
pub use rounding::{Remainder, Rounding};

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::ops::Range;

use thalweg_common::message::Kind;

use crate::replica::Vector;

/// How a worker trains: the fourth station as a state machine.
pub trait TrainingMethod: Debug + Send {
    /// How many iterations, from iteration `step` of this worker on, share one pull. Pulls are
    /// asked for ahead of their iterations, so this must be known before these happen.
    fn sharing(&self, step: u64) -> NonZeroU64;

    /// Whether own pushes that a server has not applied yet are wanted in [`Event::Arrived`]. They
    /// cost their memory until they are applied.
    fn rereads(&self) -> bool {
        false
    }

    /// Whether a worker has parameters of its own, which it exchanges with the servers as they are, not as
    /// they were: no pull is asked for while iterations before it are not done.
    ///
    /// Iterations that share a pull are then a period of the worker's own: the gate is asked about the
    /// first of them and not about the last, and those without data are among them, so that the periods of
    /// all workers are of the same iterations.
    fn has_own_parameters(&self) -> bool {
        false
    }

    /// Takes one event; answers what is to be done.
    fn step(&mut self, event: Event<'_>) -> Vec<Effect>;
}

/// Iterations from `step` on to the next multiple of the period: what is planned short is made up for.
fn rest_of_period(period: NonZeroU64, step: u64) -> NonZeroU64 {
    let rest = period.get() - step % period.get();
    NonZeroU64::new(rest).expect("a remainder is less than its divisor")
}

/// What happens to a method.
#[derive(Debug)]
pub enum Event<'a> {
    /// Parameters have arrived, and the next iterations compute at them.
    Arrived {
        /// What was read.
        replica: &'a mut Vector,
        /// Own pushes that the read lacks, in the order in which they were pushed.
        missing: &'a [Missing<'a>],
    },
    /// An iteration has its gradient, of the mean loss over its batch.
    Gradient {
        /// What it was computed at; the next iteration that shares the pull goes on from here.
        replica: &'a mut Vector,
        /// The gradient.
        gradient: Vector,
        /// When it is, for whoever has a learning rate of its own.
        when: When,
    },
    /// Nothing follows for a while, or ever: what is held back must be pushed.
    HandOver,
}

/// Where in the job an iteration is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    /// Examples dealt out before this batch: the job's progress, as far as a worker can know it.
    pub progress: u64,
    /// What the learning rate is multiplied by, from feedback.
    pub rate_factor: f64,
    /// Whether it is the last of those that share what was pulled.
    pub is_last: bool,
}

/// An own push that is not in what was read of one shard.
#[derive(Clone, Debug)]
pub struct Missing<'a> {
    /// The elements of the shard.
    pub elements: Range<u64>,
    /// What was pushed, to this shard and others.
    pub pushed: &'a Vector,
}

/// What a method wants done.
#[derive(Debug)]
pub enum Effect {
    /// Push this, for everything since the last push; or only the account of it.
    Push(Kind, Option<Vector>),
}

/// The settings that methods choose from; a method that has no use for one ignores it.
#[derive(Clone, Debug)]
pub struct MethodSettings {
    /// Iterations between two pushes.
    pub n_push: NonZeroU64,
    /// Iterations between two pulls.
    pub n_pull: NonZeroU64,
    /// Rate of the local steps between pulls, ≥ 0.
    pub local_lr: f32,
    /// Whether own steps that no server has applied yet are taken again on parameters that arrive.
    pub retake: bool,
    /// Local iterations from one exchange with the servers to the next.
    pub communication_period: NonZeroU64,
    /// The share of its distance from the centre that a worker gives up at an exchange.
    pub elastic_rate: f32,
    /// How a worker with parameters of its own steps; absent for methods that have none.
    pub local: Option<LocalPlan>,
}
