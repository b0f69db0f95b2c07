//! L1 by its proximal map: parameters that do not earn their place become exactly zero.
//!
//! ```text
//! f + λ·‖x‖₁      x ← argmin_y ½(y − x)² + η·λ·|y|  =  sign(x)·max(|x| − η·λ, 0)   after the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ | `l1` | strength, > 0, gradient |
//! | η | `lr` of the step | from the schedule; a scalar also where the rule has a rate per parameter |
//!
//! The only state is the parameter itself.
//!
//! Source: Duchi, Singer, *Efficient online and batch learning using forward backward splitting*,
//! JMLR 10 (2009).

use serde::Deserialize;

use super::PULLS;
use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::penalty::{Penalty, Pull};
use crate::optimizer::{Real, StepContext};
use crate::registry::{Check, SettingError, positive};

/// Settings of the proximal L1 term.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Proximal {
    /// λ > 0.
    pub l1: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l1_proximal",
    formula: "objective + l1·‖x‖₁; x ← sign(x)·max(|x| − lr·l1, 0) after the step",
    source: "Duchi, Singer, JMLR 10 (2009)",
    differences: &[
        "with an adaptive optimizer the map has the scalar lr, not the rule's rate per parameter: the minimum is another than of objective + l1·‖x‖₁",
    ],
    defaults: "l1 = 1e-4\n",
    acts: Acts::AfterTheRule,
    zeros: Zeros::Exact,
    build: penalty::<L1Proximal>,
};

impl Check for L1Proximal {
    fn check(&self) -> Result<(), SettingError> {
        positive("l1", self.l1, PULLS)
    }
}

impl Penalty for L1Proximal {
    fn act(&self, context: &StepContext, pull: &mut Pull) {
        pull.shrink += context.lr * self.l1;
    }

    fn value(&self, x: f64) -> f64 {
        self.l1 * x.abs()
    }
}

/// Soft thresholding: `x` moved towards zero by `by`, and to +0 if that is nearer. NaN stays NaN.
#[inline(always)]
#[must_use]
pub fn soft_threshold<F: Real>(x: F, by: F) -> F {
    if x.abs() <= by {
        F::ZERO
    } else {
        x - x.sign() * by
    }
}
