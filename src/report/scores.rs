//! How good a model is on a set of data, and when that was measured.

use serde::{Deserialize, Serialize};
pub use thalweg_worker::evaluate::Scores;

/// Scores on the training data, where the regularizer counts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainScores {
    /// The same scores as on test data.
    #[serde(flatten)]
    pub scores: Scores,
    /// What training minimises: `loss` and the penalties of all tensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<f64>,
}

/// One evaluation during a run: a point of its curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationPoint {
    /// Since the run began.
    pub seconds: f64,
    /// Since the first data was dealt out.
    pub train_seconds: f64,
    /// Examples committed when the parameters were read.
    pub examples: u64,
    /// The same in passes over the training data.
    pub epoch: f64,
    /// The recent training loss; `null` before the first push.
    pub train_loss: Option<f64>,
    /// What training minimises, on training rows; absent unless `[stop] tolerance` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<f64>,
    /// The norm of the loss's gradient; absent unless `[stop] gradient_norm` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// Scores on the test data; absent of a job without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
}
