//! Smooth L1: a differentiable stand-in for the absolute value, through the gradient.
//!
//! ```text
//! f + λ·Σ √(x² + ε)      g ← g + λ·x/√(x² + ε)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ | `l1` | strength, > 0, gradient |
//! | ε | `eps` | how round the corner at zero is, > 0, parameter² |
//!
//! The only state is the parameter itself. It makes parameters small and never exactly zero.
//!
//! Source: the approximate L1 term of the surveys; Schmidt, Fung, Rosales, *Fast optimization methods
//! for L1 regularization*, ECML 2007.

use serde::Deserialize;

use super::PULLS;
use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::penalty::{Penalty, Pull};
use crate::optimizer::{Real, StepContext};
use crate::registry::{Check, SettingError, positive};

/// Settings of the smooth L1 term.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Smooth {
    /// λ > 0.
    pub l1: f64,
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l1_smooth",
    formula: "objective + l1·Σ√(x² + eps); g ← g + l1·x/√(x² + eps)",
    source: "Schmidt, Fung, Rosales, ECML 2007",
    differences: &["gives no exact zeros"],
    defaults: "l1 = 1e-4\neps = 1e-6\n",
    acts: Acts::OnTheGradient,
    zeros: Zeros::None,
    build: penalty::<L1Smooth>,
};

impl Check for L1Smooth {
    fn check(&self) -> Result<(), SettingError> {
        positive("l1", self.l1, PULLS)?;
        positive(
            "eps",
            self.eps,
            "it rounds the corner at zero, where without it the slope would be 0/0",
        )
    }
}

impl Penalty for L1Smooth {
    fn act(&self, _: &StepContext, pull: &mut Pull) {
        pull.smooth += self.l1;
        pull.smooth_eps = self.eps;
    }

    fn value(&self, x: f64) -> f64 {
        self.l1 * (x * x + self.eps).sqrt()
    }
}

/// The derivative of `λ·√(x² + ε)`.
#[inline(always)]
#[must_use]
pub fn slope<F: Real>(x: F, l1: F, eps: F) -> F {
    l1 * (x / (x * x + eps).sqrt())
}
