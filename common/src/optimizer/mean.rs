//! The decaying mean that most rules keep: of gradients, of their squares, of past updates.
//!
//! ```text
//! m ← β·m + (1 − β)·g
//! ```
//!
//! A mean that starts at zero has, after t steps, seen 1 − βᵗ of what a full one would have;
//! [`filled`] is that share.

use super::real::Real;
use super::rule::StepContext;

/// β and 1 − β, rounded once per step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mean<F> {
    keep: F,
    take: F,
}

impl<F: Real> Mean<F> {
    /// The mean that keeps β of itself at each step.
    pub(super) fn of(beta: f64) -> Self {
        Self {
            keep: F::of(beta),
            take: F::of(1.0 - beta),
        }
    }

    /// β·m + (1 − β)·g.
    #[inline(always)]
    pub(super) fn with(&self, m: F, g: F) -> F {
        self.keep * m + self.take * g
    }

    /// β·v + (1 − β)·g². In this order g² overflows only where the product does.
    #[inline(always)]
    pub(super) fn with_square(&self, v: F, g: F) -> F {
        self.keep * v + (self.take * g) * g
    }
}

/// 1 − βᵗ: what share of a mean with memory β the first t steps have filled.
pub(super) fn filled(beta: f64, context: &StepContext) -> f64 {
    1.0 - beta.powf(context.steps())
}
