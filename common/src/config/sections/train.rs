//! `[train]` and `[evaluate]`: how much is trained, and how often it is looked at.

use serde::{Deserialize, Serialize};

use super::class_weight::ClassWeight;
use super::quantity::{Pause, Seconds};
use crate::non_finite::NonFinite;

/// `[train]`: batches, length, and what a worker does with a gradient that is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Examples per batch, ≥ 1. Default 16.
    pub batch_size: u64,
    /// Pieces in which a batch's gradient is computed and added up, 1 to `batch_size`. Default 1.
    pub accumulate: u64,
    /// Passes over the training data, > 0, also a part of one. Default 1.
    pub epochs: f64,
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
            batch_size: 16,
            accumulate: 1,
            epochs: 1.0,
            seconds: None,
            pull: PullExtent::Auto,
            compute: Pause::default(),
            non_finite: NonFinite::Reject,
            class_weight: None,
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
