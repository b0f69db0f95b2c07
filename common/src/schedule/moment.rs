//! When: a job's progress in the units that schedules speak of.

use serde::{Deserialize, Serialize};

/// What the times of a schedule's settings count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Passes over the training set.
    #[default]
    Epochs,
    /// Batches, those of all workers counted together.
    Steps,
}

/// How many examples make up each unit of time in one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Rows of the training set.
    pub epoch: u64,
    /// Examples of a batch.
    pub step: u64,
    /// Examples of the whole job, all epochs together.
    pub job: u64,
}

impl Lengths {
    /// Those of a job of so many epochs over `rows`, in batches of so many examples.
    #[must_use]
    pub fn of(rows: u64, batch_size: u64, epochs: f64) -> Self {
        Self {
            epoch: rows,
            step: batch_size,
            job: examples(rows, epochs),
        }
    }
}

/// Examples of so many epochs over `rows`, at least one.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "epochs are a checked positive number; a job that never ends is as long as a number can be"
)]
pub fn examples(rows: u64, epochs: f64) -> u64 {
    (epochs * rows as f64).round().max(1.0) as u64
}

/// A length of time in a schedule's settings.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Span {
    /// So many units.
    Units(f64),
    /// As long as the job.
    Whole(Whole),
}

/// The word for a whole length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whole {
    /// All epochs of the job.
    Job,
}

impl Span {
    /// The number to judge: 1 for the whole job, which is as long as it is.
    pub(super) fn judged(self) -> f64 {
        match self {
            Self::Units(units) => units,
            Self::Whole(Whole::Job) => 1.0,
        }
    }
}

/// A point of a job's progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Examples since the schedule's beginning. A phase of a sequence counts its own.
    progress: f64,
    /// Examples of a unit.
    unit: f64,
    /// Examples of a step.
    step: f64,
    /// Examples of the whole job.
    job: f64,
}

impl Moment {
    /// The moment after `progress` committed examples, in units of `unit`.
    #[must_use]
    pub fn new(progress: u64, unit: Unit, lengths: &Lengths) -> Self {
        let step = as_f64(lengths.step.max(1));
        Self {
            progress: as_f64(progress),
            unit: match unit {
                Unit::Epochs => as_f64(lengths.epoch.max(1)),
                Unit::Steps => step,
            },
            step,
            job: as_f64(lengths.job.max(1)),
        }
    }

    /// The time in units.
    pub(super) fn time(&self) -> f64 {
        self.progress / self.unit
    }

    /// The step about to be taken, counted from 1: what the papers that warm up call t.
    pub(super) fn next_step(&self) -> f64 {
        self.progress / self.step + 1.0
    }

    /// Units as steps.
    pub(super) fn steps(&self, units: f64) -> f64 {
        units * self.unit / self.step
    }

    /// Units as a whole number of examples, at least one: a boundary between rates falls between
    /// two examples, wherever the rows of an epoch end.
    pub(super) fn examples(&self, units: f64) -> f64 {
        (units * self.unit).round().max(1.0)
    }

    /// Whether the time `units` has come.
    pub(super) fn reached(&self, units: f64) -> bool {
        self.examples(units) <= self.progress
    }

    /// Examples since the schedule's beginning.
    pub(super) fn progress(&self) -> f64 {
        self.progress
    }

    /// The length of `span` in units.
    pub(super) fn length(&self, span: Span) -> f64 {
        match span {
            Span::Units(units) => units,
            Span::Whole(Whole::Job) => self.job / self.unit,
        }
    }

    /// How much of `span` has passed, from 0 to 1.
    pub(super) fn share(&self, span: Span) -> f64 {
        (self.time() / self.length(span)).min(1.0)
    }

    /// The same moment for a phase that began after `examples` and is the last: its whole job is
    /// what is left of this one.
    pub(super) fn since(&self, examples: f64) -> Self {
        Self {
            progress: self.progress - examples,
            job: (self.job - examples).max(1.0),
            ..*self
        }
    }

    /// The same moment for a phase that lasts `examples`.
    pub(super) fn lasting(&self, examples: f64) -> Self {
        Self {
            job: examples,
            ..*self
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 examples")]
fn as_f64(examples: u64) -> f64 {
    examples as f64
}
