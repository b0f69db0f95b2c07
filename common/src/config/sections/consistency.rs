//! `[consistency]`: who waits for whom, and when the optimizer takes a step.

use serde::{Deserialize, Serialize};

use crate::consistency::{Aggregation, Consistency};

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
    /// `"round"` needs `"bsp"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
}

/// `[consistency]`, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "ConsistencyFile")]
pub struct ConsistencySection {
    /// Who waits for whom.
    pub model: Consistency,
    /// When the optimizer takes a step.
    pub aggregation: Aggregation,
}

impl From<ConsistencySection> for ConsistencyFile {
    fn from(section: ConsistencySection) -> Self {
        let (model, lag) = match section.model {
            Consistency::Asp => (ConsistencyModel::Asp, None),
            Consistency::Ssp { lag } => (ConsistencyModel::Ssp, Some(lag)),
            Consistency::Bsp => (ConsistencyModel::Bsp, None),
        };
        Self {
            model,
            lag,
            aggregation: Some(section.aggregation),
        }
    }
}
