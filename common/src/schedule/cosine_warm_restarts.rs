//! A rate that falls along half a cosine and starts again from the top, each time for longer.
//!
//! ```text
//! η(t) = η₁ + (η₀ − η₁) · (1 + cos(π · (t − s)/Tᵢ)) / 2     with Tᵢ = T₀·mⁱ, s = Σ_{j<i} Tⱼ ≤ t
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | T₀ | `T_0` | length of the first fall, units, > 0 |
//! | m | `T_mult` | each fall is so many times as long as the one before, ≥ 1 |
//! | η₁ | `eta_min` | the rate at the bottom, ≥ 0 |
//!
//! Source: Loshchilov, Hutter, *SGDR*, ICLR 2017, equation 5.

use serde::Deserialize;

use super::cosine::half_cosine;
use super::{DESCENDS, Moment, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, not_negative, positive, require};

/// Settings of the cosine schedule with warm restarts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineWarmRestarts {
    /// T₀ > 0, in units.
    #[serde(rename = "T_0")]
    pub t_0: f64,
    /// m ≥ 1.
    #[serde(rename = "T_mult")]
    pub t_mult: f64,
    /// η₁ ≥ 0.
    pub eta_min: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "cosine_warm_restarts",
    formula: "cosine over T_0, then over T_0 · T_mult, …, each from lr to eta_min",
    source: "Loshchilov, Hutter, ICLR 2017, equation 5",
    differences: &["T_mult need not be whole, as it must in torch's CosineAnnealingWarmRestarts"],
    defaults: "T_0 = 1.0\nT_mult = 2.0\neta_min = 0.0\n",
    make: make::<CosineWarmRestarts>,
};

impl Check for CosineWarmRestarts {
    fn check(&self) -> Result<(), SettingError> {
        positive("T_0", self.t_0, "it is the length of the first fall")?;
        let permitted = 1.0 <= self.t_mult && self.t_mult.is_finite();
        require(
            "T_mult",
            self.t_mult,
            permitted,
            "a finite number of at least 1",
            "falls that get shorter and shorter would come without end",
        )?;
        not_negative("eta_min", self.eta_min, DESCENDS)
    }
}

impl Schedule for CosineWarmRestarts {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let (since, length) = self.fall(moment.time());
        half_cosine(base, self.eta_min, since / length)
    }
}

impl CosineWarmRestarts {
    /// The time since the last restart, and how long the fall after it lasts.
    fn fall(&self, time: f64) -> (f64, f64) {
        if self.t_mult <= 1.0 {
            return (time % self.t_0, self.t_0);
        }
        // As many rounds as falls so far, and those grow geometrically.
        let (mut start, mut length) = (0.0, self.t_0);
        while start + length <= time {
            start += length;
            length *= self.t_mult;
        }
        (time - start, length)
    }
}
