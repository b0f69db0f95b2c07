//! A rate that falls along half a cosine, and stays at the bottom.
//!
//! ```text
//! η(t) = η₁ + (η₀ − η₁) · (1 + cos(π · min(t, T)/T)) / 2
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | T | `T_max` | when the bottom is reached, units, or `"job"` for the end of the job |
//! | η₁ | `eta_min` | the rate at the bottom, ≥ 0 |
//!
//! Source: Loshchilov, Hutter, *SGDR*, ICLR 2017, equation 5, without restarts.

use std::f64::consts::PI;

use serde::Deserialize;

use super::{DESCENDS, Moment, Schedule, ScheduleEntry, Span, make};
use crate::registry::{Check, SettingError, not_negative, positive};

/// Settings of the cosine schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosine {
    /// T > 0, or the whole job.
    #[serde(rename = "T_max")]
    pub t_max: Span,
    /// η₁ ≥ 0.
    pub eta_min: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "cosine",
    formula: "eta_min + (lr − eta_min) · (1 + cos(π · min(t, T_max)/T_max))/2",
    source: "Loshchilov, Hutter, ICLR 2017, equation 5",
    differences: &["torch's CosineAnnealingLR rises again after T_max: that is `cosine_periodic`"],
    defaults: "T_max = \"job\"\neta_min = 0.0\n",
    make: make::<Cosine>,
};

impl Check for Cosine {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "T_max",
            self.t_max.judged(),
            "it is the time until the bottom",
        )?;
        not_negative("eta_min", self.eta_min, DESCENDS)
    }
}

impl Schedule for Cosine {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        half_cosine(base, self.eta_min, moment.share(self.t_max))
    }
}

/// From `high` to `low` along half a cosine, of which `share` has passed.
pub(super) fn half_cosine(high: f64, low: f64, share: f64) -> f64 {
    low + (high - low) * (1.0 + (PI * share).cos()) / 2.0
}
