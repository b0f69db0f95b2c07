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

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Decay, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Adam.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// How the L2 term enters; [`super::adamw`] takes this rule decoupled.
    #[serde(skip)]
    pub(super) decay: Decay,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adam>(About {
    name: "adam",
    formula: "m, v: means of g and g² with memory betas; x ← x − lr · m̂ / (√v̂ + eps)",
    source: "Kingma, Ba, ICLR 2015, algorithm 1",
    differences: &[
        "t is an integer of 64 bits; torch counts in f32 and stops at 2^24",
        "√v is multiplied by 1/√(1 − β₂ᵗ) instead of divided by the root: one rounding of difference",
        "torch's `amsgrad` and `weight_decay` are rules of their own and the job's L2 term",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for Adam {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep<F> {
    first: Mean<F>,
    second: Mean<F>,
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

    fn decay(&self) -> Decay {
        self.decay
    }

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> AdamStep<F> {
        let [beta1, beta2] = self.betas;
        AdamStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            rate: F::of(context.lr / filled(beta1, context)),
            root_scale: F::of(1.0 / filled(beta2, context).sqrt()),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &AdamStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        (x - s.rate * (m / (v.sqrt() * s.root_scale + s.eps)), [m, v])
    }
}
