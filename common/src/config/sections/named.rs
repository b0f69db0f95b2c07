//! `[model]`, `[schedule]`, `[schedules]` and `[feedback]`: a name in a registry and that entry's own
//! keys.

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::schedule::Unit;

/// `[model]`: what turns a batch and parameters into a loss and a gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    /// The model's name in the registry. Default `"logistic_regression"`.
    pub name: String,
    /// A safetensors file with which the parameters begin. Without it, the model says how they begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_from: Option<String>,
    /// The hash of that file; the launcher writes it once it has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_hash: Option<String>,
    /// The model's own keys, judged by the registry.
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            name: "logistic_regression".to_owned(),
            init_from: None,
            init_hash: None,
            options: Table::new(),
        }
    }
}

/// `[schedule]`: how the learning rate changes with the job's progress; and each of `[schedules]`, in
/// which a missing unit was filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// The schedule's name in the registry. Default `"constant"`.
    pub name: String,
    /// What the schedule's times count. Default epochs.
    pub unit: Unit,
    /// The schedule's own keys, judged by the registry.
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            name: "constant".to_owned(),
            unit: Unit::default(),
            options: Table::new(),
        }
    }
}

/// One of `[schedules]` as it is read: how another hyper-parameter changes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ScheduleFile {
    /// See [`Schedule::name`]. No default: who names a hyper-parameter means it to change.
    pub name: String,
    /// See [`Schedule::unit`]. Default that of `[schedule]`.
    pub unit: Option<Unit>,
    /// See [`Schedule::options`].
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
}

/// `[feedback]`: how the loss changes the learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Feedback {
    /// The rule's name in the registry. Default `"none"`.
    pub name: String,
    /// Epochs between two looks at the mean training loss, > 0. Default 1.
    pub every: f64,
    /// The rule's own keys, judged by the registry.
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
}

impl Default for Feedback {
    fn default() -> Self {
        Self {
            name: "none".to_owned(),
            every: 1.0,
            options: Table::new(),
        }
    }
}
