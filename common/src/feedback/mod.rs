//! Feedback: rules that change the learning rate by how the training goes.
//!
//! Unlike a [schedule](crate::schedule), such a rule has a memory, and its answer depends on losses
//! that only one place in the cluster has seen. So it runs once, where progress is counted; what it
//! decides travels with the data ranges that are dealt out after that, and a worker writes what it last
//! heard into each push: all shards apply one push at one rate.
//!
//! A new rule is one file and one line of [`FEEDBACKS`].

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use toml::Table;

use crate::registry::{Check, Entry, SettingError, find};

pub mod none;
pub mod reduce_on_plateau;
pub mod reduce_on_small_change;

/// Every feedback rule there is.
pub static FEEDBACKS: &[FeedbackEntry] = &[
    none::ENTRY,
    reduce_on_plateau::ENTRY,
    reduce_on_small_change::ENTRY,
];

/// The feedback rule called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn feedback(name: &str) -> Result<&'static FeedbackEntry, SettingError> {
    find("feedback", FEEDBACKS, name)
}

/// A learning rate that answers to the loss.
pub trait Feedback: Debug + Send + Sync {
    /// Takes the mean loss of the examples since the last call, and the rate that held for them;
    /// answers with the rate from now on.
    fn observe(&mut self, rate: f64, loss: f64) -> f64;

    /// What the rule remembers, as numbers: given to [`Self::recall`] of a fresh rule with the same
    /// settings, it goes on as if it had never stopped.
    fn memory(&self) -> Vec<f64>;

    /// Takes a memory. Answers whether it can be one of this rule; if not, nothing is changed.
    fn recall(&mut self, memory: &[f64]) -> bool;

    /// The rule with the same memory.
    fn boxed(&self) -> Box<dyn Feedback>;
}

/// A line of [`FEEDBACKS`]; it makes the rule before its first loss.
pub type FeedbackEntry = Entry<dyn Feedback>;

fn make<S: Begin + DeserializeOwned + Check>(
    entry: &FeedbackEntry,
    table: &Table,
) -> Result<Box<dyn Feedback>, SettingError> {
    Ok(Box::new(entry.settings::<S>(table)?.begin()))
}

/// Settings that a rule begins from.
trait Begin {
    /// The rule with its memory.
    type Rule: Feedback + 'static;

    /// The rule before its first loss.
    fn begin(self) -> Self::Rule;
}
