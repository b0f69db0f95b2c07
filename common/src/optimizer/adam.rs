//! Adam: steps of a size that depends on the gradient's reliability, not on its scale.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: Kingma, Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1.
//!
//! Differs from `torch.optim.Adam`:
//! 1. t is an integer of 64 bits (torch counts in f32 and stops at 2²⁴).
//! 2. √v is multiplied by 1/√(1 − β₂ᵗ) instead of divided by the root: one rounding of difference.
//! 3. `weight_decay` is the frame's L2 term, `amsgrad` and `maximize` are not options of this rule.

use serde::Deserialize;

use super::entry::{Descent, OptimizerEntry};
use super::real::Real;
use super::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, in_unit_interval, positive};

/// Hyper-parameters of Adam.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adam>(
    "adam",
    "Kingma, Ba, ICLR 2015, algorithm 1",
    "betas = [0.9, 0.999]\neps = 1e-8\n",
    [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
);

impl Check for Adam {
    fn check(&self) -> Result<(), SettingError> {
        in_unit_interval("betas[0]", self.betas[0])?;
        in_unit_interval("betas[1]", self.betas[1])?;
        positive("eps", self.eps)
    }
}

/// Adam's scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep<F> {
    beta1: F,
    one_minus_beta1: F,
    beta2: F,
    one_minus_beta2: F,
    /// η/(1 − β₁ᵗ).
    rate: F,
    /// 1/√(1 − β₂ᵗ).
    root_scale: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for Adam {
    type Slots = [F; 2];
    type Step = AdamStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> AdamStep<F> {
        let [beta1, beta2] = self.betas;
        AdamStep {
            beta1: F::of(beta1),
            one_minus_beta1: F::of(1.0 - beta1),
            beta2: F::of(beta2),
            one_minus_beta2: F::of(1.0 - beta2),
            rate: F::of(context.lr / one_minus_power(beta1, context)),
            root_scale: F::of(1.0 / one_minus_power(beta2, context).sqrt()),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(&self, s: &AdamStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.beta1 * m + s.one_minus_beta1 * g;
        // In this order g² overflows only where the product does.
        let v = s.beta2 * v + (s.one_minus_beta2 * g) * g;
        (x - s.rate * (m / (v.sqrt() * s.root_scale + s.eps)), [m, v])
    }
}

/// 1 − βᵗ: what share of an average with memory β the first t steps have filled.
pub(super) fn one_minus_power(beta: f64, context: &StepContext) -> f64 {
    1.0 - beta.powf(context.steps())
}
