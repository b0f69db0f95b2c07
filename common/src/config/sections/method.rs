//! `[method]`: what a worker does between its pulls and its pushes.

use serde::{Deserialize, Serialize};

/// The training method of the workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Method {
    /// The method's name in the registry. Default `"downpour"`.
    pub name: String,
    /// Iterations between two pushes, ≥ 1. Default 1.
    pub n_push: u64,
    /// Iterations between two pulls, ≥ 1. Default 1.
    pub n_pull: u64,
    /// What goes on while a worker computes. Default `"full"`.
    pub overlap: Overlap,
    /// Pulls asked for ahead under overlap `full`, 1 to 64. Default 2.
    pub prefetch: usize,
    /// Learning rate of the local steps between pulls, ≥ 0; 0 takes none. Without it, the
    /// optimizer's rate where that is `sgd`, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_lr: Option<f64>,
    /// Examples that worker 0 trains on alone before the others begin. Default 0.
    pub solo_phase: u64,
}

impl Default for Method {
    fn default() -> Self {
        Self {
            name: "downpour".to_owned(),
            n_push: 1,
            n_pull: 1,
            overlap: Overlap::Full,
            prefetch: 2,
            local_lr: None,
            solo_phase: 0,
        }
    }
}

/// What of the transfer goes on while a worker computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// Nothing: pull, compute, push and wait for the acknowledgement, in this order.
    Off,
    /// Pushes.
    Push,
    /// Pushes, and pulls asked for ahead.
    Full,
}
