//! Learning-rate schedules: the rate as a pure function of the job's progress.
//!
//! Progress is counted in committed examples, which every shard knows from the parts it applied, so
//! a schedule means the same with one worker or fifty. Job files speak of epochs: one epoch is as
//! many examples as the training set has rows. A new schedule is one file and one line of
//! [`SCHEDULES`].

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use toml::Table;

use crate::registry::{Check, Named, SettingError, find, settings};

pub mod constant;
pub mod step;
pub mod multistep;
pub mod inverse_time;

/// Every schedule there is.
pub static SCHEDULES: &[ScheduleEntry] = &[
    constant::ENTRY,
    step::ENTRY,
    multistep::ENTRY,
    inverse_time::ENTRY,
];

/// The schedule called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn schedule(name: &str) -> Result<&'static ScheduleEntry, SettingError> {
    find("schedule", SCHEDULES, name)
}

/// A learning rate over time.
pub trait Schedule: Debug + Send + Sync {
    /// The rate after `progress` committed examples, for a job whose rate begins at `base` and whose
    /// training set has `epoch_rows` rows.
    fn rate(&self, base: f64, progress: u64, epoch_rows: u64) -> f64;
}

/// A line of [`SCHEDULES`].
#[derive(Clone, Copy, Debug)]
pub struct ScheduleEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// The formula, in words outside and letters inside.
    pub formula: &'static str,
    /// Every setting with its default, as TOML.
    pub defaults: &'static str,
    build: Build,
}

type Build = fn(&ScheduleEntry, &Table) -> Result<Box<dyn Schedule>, SettingError>;

impl ScheduleEntry {
    /// The entry of the schedule `S`.
    const fn of<S: Schedule + DeserializeOwned + Check + 'static>(
        name: &'static str,
        formula: &'static str,
        defaults: &'static str,
    ) -> Self {
        Self {
            name,
            formula,
            defaults,
            build: |entry, table| Ok(Box::new(settings::<S>(entry.name, entry.defaults, table)?)),
        }
    }

    /// Builds the schedule; what the table does not have is the default.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key, a wrong type or a value out of range.
    pub fn build(&self, table: &Table) -> Result<Box<dyn Schedule>, SettingError> {
        (self.build)(self, table)
    }
}

impl Named for ScheduleEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Epochs as a whole number of examples, at least one.
fn examples(epochs: f64, epoch_rows: u64) -> f64 {
    (epochs * as_f64(epoch_rows)).round().max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 examples")]
fn as_f64(examples: u64) -> f64 {
    examples as f64
}
