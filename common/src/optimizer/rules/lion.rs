//! Lion: every parameter moves by the same amount, in the direction of a mean of gradients.
//!
//! ```text
//! u = sign(β₁·m + (1 − β₁)·g)
//! m ← β₂·m + (1 − β₂)·g
//! x ← (1 − η·λ)·x − η·u
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients before this step, gradient |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of the direction, memory of m |
//! | λ | the job's L2 term | scalar, ≥ 0 | decay, decoupled |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Both means are taken from the m before the step. The sign of 0 is 0.
//!
//! Source: Chen et al., *Symbolic discovery of optimization algorithms*, `NeurIPS` 2023, algorithm 2.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_betas;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Decay, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Lion.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lion {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Lion>(About {
    name: "lion",
    formula: "u = sign(betas[0]·m + (1 − betas[0])·g); m ← betas[1]·m + (1 − betas[1])·g; x ← (1 − lr·l2)·x − lr·u",
    source: "Chen et al., NeurIPS 2023, algorithm 2",
    differences: &[
        "the weight decay λ is the job's L2 term, decoupled",
        "means are taken as m + (1 − β)·(g − m), as pytorch_optimizer does: after an infinite gradient a parameter stands still instead of moving for ever",
    ],
    defaults: "betas = [0.9, 0.99]\n",
    survey: None,
    descents: [
        Descent::parabola(0.001, 2_000, 1e-4),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for Lion {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct LionStep<F> {
    lr: F,
    /// 1 − β₁.
    look: F,
    /// 1 − β₂.
    take: F,
}

impl<F: Real> UpdateRule<F> for Lion {
    type Slots = [F; 1];
    type Step = LionStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg"];

    fn decay(&self) -> Decay {
        Decay::Decoupled
    }

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> LionStep<F> {
        let [beta1, beta2] = self.betas;
        LionStep {
            lr: F::of(context.lr),
            look: F::of(1.0 - beta1),
            take: F::of(1.0 - beta2),
        }
    }

    #[inline(always)]
    fn update(s: &LionStep<F>, x: F, grad: Grad<F>, [m]: [F; 1]) -> (F, [F; 1]) {
        let fresh = grad.g - m;
        let direction = (m + s.look * fresh).sign();
        (x - s.lr * direction, [m + s.take * fresh])
    }
}
