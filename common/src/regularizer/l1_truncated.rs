//! Truncated gradient: L1 that spares large parameters, and comes every so many steps.
//!
//! ```text
//! at every K-th step, after it:   x ← T(x, K·η·λ, θ)
//! T(x, α, θ) = sign(x)·max(|x| − α, 0)   if |x| ≤ θ
//!              x                         else
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ | `l1` | the gravity, > 0, gradient |
//! | θ | `theta` | parameters beyond it are left alone, > 0, parameter |
//! | K | `every` | steps of the shard between two truncations, ≥ 1 |
//! | η | `lr` of the step | from the schedule |
//!
//! The only state is the parameter itself. With θ = ∞ and K = 1 it is the proximal map.
//!
//! Source: Langford, Li, Zhang, *Sparse online learning via truncated gradient*, JMLR 10 (2009).

use serde::Deserialize;

use super::PULLS;
use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::l1_proximal::soft_threshold;
use super::penalty::{Penalty, Pull};
use crate::optimizer::{Real, StepContext};
use crate::registry::{Check, SettingError, positive, require};

/// Settings of the truncated gradient.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Truncated {
    /// λ > 0.
    pub l1: f64,
    /// θ > 0; may be infinite.
    pub theta: f64,
    /// K ≥ 1, steps.
    pub every: u32,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l1_truncated",
    formula: "at every step whose number `every` divides: x ← sign(x)·max(|x| − every·lr·l1, 0) after the step if |x| ≤ theta",
    source: "Langford, Li, Zhang, JMLR 10 (2009)",
    differences: &[
        "the paper's own step is SGD's; here any rule's, with the scalar lr",
        "a term of the objective only with theta = inf: `final.train.objective` counts l1·min(|x|, theta)",
    ],
    defaults: "l1 = 1e-4\ntheta = inf\nevery = 10\n",
    acts: Acts::AfterTheRule,
    zeros: Zeros::Exact,
    build: penalty::<L1Truncated>,
};

impl Check for L1Truncated {
    fn check(&self) -> Result<(), SettingError> {
        positive("l1", self.l1, PULLS)?;
        let why = "parameters nearer to zero than it shrink; at 0 none would";
        require(
            "theta",
            self.theta,
            0.0 < self.theta,
            "above 0, or inf",
            why,
        )?;
        let every = f64::from(self.every);
        let why = "it is the number of steps from one truncation to the next";
        require("every", every, 1.0 <= every, "at least 1", why)
    }
}

impl Penalty for L1Truncated {
    fn act(&self, context: &StepContext, pull: &mut Pull) {
        if context.count.is_multiple_of(u64::from(self.every)) {
            pull.shrink += f64::from(self.every) * context.lr * self.l1;
            pull.reach = self.theta;
        }
    }

    fn value(&self, x: f64) -> f64 {
        self.l1 * x.abs().min(self.theta)
    }
}

/// T: [soft thresholding](soft_threshold) up to `reach`, and nothing beyond.
#[inline(always)]
#[must_use]
pub fn truncate<F: Real>(x: F, by: F, reach: F) -> F {
    let soft = soft_threshold(x, by);
    if x.abs() <= reach { soft } else { x }
}
