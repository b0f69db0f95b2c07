//! `AMSGrad` that remembers the largest corrected mean of squares.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! w ← max(w, v/(1 − β₂ᵗ))
//! x ← x − η/(1 − β₁ᵗ) · m / (√w + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | w | slot `max_exp_avg_sq` | one per parameter | the largest corrected v so far, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! At t = 1 the corrected v is g², so an early large gradient is remembered far longer than in
//! [`super::amsgrad`].
//!
//! Source: Reddi, Kale, Kumar, *On the convergence of Adam and beyond*, ICLR 2018, algorithm 2, with
//! Adam's corrections taken before the maximum, as `optax.amsgrad` does.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of `AMSGrad` over corrected means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmsgradMaxOfCorrected {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AmsgradMaxOfCorrected>(About {
    name: "amsgrad_max_of_corrected",
    formula: "m, v: means of g and g² with memory betas; w ← max(w, v̂); x ← x − lr · m̂ / (√w + eps)",
    source: "Reddi, Kale, Kumar, ICLR 2018; optax.amsgrad",
    differences: &[
        "the paper corrects no bias, and torch.optim.Adam(amsgrad=True) takes the maximum before the correction",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.3, 3_000, 1e-2),
    ],
});

impl Check for AmsgradMaxOfCorrected {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AmsgradMaxOfCorrectedStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η/(1 − β₁ᵗ).
    rate: F,
    /// 1/(1 − β₂ᵗ).
    scale: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for AmsgradMaxOfCorrected {
    type Slots = [F; 3];
    type Step = AmsgradMaxOfCorrectedStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    fn init(&self) -> [F; 3] {
        [F::ZERO; 3]
    }

    fn prepare(&self, context: &StepContext) -> AmsgradMaxOfCorrectedStep<F> {
        let [beta1, beta2] = self.betas;
        AmsgradMaxOfCorrectedStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            rate: F::of(context.lr / filled(beta1, context)),
            scale: F::of(1.0 / filled(beta2, context)),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(
        s: &AmsgradMaxOfCorrectedStep<F>,
        x: F,
        grad: Grad<F>,
        [m, v, w]: [F; 3],
    ) -> (F, [F; 3]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        let w = w.max(v * s.scale);
        (x - s.rate * (m / (w.sqrt() + s.eps)), [m, v, w])
    }
}
