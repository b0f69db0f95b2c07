//! `[train]` and `[evaluate]`: how much is trained, and how often it is looked at.

use serde::{Deserialize, Serialize};

use super::batch_size::BatchSize;
use super::class_weight::ClassWeight;
use super::quantity::{Pause, Seconds};
use crate::non_finite::NonFinite;
use crate::schedule::{Lengths, examples};

/// `[train]`: batches, length, and what a worker does with a gradient that is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Examples per batch, ≥ 1, or all. Default 16.
    pub batch_size: BatchSize,
    /// Pieces in which a batch's gradient is computed and added up, 1 to `batch_size`. Default 1.
    pub accumulate: u64,
    /// Passes over the training data, > 0, also a part of one. Default 1.
    pub epochs: f64,
    /// The most examples to train, ≥ 1. Without it, `epochs` alone counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examples: Option<u64>,
    /// The longest time to train, seconds, > 0. Without it, no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Seconds>,
    /// What a pull asks for. Default `"auto"`.
    pub pull: PullExtent,
    /// Time that a worker sleeps per batch, to play a slower machine. Default `"0ms"`.
    pub compute: Pause,
    /// What happens to a gradient with NaN or infinity. Default `"reject"`.
    pub non_finite: NonFinite,
    /// How much the loss of a row counts, by its class. Without it, all count 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weight: Option<ClassWeight>,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: BatchSize::Rows(16),
            accumulate: 1,
            epochs: 1.0,
            examples: None,
            seconds: None,
            pull: PullExtent::Auto,
            compute: Pause::default(),
            non_finite: NonFinite::Reject,
            class_weight: None,
        }
    }
}

impl Train {
    /// Examples at which a job over so many rows ends, at least one.
    #[must_use]
    pub fn examples_total(&self, rows: u64) -> u64 {
        examples(rows, self.epochs).min(self.examples.unwrap_or(u64::MAX))
    }

    /// How long such a job is, and its epochs and steps.
    ///
    /// # Panics
    /// When the batch size depends on data that are not known.
    #[must_use]
    pub fn lengths(&self, rows: u64) -> Lengths {
        Lengths {
            epoch: rows,
            step: self.batch_size.rows(),
            job: self.examples_total(rows),
        }
    }
}

/// What a pull asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullExtent {
    /// Whichever of the two moves fewer bytes.
    Auto,
    /// The coordinates that the coming batches touch.
    Sparse,
    /// Every parameter.
    Whole,
}

/// `[evaluate]`: how often the model is judged, on its own time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluate {
    /// Epochs between two evaluations, ≥ 0; 0 evaluates at the end only. Default 0.1.
    pub every: f64,
    /// Training rows that an evaluation looks at, at most; 0 looks at all. Default 20 000.
    pub train_rows: u64,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            every: 0.1,
            train_rows: 20_000,
        }
    }
}
