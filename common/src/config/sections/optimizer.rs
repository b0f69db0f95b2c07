//! `[optimizer]`, `[outer]` and `[regularizer]`: how gradients become steps.

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::regularizer::Chosen;

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

/// `[optimizer]`: the rule that turns gradients into steps, on the servers, or in the workers of a
/// method with local steps; and `[outer]`, the servers' rule for what these workers push.
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

/// `[regularizer]`: what holds the parameters back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularizer {
    /// λ of λ/2·‖x‖², ≥ 0, on every parameter but the biases. The optimizer says how it enters:
    /// through the gradient (coupled, g + λx) for most. Default 0.
    pub l2: f64,
    /// λ of λ·‖x‖₁, ≥ 0, on every parameter but the biases, by its proximal map: the term
    /// `l1_proximal`. Default 0.
    pub l1: f64,
    /// Further regularizers and constraints, each on the tensors that it names. Default none.
    pub terms: Vec<Chosen>,
}

impl Regularizer {
    /// Everything that acts: what `l2` and `l1` stand for, then `terms`.
    #[must_use]
    pub fn chosen(&self) -> Vec<Chosen> {
        let l2 = (0.0 < self.l2).then(|| Chosen::everywhere("l2", "l2", self.l2));
        let l1 = (0.0 < self.l1).then(|| Chosen::everywhere("l1_proximal", "l1", self.l1));
        let terms = self.terms.iter().cloned();
        l2.into_iter().chain(l1).chain(terms).collect()
    }
}
