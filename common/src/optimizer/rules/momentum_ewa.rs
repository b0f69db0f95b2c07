//! Momentum as a mean of gradients: the velocity has the gradient's scale.
//!
//! ```text
//! v ← μ·v + (1 − μ)·g
//! x ← x − η·v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `momentum_buffer` | one per parameter | mean of recent gradients, gradient |
//! | μ | `momentum` | scalar in [0, 1) | memory of v; 1/(1 − μ) steps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! The steps are those of [`super::momentum`] at the rate η·(1 − μ). The first ones are 1 − μ times as
//! long as later ones; [`super::momentum_ewa_corrected`] mends that.
//!
//! Source: the exponentially weighted form that the surveys give for Polyak's momentum; also what Ma,
//! Yarats, *Quasi-hyperbolic momentum and Adam for deep learning*, ICLR 2019, build on (QHM at ν = 1).

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::check_memory;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of averaged momentum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MomentumEwa {
    /// μ in [0, 1).
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<MomentumEwa>(About {
    name: "momentum_ewa",
    formula: "v ← momentum·v + (1 − momentum)·g; x ← x − lr·v",
    source: "Ma, Yarats, ICLR 2019 (QHM at nu = 1)",
    differences: &[
        "torch.optim.SGD keeps a sum of gradients, not a mean: its rate is lr·(1 − momentum) here",
    ],
    defaults: "momentum = 0.9\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 500, 1e-6),
        Descent::rosenbrock(0.003, 10_000, 1e-2),
    ],
});

impl Check for MomentumEwa {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("momentum", self.momentum)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct MomentumEwaStep<F> {
    lr: F,
    mean: Mean<F>,
}

impl<F: Real> UpdateRule<F> for MomentumEwa {
    type Slots = [F; 1];
    type Step = MomentumEwaStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> MomentumEwaStep<F> {
        MomentumEwaStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.momentum),
        }
    }

    #[inline(always)]
    fn update(s: &MomentumEwaStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.mean.with(v, grad.g);
        (x - s.lr * v, [v])
    }
}
