//! A rate that stays.
//!
//! ```text
//! η(n) = η₀
//! ```

use serde::Deserialize;

use super::{Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError};

/// A rate that stays; it has no settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "constant",
    formula: "lr",
    source: "",
    differences: &[],
    defaults: "",
    make: make::<Constant>,
};

impl Check for Constant {
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }
}

impl Schedule for Constant {
    fn value(&self, base: f64, _moment: &Moment) -> f64 {
        base
    }
}
