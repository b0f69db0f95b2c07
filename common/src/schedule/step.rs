//! A rate that falls by a factor at regular intervals.
//!
//! ```text
//! η(n) = η₀ · γ^⌊n/S⌋
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | `progress` | committed examples |
//! | S | `step_size` | interval, units; rounded to whole examples |
//! | γ | `gamma` | factor, > 0 |
//!
//! Source: `torch.optim.lr_scheduler.StepLR`.

use serde::Deserialize;

use super::{GAMMA, Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, positive};

/// Settings of the step schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// S > 0, in units.
    pub step_size: f64,
    /// γ > 0.
    pub gamma: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "step",
    formula: "lr · gamma^⌊t / step_size⌋",
    source: "torch.optim.lr_scheduler.StepLR",
    differences: &["an interval may end inside an epoch, unlike those of torch's StepLR"],
    defaults: "step_size = 10.0\ngamma = 0.1\n",
    make: make::<Step>,
};

impl Check for Step {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "step_size",
            self.step_size,
            "it is the time from one fall of the rate to the next",
        )?;
        positive("gamma", self.gamma, GAMMA)
    }
}

impl Schedule for Step {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let falls = (moment.progress() / moment.examples(self.step_size)).floor();
        base * self.gamma.powf(falls)
    }
}
