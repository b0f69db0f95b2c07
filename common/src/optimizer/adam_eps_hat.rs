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
//! | ε̂ | `eps` | scalar, > 0 | as ε/√(1 − β₂ᵗ) of [`super::adam`]: larger at first |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: Kingma, Ba, *Adam: a method for stochastic optimization*, ICLR 2015, end of section 2
//! ("efficient ordering"); the form of TensorFlow and of `torch.optim.SparseAdam`.
//!
//! Differs from `torch.optim.SparseAdam`: t is an integer of 64 bits.

use serde::Deserialize;

use super::adam::one_minus_power;
use super::entry::{Descent, OptimizerEntry};
use super::real::Real;
use super::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, in_unit_interval, positive};

/// Hyper-parameters of Adam with ε̂.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamEpsHat {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε̂ > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdamEpsHat>(
    "adam_eps_hat",
    "Kingma, Ba, ICLR 2015, end of section 2",
    "betas = [0.9, 0.999]\neps = 1e-8\n",
    [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
);

impl Check for AdamEpsHat {
    fn check(&self) -> Result<(), SettingError> {
        in_unit_interval("betas[0]", self.betas[0])?;
        in_unit_interval("betas[1]", self.betas[1])?;
        positive("eps", self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamEpsHatStep<F> {
    beta1: F,
    one_minus_beta1: F,
    beta2: F,
    one_minus_beta2: F,
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
        let correction1 = one_minus_power(beta1, context);
        let correction2 = one_minus_power(beta2, context);
        AdamEpsHatStep {
            beta1: F::of(beta1),
            one_minus_beta1: F::of(1.0 - beta1),
            beta2: F::of(beta2),
            one_minus_beta2: F::of(1.0 - beta2),
            rate: F::of(context.lr * correction2.sqrt() / correction1),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(&self, s: &AdamEpsHatStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.beta1 * m + s.one_minus_beta1 * g;
        let v = s.beta2 * v + (s.one_minus_beta2 * g) * g;
        (x - s.rate * (m / (v.sqrt() + s.eps)), [m, v])
    }
}
