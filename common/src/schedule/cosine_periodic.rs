//! A rate that swings between two heights along a cosine.
//!
//! ```text
//! η(t) = η₁ + (η₀ − η₁) · (1 + cos(π · t/T)) / 2
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | T | `T_max` | half a period, units, or `"job"` |
//! | η₁ | `eta_min` | the rate at the bottom, ≥ 0 |
//!
//! Source: `torch.optim.lr_scheduler.CosineAnnealingLR`, in closed form.

use serde::Deserialize;

use super::cosine::half_cosine;
use super::{DESCENDS, Moment, Schedule, ScheduleEntry, Span, make};
use crate::registry::{Check, SettingError, not_negative, positive};

/// Settings of the periodic cosine schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosinePeriodic {
    /// T > 0, or the whole job.
    #[serde(rename = "T_max")]
    pub t_max: Span,
    /// η₁ ≥ 0.
    pub eta_min: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "cosine_periodic",
    formula: "eta_min + (lr − eta_min) · (1 + cos(π · t/T_max))/2",
    source: "torch.optim.lr_scheduler.CosineAnnealingLR",
    differences: &["the closed form of torch's recursion: the same rates up to rounding"],
    defaults: "T_max = 1.0\neta_min = 0.0\n",
    make: make::<CosinePeriodic>,
};

impl Check for CosinePeriodic {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "T_max",
            self.t_max.judged(),
            "it is the time until the bottom",
        )?;
        not_negative("eta_min", self.eta_min, DESCENDS)
    }
}

impl Schedule for CosinePeriodic {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let half_periods = moment.time() / moment.length(self.t_max);
        half_cosine(base, self.eta_min, half_periods)
    }
}
