//! The fourth station of a gradient: what of it is pushed, and when parameters are pulled anew.
//!
//! Before this station: [`crate::model`] computed a gradient. After it: [`crate::push`] cuts,
//! numbers and sends. A method decides and does nothing else: it is a state machine of events and
//! effects, and knows neither data ranges nor shards nor servers. The mechanics (granting, cutting,
//! numbering, resending, gathering) are the loop's, the same for every method.

mod downpour;

pub use downpour::Downpour;

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::ops::Range;

use thalweg_common::consistency::{Aggregation, Consistency};
use thalweg_common::message::Kind;
use thalweg_common::registry::{self, Named, SettingError};

use crate::replica::Vector;

/// How a worker trains: the fourth station as a state machine.
pub trait TrainingMethod: Debug + Send {
    /// How many iterations, from iteration `step` of this worker on, share one pull. Pulls are
    /// asked for ahead of their iterations, so this must be known before these happen.
    fn sharing(&self, step: u64) -> NonZeroU64;

    /// Whether own pushes that a server has not applied yet are wanted in [`Event::Arrived`]. They
    /// cost their memory until they are applied.
    fn rereads(&self) -> bool;

    /// Takes one event; answers what is to be done.
    fn step(&mut self, event: Event<'_>) -> Vec<Effect>;
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
    },
    /// Nothing follows for a while, or ever: what is held back must be pushed.
    HandOver,
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
    /// Push this, for everything since the last push.
    Push(Kind, Vector),
}

/// The settings that methods choose from; a method that has no use for one ignores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MethodSettings {
    /// Iterations between two pushes.
    pub n_push: NonZeroU64,
    /// Iterations between two pulls.
    pub n_pull: NonZeroU64,
    /// Rate of the local steps between pulls, ≥ 0.
    pub local_lr: f32,
}

/// A method as the registry knows it.
#[derive(Clone, Copy, Debug)]
pub struct MethodEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    check: fn(&MethodSettings, Consistency, Aggregation) -> Result<(), String>,
    build: fn(&MethodSettings) -> Box<dyn TrainingMethod>,
}

/// Every training method there is, in order of growing complexity.
pub static METHODS: &[MethodEntry] = &[downpour::ENTRY];

impl MethodEntry {
    /// The entry called `name`.
    ///
    /// # Errors
    /// [`SettingError::UnknownName`] with the names that there are.
    pub fn find(name: &str) -> Result<&'static Self, SettingError> {
        registry::find("training method", METHODS, name)
    }

    /// Refuses settings that cannot work together, naming both.
    ///
    /// # Errors
    /// What was expected, what was found, and how to mend it, in one line.
    pub fn check(
        &self,
        settings: &MethodSettings,
        consistency: Consistency,
        aggregation: Aggregation,
    ) -> Result<(), String> {
        (self.check)(settings, consistency, aggregation)
    }

    /// A method at its start.
    #[must_use]
    pub fn build(&self, settings: &MethodSettings) -> Box<dyn TrainingMethod> {
        (self.build)(settings)
    }
}

impl Named for MethodEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}
