//! Nadam in its simplest form: the mean of gradients looks ahead by one step.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η/(1 − β₁ᵗ) · (β₁·m + (1 − β₁)·g) / (√(v/(1 − β₂ᵗ)) + ε)
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
//! Source: Dozat, *Incorporating Nesterov momentum into Adam*, ICLR 2016 workshop, as
//! Ruder, *An overview of gradient descent optimization algorithms*, arXiv 1609.04747, section 4.8,
//! has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Nadam in its simplest form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NadamSimple {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// Whether ε stands under the root, where its unit is gradient².
    pub eps_inside: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<NadamSimple>(About {
    name: "nadam_simple",
    formula: "m, v: means of g and g² with memory betas; x ← x − lr/(1 − betas[0]ᵗ) · (betas[0]·m + (1 − betas[0])·g) / (√v̂ + eps)",
    source: "Dozat, ICLR 2016 workshop; Ruder, arXiv 1609.04747, section 4.8",
    differences: &[
        "the paper corrects the look-ahead by the next step's share: that is `nadam_const`",
        "torch.optim.NAdam has a schedule on betas[0]: that is `nadam`",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\neps_inside = false\n",
    survey: Some("eps_inside = true\n"),
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for NadamSimple {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NadamSimpleStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η/(1 − β₁ᵗ).
    rate: F,
    /// 1/(1 − β₂ᵗ).
    scale: F,
    /// ε under the root, or 0.
    inside: F,
    /// ε beside the root, or 0.
    outside: F,
}

impl<F: Real> UpdateRule<F> for NadamSimple {
    type Slots = [F; 2];
    type Step = NadamSimpleStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> NadamSimpleStep<F> {
        let [beta1, beta2] = self.betas;
        let (inside, outside) = if self.eps_inside {
            (self.eps, 0.0)
        } else {
            (0.0, self.eps)
        };
        NadamSimpleStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            rate: F::of(context.lr / filled(beta1, context)),
            scale: F::of(1.0 / filled(beta2, context)),
            inside: F::of(inside),
            outside: F::of(outside),
        }
    }

    #[inline(always)]
    fn update(s: &NadamSimpleStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        let root = (v * s.scale + s.inside).sqrt() + s.outside;
        (x - s.rate * (s.first.with(m, g) / root), [m, v])
    }
}
