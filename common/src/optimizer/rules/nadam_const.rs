//! Nadam with a constant momentum.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η · (β₁·m/(1 − β₁ᵗ⁺¹) + (1 − β₁)·g/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)
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
//! Source: Dozat, *Incorporating Nesterov momentum into Adam*, ICLR 2016 workshop,
//! algorithm 8 at a constant μ, as `optax.adam(nesterov=True)` has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Nadam with a constant momentum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NadamConst {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<NadamConst>(About {
    name: "nadam_const",
    formula: "m, v: means of g and g² with memory betas; x ← x − lr · (betas[0]·m/(1 − betas[0]ᵗ⁺¹) + (1 − betas[0])·g/(1 − betas[0]ᵗ)) / (√v̂ + eps)",
    source: "Dozat, ICLR 2016 workshop; optax.adam(nesterov=True)",
    differences: &["torch.optim.NAdam has a schedule on betas[0]: that is `nadam`"],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for NadamConst {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NadamConstStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η·β₁/(1 − β₁ᵗ⁺¹), for m.
    ahead: F,
    /// η·(1 − β₁)/(1 − β₁ᵗ), for g.
    now: F,
    /// 1/(1 − β₂ᵗ).
    scale: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for NadamConst {
    type Slots = [F; 2];
    type Step = NadamConstStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> NadamConstStep<F> {
        let [beta1, beta2] = self.betas;
        let next = 1.0 - beta1.powf(context.steps() + 1.0);
        NadamConstStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            ahead: F::of(context.lr * beta1 / next),
            now: F::of(context.lr * (1.0 - beta1) / filled(beta1, context)),
            scale: F::of(1.0 / filled(beta2, context)),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &NadamConstStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        let root = (v * s.scale).sqrt() + s.eps;
        (x - (s.ahead * m + s.now * g) / root, [m, v])
    }
}
