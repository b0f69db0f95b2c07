//! A rate that falls as one over the root of time.
//!
//! ```text
//! η(t) = η₀ / √(1 + k·t)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | k | `decay_rate` | ≥ 0; the rate has halved after 3/k units |
//!
//! Source: Zinkevich, ICML 2003: with a rate of 1/√t the regret of online gradient descent grows as
//! √T on any convex loss.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, not_negative};

/// Settings of the inverse-square-root schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseSqrt {
    /// k ≥ 0, per unit.
    pub decay_rate: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "inverse_sqrt",
    formula: "lr / √(1 + decay_rate · t)",
    source: "Zinkevich, ICML 2003",
    differences: &[
        "the paper's rate is lr/√t, which has no value at t = 0: here decay_rate·t + 1 takes the place of t",
    ],
    defaults: "decay_rate = 1.0\n",
    make: make::<InverseSqrt>,
};

impl Check for InverseSqrt {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "decay_rate",
            self.decay_rate,
            "below 0, the rate would grow and pass through infinity",
        )
    }
}

impl Schedule for InverseSqrt {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base / (1.0 + self.decay_rate * moment.time()).sqrt()
    }
}
