//! Momentum (heavy ball), with the rate inside the velocity.
//!
//! ```text
//! v ← μ·v − η·g
//! x ← x + v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `velocity` | one per parameter | the last step taken, parameter |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! A change of η touches only the gradients that come after it; [`super::momentum`] rescales the
//! whole velocity. While η is constant the two take the same steps.
//!
//! Source: Polyak, *Some methods of speeding up the convergence of iteration methods*, USSR Comput.
//! Math. Math. Phys. 4 (1964); in the form of Sutskever, Martens, Dahl, Hinton, ICML 2013,
//! equations 1 and 2, which is also Keras's.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of momentum with the rate inside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MomentumLrInside {
    /// μ in [0, 1).
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<MomentumLrInside>(About {
    name: "momentum_lr_inside",
    formula: "v ← momentum·v − lr·g; x ← x + v",
    source: "Sutskever, Martens, Dahl, Hinton, ICML 2013, equations 1 and 2",
    differences: &[
        "torch.optim.SGD multiplies the velocity by the rate when it is used: that is `momentum`",
    ],
    defaults: "momentum = 0.9\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 500, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for MomentumLrInside {
    fn check(&self) -> Result<(), SettingError> {
        check_velocity("momentum", self.momentum)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct MomentumLrInsideStep<F> {
    lr: F,
    momentum: F,
}

impl<F: Real> UpdateRule<F> for MomentumLrInside {
    type Slots = [F; 1];
    type Step = MomentumLrInsideStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["velocity"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> MomentumLrInsideStep<F> {
        MomentumLrInsideStep {
            lr: F::of(context.lr),
            momentum: F::of(self.momentum),
        }
    }

    #[inline(always)]
    fn update(s: &MomentumLrInsideStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.momentum * v - s.lr * grad.g;
        (x + v, [v])
    }
}
