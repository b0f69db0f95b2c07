//! L2: the classic pull towards zero, as the optimizer has it.
//!
//! ```text
//! f + λ/2·‖x‖²      g ← g + λ·x                     (coupled, most optimizers)
//!                   x ← (1 − η·λ)·x, then the step   (those with decoupled weight decay)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ | `l2` | strength, > 0, gradient per parameter |
//! | η | `lr` of the step | from the schedule |
//!
//! The only state is the parameter itself.
//!
//! Source: Krogh, Hertz, *A simple weight decay can improve generalization*, NIPS 1991.

use serde::Deserialize;

use super::PULLS;
use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::penalty::{Penalty, Pull};
use crate::optimizer::StepContext;
use crate::registry::{Check, SettingError, positive};

/// Settings of the L2 term.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L2 {
    /// λ > 0.
    pub l2: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l2",
    formula: "objective + l2/2·‖x‖²; g ← g + l2·x, or x ← (1 − lr·l2)·x before the step where the optimizer decouples it",
    source: "Krogh, Hertz, NIPS 1991",
    differences: &["how it enters is the optimizer's: `thalweg list optimizers` says it"],
    defaults: "l2 = 1e-4\n",
    acts: Acts::AsTheRuleHasIt,
    zeros: Zeros::None,
    build: penalty::<L2>,
};

impl Check for L2 {
    fn check(&self) -> Result<(), SettingError> {
        positive("l2", self.l2, PULLS)
    }
}

impl Penalty for L2 {
    fn act(&self, _: &StepContext, pull: &mut Pull) {
        pull.l2 += self.l2;
    }

    fn value(&self, x: f64) -> f64 {
        0.5 * self.l2 * x * x
    }
}
