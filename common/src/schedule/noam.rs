//! A rate that grows along a line and then falls as one over the root of time.
//!
//! ```text
//! η(n) = η₀ · min(n^(−1/2), n · W^(−3/2))
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | the step about to be taken | steps, from 1 |
//! | W | `warmup` | when the rate is highest, η₀/√W; units, counted in steps by the formula |
//!
//! Source: Vaswani et al., *Attention is all you need*, 2017, section 5.3, equation 3; its
//! `d_model^(−1/2)` is part of η₀.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, positive};

/// Settings of the Noam schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noam {
    /// W > 0, in units.
    pub warmup: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "noam",
    formula: "lr · min(step^−½, step · warmup^−3⁄2), warmup in steps",
    source: "Vaswani et al., NIPS 2017, section 5.3",
    differences: &["the paper's d_model^(−1/2) is part of lr"],
    defaults: "warmup = 1.0\n",
    make: make::<Noam>,
};

impl Check for Noam {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "warmup",
            self.warmup,
            "it is the time until the rate has risen",
        )
    }
}

impl Schedule for Noam {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let (step, warmup) = (moment.next_step(), moment.steps(self.warmup));
        base * step.powf(-0.5).min(step * warmup.powf(-1.5))
    }
}
