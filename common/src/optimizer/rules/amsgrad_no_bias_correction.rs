//! `AMSGrad` as it was published, without corrections.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! w ← max(w, v)
//! x ← x − η · m / (√w + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | w | slot `max_exp_avg_sq` | one per parameter | the largest v so far, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//!
//! The first step is (1 − β₁)/√(1 − β₂) times η: 3.16 with (0.9, 0.999), 1 with (0.9, 0.99).
//!
//! Source: Reddi, Kale, Kumar, *On the convergence of Adam and beyond*, ICLR 2018, algorithm 2.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of `AMSGrad` without corrections.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmsgradNoBiasCorrection {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AmsgradNoBiasCorrection>(About {
    name: "amsgrad_no_bias_correction",
    formula: "m, v: means of g and g² with memory betas; w ← max(w, v); x ← x − lr · m / (√w + eps)",
    source: "Reddi, Kale, Kumar, ICLR 2018, algorithm 2",
    differences: &[
        "eps, which the paper leaves out",
        "torch.optim.Adam(amsgrad=True) corrects both means: that is `amsgrad`",
        "g² is taken as ((1 − β₂)·g)·g, as in torch; optax squares first, which overflows for smaller gradients",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: Some("betas = [0.9, 0.99]\n"),
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for AmsgradNoBiasCorrection {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AmsgradNoBiasCorrectionStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    lr: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for AmsgradNoBiasCorrection {
    type Slots = [F; 3];
    type Step = AmsgradNoBiasCorrectionStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    fn init(&self) -> [F; 3] {
        [F::ZERO; 3]
    }

    fn prepare(&self, context: &StepContext) -> AmsgradNoBiasCorrectionStep<F> {
        let [beta1, beta2] = self.betas;
        AmsgradNoBiasCorrectionStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            lr: F::of(context.lr),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(
        s: &AmsgradNoBiasCorrectionStep<F>,
        x: F,
        grad: Grad<F>,
        [m, v, w]: [F; 3],
    ) -> (F, [F; 3]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        let w = w.max(v);
        (x - s.lr * (m / (w.sqrt() + s.eps)), [m, v, w])
    }
}
