//! A rate that falls by a factor at chosen moments.
//!
//! ```text
//! η(n) = η₀ · γ^(number of milestones ≤ n)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | `progress` | committed examples |
//! | – | `milestones` | moments, units, increasing; rounded to whole examples |
//! | γ | `gamma` | factor, > 0 |
//!
//! Source: `torch.optim.lr_scheduler.MultiStepLR`.

use serde::Deserialize;

use super::{GAMMA, IN_ORDER, Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, positive, require};

/// Settings of the multi-step schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multistep {
    /// Strictly increasing, each > 0, in units.
    pub milestones: Vec<f64>,
    /// γ > 0.
    pub gamma: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "multistep",
    formula: "lr · gamma^(milestones passed)",
    source: "torch.optim.lr_scheduler.MultiStepLR",
    differences: &[
        "a milestone may lie inside an epoch, unlike those of torch's MultiStepLR",
        "each milestone stands once",
    ],
    defaults: "milestones = [30.0, 80.0]\ngamma = 0.1\n",
    make: make::<Multistep>,
};

impl Check for Multistep {
    fn check(&self) -> Result<(), SettingError> {
        require(
            "milestones",
            0.0,
            !self.milestones.is_empty(),
            "a list with at least one time",
            "without a milestone the rate would never change; that is `constant`",
        )?;
        let mut before = 0.0;
        for &milestone in &self.milestones {
            let increases = before < milestone && milestone.is_finite();
            require(
                "milestones",
                milestone,
                increases,
                "increasing, each above 0",
                IN_ORDER,
            )?;
            before = milestone;
        }
        positive("gamma", self.gamma, GAMMA)
    }
}

impl Schedule for Multistep {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| moment.reached(at));
        passed.fold(base, |value, _| value * self.gamma)
    }
}
