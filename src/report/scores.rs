//! How good a model is on a set of data, and when that was measured.

use serde::{Deserialize, Serialize};

/// Scores of a model on one set of data. A score that does not apply to the model is absent; one
/// that is not a finite number is `null` in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// The mean loss per example that training minimises, without the regularizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// The mean negative log-likelihood per example, nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// The share of examples whose likeliest class is the true one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The area under the ROC curve, ties counted half; two classes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// The root of the mean squared error; regression only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
}

impl Scores {
    /// The scores that apply, by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = [
            ("loss", self.loss),
            ("log_loss", self.log_loss),
            ("accuracy", self.accuracy),
            ("auc", self.auc),
            ("rmse", self.rmse),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// The scores that apply, each number once: where the loss is the log-loss, only the latter.
    pub fn telling(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let twice = self.loss.map(f64::to_bits) == self.log_loss.map(f64::to_bits);
        self.named()
            .filter(move |(name, _)| !(twice && *name == "loss"))
    }
}

/// Scores on the training data, where the regularizer counts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainScores {
    /// The same scores as on test data.
    #[serde(flatten)]
    pub scores: Scores,
    /// What training minimises: `loss` + l2/2 · the squared norm of the regularized tensors.
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
    /// Scores on the test data; absent of a job without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_do_not_apply_are_absent_and_those_that_diverged_are_null() {
        let scores = Scores {
            loss: Some(f64::NAN),
            auc: Some(0.75),
            ..Scores::default()
        };
        let json = serde_json::to_string(&scores).unwrap();
        assert_eq!(json, r#"{"loss":null,"auc":0.75}"#);
    }

    #[test]
    fn a_loss_that_is_the_log_loss_is_told_once() {
        let mut scores = Scores {
            loss: Some(0.5),
            log_loss: Some(0.5),
            ..Scores::default()
        };
        assert_eq!(scores.telling().collect::<Vec<_>>(), [("log_loss", 0.5)]);
        scores.loss = Some(0.6);
        assert_eq!(scores.telling().count(), 2);
    }
}
