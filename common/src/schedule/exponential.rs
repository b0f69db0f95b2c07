//! A rate that falls by a constant factor per unit of time.
//!
//! ```text
//! η(t) = η₀ · γᵗ
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | γ | `gamma` | factor per unit, > 0 |
//!
//! Source: `torch.optim.lr_scheduler.ExponentialLR`.

use serde::Deserialize;

use super::{GAMMA, Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, positive};

/// Settings of the exponential schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// γ > 0, per unit.
    pub gamma: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "exponential",
    formula: "lr · gamma^t",
    source: "torch.optim.lr_scheduler.ExponentialLR",
    differences: &[
        "the rate falls within epochs, too, and meets that of torch's ExponentialLR at their ends",
    ],
    defaults: "gamma = 0.95\n",
    make: make::<Exponential>,
};

impl Check for Exponential {
    fn check(&self) -> Result<(), SettingError> {
        positive("gamma", self.gamma, GAMMA)
    }
}

impl Schedule for Exponential {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base * self.gamma.powf(moment.time())
    }
}
