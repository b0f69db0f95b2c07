//! Known results on data that come with the binary, printed beside ours.

use thalweg_common::config::JobConfig;

use crate::report::{Reference, Scores};

/// Test scores of others on the flights set, with where they come from.
const FLIGHTS: [(&str, f64, f64); 2] = [
    (
        "sequential AdaGrad, lr 0.05, one pass, one thread",
        0.4998,
        0.7294,
    ),
    (
        "scikit-learn LogisticRegression at its best lambda",
        0.4983,
        0.7315,
    ),
];

/// Known results for a job's data and model; none for data of the user's own.
pub(super) fn references(config: &JobConfig) -> Vec<Reference> {
    if config.data.name != "flights" || config.model.name != "logistic_regression" {
        return Vec::new();
    }
    FLIGHTS
        .iter()
        .map(|(name, log_loss, auc)| Reference {
            name: (*name).to_owned(),
            test: Scores {
                log_loss: Some(*log_loss),
                auc: Some(*auc),
                ..Scores::default()
            },
        })
        .collect()
}
