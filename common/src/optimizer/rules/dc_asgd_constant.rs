//! DC-ASGD-c: SGD with a first-order correction of each late gradient, of constant weight.
//!
//! ```text
//! x ← x − η·(g + λ·g²·(x − x_read))
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | `x_read` | value at read | one per parameter | x where the worker took the gradient |
//! | λ | `compensation` | scalar, ≥ 0 | weight of the correction, 1/gradient |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! The gradient at x is g + H·(x − `x_read`) to first order, and λ·g² stands in for the diagonal of the
//! Hessian H. With λ = 0, or where nothing was missed, it is SGD. The correction is quadratic in g
//! whatever its sign, so that large gradients can make it blow up: see `guard` of
//! [`super::dc_asgd_adaptive`].
//!
//! Source: Zheng et al., *Asynchronous stochastic gradient descent with delay compensation*, ICML
//! 2017, equation 10.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{AtRead, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of DC-ASGD with a constant weight.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcAsgdConstant {
    /// λ ≥ 0.
    pub compensation: f64,
    /// Whether λ·g² is held to at most 1/η.
    pub guard: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<DcAsgdConstant>(About {
    name: "dc_asgd_constant",
    formula: "x ← x − lr·(g + compensation·g²·(x − x at read))",
    source: "Zheng et al., ICML 2017, equation 10 (DC-ASGD-c)",
    differences: &[
        "guard = true holds compensation·g² to at most 1/lr, beyond which the correction alone overshoots; the paper has no such bound",
    ],
    defaults: "compensation = 0.04\nguard = true\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for DcAsgdConstant {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "compensation",
            self.compensation,
            "it stands for a curvature; below 0 it would drive parameters apart",
        )
    }
}

/// The scalars of one step of either form.
#[derive(Clone, Copy, Debug)]
pub struct DcAsgdStep<F> {
    /// η.
    pub(super) rate: F,
    pub(super) lambda: F,
    /// The most that λ·g² may be.
    pub(super) most: F,
}

impl<F: Real> DcAsgdStep<F> {
    pub(super) fn new(context: &StepContext, lambda: f64, guard: bool) -> Self {
        let most = if guard {
            1.0 / context.lr
        } else {
            f64::INFINITY
        };
        Self {
            rate: F::of(context.lr),
            lambda: F::of(lambda),
            most: F::of(most),
        }
    }

    /// x after a step whose correction weighs λ.
    #[inline(always)]
    pub(super) fn descend(&self, x: F, grad: Grad<F>, lambda: F) -> F {
        let g = grad.g;
        let moved = x - F::of(grad.at_read);
        let curvature = lambda * g * g;
        let curvature = if self.most < curvature {
            self.most
        } else {
            curvature
        };
        x - self.rate * (g + curvature * moved)
    }
}

impl<F: Real> UpdateRule<F> for DcAsgdConstant {
    type Slots = [F; 0];
    type Step = DcAsgdStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &[];
    const AT_READ: AtRead = AtRead::Parameter;

    fn init(&self) -> [F; 0] {
        []
    }

    fn prepare(&self, context: &StepContext) -> DcAsgdStep<F> {
        DcAsgdStep::new(context, self.compensation, self.guard)
    }

    #[inline(always)]
    fn update(s: &DcAsgdStep<F>, x: F, grad: Grad<F>, []: [F; 0]) -> (F, [F; 0]) {
        (s.descend(x, grad, s.lambda), [])
    }
}
