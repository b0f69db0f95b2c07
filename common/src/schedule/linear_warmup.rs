//! A rate that grows along a line to its full height, and stays.
//!
//! ```text
//! η(n) = η₀ · min(1, n/W)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | the step about to be taken | steps, from 1: the first step is taken, if small |
//! | W | `warmup` | units, counted in steps by the formula |
//!
//! Source: Goyal et al., *Accurate, large minibatch SGD*, 2017, section 2.2. Put another schedule
//! behind it with `sequence`.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, positive};

/// Settings of the linear warm-up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearWarmup {
    /// W > 0, in units.
    pub warmup: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "linear_warmup",
    formula: "lr · min(1, step / warmup)",
    source: "Goyal et al., arXiv:1706.02677 (2017), section 2.2",
    differences: &[
        "the rate begins at one step's share of lr, the paper's at the rate of a single machine",
        "torch's LinearLR begins at start_factor",
    ],
    defaults: "warmup = 1.0\n",
    make: make::<LinearWarmup>,
};

impl Check for LinearWarmup {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "warmup",
            self.warmup,
            "it is the time until the rate has risen",
        )
    }
}

impl Schedule for LinearWarmup {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base * (moment.next_step() / moment.steps(self.warmup)).min(1.0)
    }
}
