//! Momentum as a mean of gradients, corrected for having started at zero.
//!
//! ```text
//! v ← μ·v + (1 − μ)·g
//! x ← x − η · v/(1 − μᵗ)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `momentum_buffer` | one per parameter | mean of recent gradients, gradient |
//! | μ | `momentum` | scalar in [0, 1) | memory of v; 1/(1 − μ) steps |
//! | η | `lr` of the step | scalar | from the schedule |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Its first step is −η·g; [`super::momentum_ewa`] begins with (1 − μ) of that.
//!
//! Source: the surveys' exponentially weighted momentum with the bias correction of Kingma, Ba, *Adam*,
//! ICLR 2015, section 3.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::check_memory;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of averaged, corrected momentum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MomentumEwaCorrected {
    /// μ in [0, 1).
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<MomentumEwaCorrected>(About {
    name: "momentum_ewa_corrected",
    formula: "v ← momentum·v + (1 − momentum)·g; x ← x − lr · v/(1 − momentumᵗ)",
    source: "Kingma, Ba, ICLR 2015, section 3",
    differences: &["torch.optim.SGD keeps a sum of gradients, not a mean, and corrects nothing"],
    defaults: "momentum = 0.9\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 500, 1e-6),
        Descent::rosenbrock(0.003, 10_000, 1e-2),
    ],
});

impl Check for MomentumEwaCorrected {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("momentum", self.momentum)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct MomentumEwaCorrectedStep<F> {
    /// η/(1 − μᵗ).
    rate: F,
    mean: Mean<F>,
}

impl<F: Real> UpdateRule<F> for MomentumEwaCorrected {
    type Slots = [F; 1];
    type Step = MomentumEwaCorrectedStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> MomentumEwaCorrectedStep<F> {
        MomentumEwaCorrectedStep {
            rate: F::of(context.lr / filled(self.momentum, context)),
            mean: Mean::of(self.momentum),
        }
    }

    #[inline(always)]
    fn update(s: &MomentumEwaCorrectedStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.mean.with(v, grad.g);
        (x - s.rate * v, [v])
    }
}
