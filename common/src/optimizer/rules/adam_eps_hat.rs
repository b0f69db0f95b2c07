//! Adam in its cheaper form: the corrections in the rate, ε beside the uncorrected root.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε̂)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε̂ | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! ε̂ acts like ε/√(1 − β₂ᵗ) in [`super::adam`]: with β₂ = 0.999, 31.6 times as much at the first step,
//! and the same in the end.
//!
//! Source: Kingma, Ba, *Adam: a method for stochastic optimization*, ICLR 2015, the text after
//! algorithm 1.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Adam in this form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamEpsHat {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε̂ > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdamEpsHat>(About {
    name: "adam_eps_hat",
    formula: "m, v: means of g and g² with memory betas; x ← x − lr·√(1 − betas[1]ᵗ)/(1 − betas[0]ᵗ) · m / (√v + eps)",
    source: "Kingma, Ba, ICLR 2015, section 2, text after algorithm 1; torch.optim.SparseAdam",
    differences: &[
        "t is an integer of 64 bits; torch counts in f32 and stops at 2^24",
        "torch.optim.Adam has the other form, torch.optim.SparseAdam and TensorFlow this one",
        "means are taken as β·m + (1 − β)·g; SparseAdam's m + (1 − β)·(g − m) loses digits after a spike, and is NaN for ever once g² has overflowed",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for AdamEpsHat {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamEpsHatStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η·√(1 − β₂ᵗ)/(1 − β₁ᵗ).
    rate: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for AdamEpsHat {
    type Slots = [F; 2];
    type Step = AdamEpsHatStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> AdamEpsHatStep<F> {
        let [beta1, beta2] = self.betas;
        let correction = filled(beta2, context).sqrt() / filled(beta1, context);
        AdamEpsHatStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            rate: F::of(context.lr * correction),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &AdamEpsHatStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        (x - s.rate * (m / (v.sqrt() + s.eps)), [m, v])
    }
}
