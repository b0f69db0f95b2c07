//! A rate that falls as one over time.
//!
//! ```text
//! η(t) = η₀ / (1 + k·t)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | k | `decay_rate` | ≥ 0; the rate has halved after 1/k units |
//!
//! Source: Robbins, Monro, Ann. Math. Statist. 22 (1951): rates whose sum diverges and whose squares'
//! sum does not.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, not_negative};

/// Settings of the inverse-time schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseTime {
    /// k ≥ 0, per unit.
    pub decay_rate: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "inverse_time",
    formula: "lr / (1 + decay_rate · t)",
    source: "Robbins, Monro, Ann. Math. Statist. 22 (1951)",
    differences: &[
        "time runs within epochs, too; Keras's InverseTimeDecay has the same formula with staircase = False",
    ],
    defaults: "decay_rate = 1.0\n",
    make: make::<InverseTime>,
};

impl Check for InverseTime {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "decay_rate",
            self.decay_rate,
            "below 0, the rate would grow and pass through infinity",
        )
    }
}

impl Schedule for InverseTime {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base / (1.0 + self.decay_rate * moment.time())
    }
}
