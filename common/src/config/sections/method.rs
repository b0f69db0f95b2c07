//! `[method]`: what workers do between their pulls and their pushes, and what it takes of servers.

use serde::{Deserialize, Serialize};

use crate::push_format::PushFormat;

/// The training method.
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
    /// Iterations of its own that a worker of a method with local steps takes from one exchange with the
    /// servers to the next, ≥ 1. Default 1; each such method has one of its own.
    pub communication_period: u64,
    /// How workers of a method with local steps write what they push. Default `"f32"`.
    pub push_format: PushFormat,
    /// α of elastic averaging, > 0: the share of its distance from the centre by which a worker and the
    /// centre move towards each other. Without it, 0.9 divided by the number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic_rate: Option<f64>,
    /// Learning rate of the local steps between pulls, ≥ 0; 0 takes none. Without it, the
    /// optimizer's rate where that is `sgd`, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_lr: Option<f64>,
    /// Whether a worker takes its own steps again that no server has applied yet, on parameters that
    /// arrive; false drops them, as the paper's algorithm does. Default true.
    pub retake: bool,
    /// Examples that worker 0 trains on alone before the others begin. Default 0.
    pub solo_phase: u64,
    /// Whether an update may be lost that threads make at once, of `hogwild`. Without it, none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates: Option<Updates>,
    /// How threads on one model draw rows. Without it, without replacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
}

impl Default for Method {
    fn default() -> Self {
        Self {
            name: "downpour".to_owned(),
            n_push: 1,
            n_pull: 1,
            overlap: Overlap::Full,
            prefetch: 2,
            communication_period: 1,
            push_format: PushFormat::F32,
            elastic_rate: None,
            local_lr: None,
            retake: true,
            solo_phase: 0,
            updates: None,
            sampling: None,
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

/// What becomes of updates of one parameter that threads make at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Updates {
    /// All are there in the end.
    Exact,
    /// One may overwrite another. Faster.
    Lossy,
}

impl Updates {
    /// Its name in a job.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Lossy => "lossy",
        }
    }
}

/// How threads on one model draw rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Each row once per epoch, in an order of the epoch's own; all of its parameters are updated.
    WithoutReplacement,
    /// As many draws as there are rows, of which each updates one random parameter of its row, by as many
    /// times its slope as the row has of them: what the paper of Hogwild! analyses.
    WithReplacement,
}

impl Sampling {
    /// Its name in a job.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WithoutReplacement => "without_replacement",
            Self::WithReplacement => "with_replacement",
        }
    }
}
