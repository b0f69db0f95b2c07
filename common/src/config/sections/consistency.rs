//! `[consistency]`: who waits for whom, and when the optimizer takes a step.

use serde::{Deserialize, Serialize};

use crate::consistency::{Aggregation, BeyondLimit, Consistency, Staleness, StalenessRate};

/// The consistency model's name in a job file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsistencyModel {
    /// Asynchronous: nobody waits.
    #[default]
    Asp,
    /// Stale-synchronous: at most `lag` iterations ahead of the slowest.
    Ssp,
    /// Bulk-synchronous: everybody waits for all.
    Bsp,
}

/// When the optimizer takes a step, by its name in a job file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregationName {
    /// Once per push.
    Push,
    /// Once per round of all workers.
    Round,
    /// Once per split of the workers.
    Softsync,
}

/// `[consistency]` as it is read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsistencyFile {
    /// Who waits for whom. Default `"asp"`.
    pub model: ConsistencyModel,
    /// The permitted clock lag, iterations, ≥ 1: needed for `"ssp"`, refused otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// When the optimizer takes a step. Default `"round"` for `"bsp"`, `"push"` otherwise;
    /// `"round"` needs `"bsp"`, and `"softsync"` cannot have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<AggregationName>,
    /// Workers that a round does not wait for, below the number of workers: only with `"round"`.
    /// Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_workers: Option<u32>,
    /// Into how many splits `"softsync"` divides the workers, from 1 to their number: needed for it,
    /// refused otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub splits: Option<u32>,
    /// How the rate of a gradient depends on its staleness. Default `"constant"`.
    pub staleness_rate: StalenessRate,
    /// The most staleness that is permitted, steps of a shard. Without it, any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staleness_limit: Option<u64>,
    /// What becomes of a gradient beyond that limit. Default `"reject"`.
    pub beyond_limit: BeyondLimit,
}

/// `[consistency]`, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "ConsistencyFile")]
pub struct ConsistencySection {
    /// Who waits for whom.
    pub model: Consistency,
    /// When the optimizer takes a step.
    pub aggregation: Aggregation,
    /// What staleness does to a gradient.
    pub staleness: Staleness,
}

impl From<ConsistencySection> for ConsistencyFile {
    fn from(section: ConsistencySection) -> Self {
        let (model, lag) = match section.model {
            Consistency::Asp => (ConsistencyModel::Asp, None),
            Consistency::Ssp { lag } => (ConsistencyModel::Ssp, Some(lag)),
            Consistency::Bsp => (ConsistencyModel::Bsp, None),
        };
        let (aggregation, backup_workers, splits) = match section.aggregation {
            Aggregation::Push => (AggregationName::Push, Some(0), None),
            Aggregation::Round { backup_workers } => {
                (AggregationName::Round, Some(backup_workers), None)
            }
            Aggregation::Softsync { splits } => (AggregationName::Softsync, Some(0), Some(splits)),
        };
        Self {
            model,
            lag,
            aggregation: Some(aggregation),
            backup_workers,
            splits,
            staleness_rate: section.staleness.rate,
            staleness_limit: section.staleness.limit,
            beyond_limit: section.staleness.beyond,
        }
    }
}
