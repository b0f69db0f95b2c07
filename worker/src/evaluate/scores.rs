//! The scores that there are: their names, in the order in which they are shown. Reports, displays
//! and tests speak of scores through this one type.

use serde::{Deserialize, Serialize};

/// Scores of a model on one set of data. A score that does not apply to the model is absent; one
/// that is not a finite number is `null` in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// The mean loss per example that training minimises, weighted as the job says, without the
    /// regularizer.
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
    /// The harmonic mean of precision and recall: of the class +1 where there are two, else the mean
    /// over the classes that occur as label or prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// The expected calibration error over 15 bins; only of models that tell probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// The root of the mean squared error; regression only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
    /// The mean absolute error; regression only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// The share of the labels' variance that the predictions explain; regression only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
}

impl Scores {
    /// Every name that a score can have, in the order of [`Self::named`].
    pub const NAMES: [&'static str; 9] = [
        "loss",
        "log_loss",
        "accuracy",
        "auc",
        "f1",
        "calibration_error",
        "rmse",
        "mae",
        "r2",
    ];

    /// Scores of which more is better; of all others less is.
    const RISING: &'static [&'static str] = &["accuracy", "auc", "f1", "r2"];

    /// Whether more of the score is better.
    #[must_use]
    pub fn rises(name: &str) -> bool {
        Self::RISING.contains(&name)
    }

    /// The score called `name`, if it applies.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<f64> {
        self.named()
            .find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The scores that apply, by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let values = [
            self.loss,
            self.log_loss,
            self.accuracy,
            self.auc,
            self.f1,
            self.calibration_error,
            self.rmse,
            self.mae,
            self.r2,
        ];
        Self::NAMES
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// The scores that apply, each number once: where the loss is the log-loss, only the latter.
    pub fn telling(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let twice = self.loss.map(f64::to_bits) == self.log_loss.map(f64::to_bits);
        self.named()
            .filter(move |(name, _)| !(twice && *name == "loss"))
    }
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
