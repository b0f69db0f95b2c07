//! A rate that rises from low to high and then falls far below where it began.
//!
//! ```text
//! η(t) = c(η₀/d → η₀, t/(a·T))                   while t < a·T
//! η(t) = c(η₀ → η₀/(d·f), (t − a·T)/(T − a·T))   after that
//! c(y → z, s) = z + (y − z) · (1 + cos(π·s)) / 2
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | η₀ | `lr` of the job | the rate at the top |
//! | T | `total` | length of the cycle, units, or `"job"` |
//! | a | `pct_start` | share of the cycle that rises, in (0, 1) |
//! | d | `div_factor` | the rate begins at η₀/d, > 0 |
//! | f | `final_div_factor` | the rate ends at η₀/(d·f), > 0 |
//!
//! Source: Smith, Topin, *Super-convergence*, 2017.

use serde::Deserialize;

use super::cosine::half_cosine;
use super::{Moment, Schedule, ScheduleEntry, Span, make};
use crate::registry::{Check, SettingError, positive, require};

/// Settings of the one-cycle schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    /// T > 0, or the whole job.
    pub total: Span,
    /// a in (0, 1).
    pub pct_start: f64,
    /// d > 0.
    pub div_factor: f64,
    /// f > 0.
    pub final_div_factor: f64,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "one_cycle",
    formula: "from lr/div_factor up to lr over pct_start · total, then down to lr/(div_factor · final_div_factor)",
    source: "Smith, Topin, arXiv:1708.07120 (2017)",
    differences: &[
        "turning points lie at pct_start·total and total; those of torch's OneCycleLR one step earlier",
        "momentum is not cycled with the rate: it may have a schedule of its own",
    ],
    defaults: "total = \"job\"\npct_start = 0.3\ndiv_factor = 25.0\nfinal_div_factor = 1e4\n",
    make: make::<OneCycle>,
};

impl Check for OneCycle {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "total",
            self.total.judged(),
            "it is the length of the cycle",
        )?;
        let permitted = 0.0 < self.pct_start && self.pct_start < 1.0;
        require(
            "pct_start",
            self.pct_start,
            permitted,
            "above 0 and below 1",
            "both the rise and the fall take time",
        )?;
        positive(
            "div_factor",
            self.div_factor,
            "the rate begins at lr divided by it",
        )?;
        positive(
            "final_div_factor",
            self.final_div_factor,
            "the rate ends at its beginning divided by it",
        )
    }
}

impl Schedule for OneCycle {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let passed = moment.share(self.total);
        let low = base / self.div_factor;
        if passed < self.pct_start {
            half_cosine(low, base, passed / self.pct_start)
        } else {
            let share = (passed - self.pct_start) / (1.0 - self.pct_start);
            half_cosine(base, low / self.final_div_factor, share)
        }
    }
}
