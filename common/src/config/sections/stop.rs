//! `[stop]`: what ends a job before its last example.

use serde::{Deserialize, Serialize};

/// `[stop]`: what ends a job before its last example, judged by the launcher at each evaluation. The
/// job is then done, and its report says by which rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    /// The score on the test data that `target` and `patience` look at, and by which the best
    /// parameters are kept. Default `"loss"`.
    pub metric: String,
    /// Ends the job when the metric is at least as good as this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Ends the job after so many evaluations in a row without a better metric, ≥ 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// By how much a metric must be better to count as better for `patience`, ≥ 0. Default 0.
    pub min_change: f64,
    /// Ends the job when the objective on the training rows of two evaluations in a row differs by
    /// no more than this part of the former one, > 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Ends the job when the L2 norm of the gradient of the mean loss over the training rows of an
    /// evaluation is no greater than this, > 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            metric: "loss".to_owned(),
            target: None,
            patience: None,
            min_change: 0.0,
            tolerance: None,
            gradient_norm: None,
        }
    }
}

impl Stop {
    /// Whether a rule looks at the test data.
    #[must_use]
    pub fn needs_test_data(&self) -> bool {
        self.target.is_some() || self.patience.is_some()
    }

    /// Whether any rule is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.needs_test_data() || self.tolerance.is_some() || self.gradient_norm.is_some()
    }
}
