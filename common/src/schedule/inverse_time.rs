//! A rate that falls as one over time.
//!
//! ```text
//! η(n) = η₀ / (1 + k·n/N)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | `progress` | committed examples |
//! | N | `epoch_rows` | examples of an epoch |
//! | k | `decay_rate` | ≥ 0; the rate has halved after 1/k epochs |
//!
//! Source: Robbins, Monro, Ann. Math. Statist. 22 (1951): rates whose sum diverges and whose squares'
//! sum does not.
//!
//! Differs from Keras's `InverseTimeDecay`: time runs in epochs, and within them.

use serde::Deserialize;

use super::{Schedule, ScheduleEntry, as_f64};
use crate::registry::{Check, SettingError, not_negative};

/// Settings of the inverse-time schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseTime {
    /// k ≥ 0, per epoch.
    pub decay_rate: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry::of::<InverseTime>(
    "inverse_time",
    "lr / (1 + decay_rate · epochs)",
    "decay_rate = 1.0\n",
);

impl Check for InverseTime {
    fn check(&self) -> Result<(), SettingError> {
        not_negative("decay_rate", self.decay_rate)
    }
}

impl Schedule for InverseTime {
    fn rate(&self, base: f64, progress: u64, epoch_rows: u64) -> f64 {
        let epochs = as_f64(progress) / as_f64(epoch_rows.max(1));
        base / (1.0 + self.decay_rate * epochs)
    }
}
