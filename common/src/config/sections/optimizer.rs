//! `[optimizer]` and `[regularizer]`: how the servers turn gradients into steps.

use serde::{Deserialize, Serialize};
use toml::Table;

/// `[optimizer]` as it is read: the learning rate may still be missing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct OptimizerFile {
    /// See [`Optimizer::name`].
    pub name: String,
    /// See [`Optimizer::lr`].
    pub lr: Option<f64>,
    /// See [`Optimizer::options`].
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
}

impl Default for OptimizerFile {
    fn default() -> Self {
        Self {
            name: "adagrad".to_owned(),
            lr: None,
            options: Table::new(),
        }
    }
}

/// `[optimizer]`: the rule that the servers run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimizer {
    /// The optimizer's name in the registry. Default `"adagrad"`.
    pub name: String,
    /// The learning rate before the schedule acts on it, > 0. No default: no value is right for
    /// every rule.
    pub lr: f64,
    /// The rule's own hyper-parameters, judged by the registry.
    #[serde(flatten)]
    pub options: Table,
}

/// `[regularizer]`: what is added to the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularizer {
    /// λ of λ/2·‖x‖², ≥ 0, on every parameter but the biases. The optimizer says how it enters:
    /// through the gradient (coupled, g + λx) for most. Default 0.
    pub l2: f64,
}
