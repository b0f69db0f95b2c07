//! `AdaMax` as it was published, without ε.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! u ← max(β₂·u, |g|)
//! x ← x − η/(1 − β₁ᵗ) · m/u      (no step where u = 0)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | u | slot `exp_inf` | one per parameter | the largest recent size of a gradient, faded, gradient |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m; share of u that a step keeps |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: Kingma, Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 2.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::check_betas;
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of `AdaMax` without ε.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamaxNoeps {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdamaxNoeps>(About {
    name: "adamax_noeps",
    formula: "m: mean of g with memory betas[0]; u ← max(betas[1]·u, |g|); x ← x − lr · m̂/u",
    source: "Kingma, Ba, ICLR 2015, algorithm 2",
    differences: &[
        "where u is zero there is no step; the paper leaves 0/0 open",
        "torch.optim.Adamax has eps inside the maximum: that is `adamax`",
    ],
    defaults: "betas = [0.9, 0.999]\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.05, 3_000, 1e-2),
    ],
});

impl Check for AdamaxNoeps {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamaxNoepsStep<F> {
    first: Mean<F>,
    /// β₂.
    fade: F,
    /// η/(1 − β₁ᵗ).
    rate: F,
}

impl<F: Real> UpdateRule<F> for AdamaxNoeps {
    type Slots = [F; 2];
    type Step = AdamaxNoepsStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_inf"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> AdamaxNoepsStep<F> {
        let [beta1, beta2] = self.betas;
        AdamaxNoepsStep {
            first: Mean::of(beta1),
            fade: F::of(beta2),
            rate: F::of(context.lr / filled(beta1, context)),
        }
    }

    #[inline(always)]
    fn update(s: &AdamaxNoepsStep<F>, x: F, grad: Grad<F>, [m, u]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let u = (s.fade * u).max(g.abs());
        (x - s.rate * quotient(m, u), [m, u])
    }
}
