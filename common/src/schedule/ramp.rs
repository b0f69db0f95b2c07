//! A value that moves along a line to another, and stays there.
//!
//! ```text
//! y(t) = y₀ + (y₁ − y₀) · min(t, T)/T
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | y₀ | the value at the beginning | that of `[optimizer]` |
//! | y₁ | `to` | ≥ 0 |
//! | T | `over` | units, or `"job"` |
//!
//! Meant for momentum, which the surveys let grow from 0.5 to 0.9 while the first steps, large and
//! unsure, are forgotten.
//!
//! Source: Sutskever et al., ICML 2013, section 3; Hinton, *A practical guide*, 2010.

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, Span, make};
use crate::registry::{Check, SettingError, not_negative, positive};

/// Settings of the ramp.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// y₁ ≥ 0.
    pub to: f64,
    /// T > 0, or the whole job.
    pub over: Span,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "ramp",
    formula: "lr + (to − lr) · min(t, over)/over",
    source: "Sutskever, Martens, Dahl, Hinton, ICML 2013, section 3",
    differences: &["a line; the paper's momentum rises in steps"],
    defaults: "to = 0.9\nover = \"job\"\n",
    make: make::<Ramp>,
};

impl Check for Ramp {
    fn check(&self) -> Result<(), SettingError> {
        not_negative("to", self.to, "no rate and no memory is below 0")?;
        positive(
            "over",
            self.over.judged(),
            "it is the time that the way takes",
        )
    }
}

impl Schedule for Ramp {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        base + (self.to - base) * moment.share(self.over)
    }
}
