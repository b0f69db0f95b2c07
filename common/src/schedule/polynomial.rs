//! A rate that falls to zero along a power.
//!
//! ```text
//! η(t) = η₀ · (1 − min(t, T)/T)ᵖ
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | T | `total_iters` | when the rate is zero, units, or `"job"` for the end of the job |
//! | p | `power` | > 0; 1 falls along a line |
//!
//! Source: `torch.optim.lr_scheduler.PolynomialLR`.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, Span, make};
use crate::registry::{Check, SettingError, positive};

/// Settings of the polynomial schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    /// T > 0, or the whole job.
    pub total_iters: Span,
    /// p > 0.
    pub power: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "polynomial",
    formula: "lr · (1 − min(t, total_iters)/total_iters)^power",
    source: "torch.optim.lr_scheduler.PolynomialLR",
    differences: &[
        "the rate falls within epochs, too, and meets that of torch's PolynomialLR at their ends",
    ],
    defaults: "total_iters = \"job\"\npower = 1.0\n",
    make: make::<Polynomial>,
};

impl Check for Polynomial {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "total_iters",
            self.total_iters.judged(),
            "it is the time until the rate is zero",
        )?;
        positive(
            "power",
            self.power,
            "at 0 the rate would not fall, and below 0 it would grow without end",
        )
    }
}

impl Schedule for Polynomial {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base * (1.0 - moment.share(self.total_iters)).powf(self.power)
    }
}
