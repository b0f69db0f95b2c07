//! Momentum (heavy ball), with the rate outside the velocity.
//!
//! ```text
//! v ← μ·v + (1 − d)·g      (d = 0 at t = 1, and where μ = 0)
//! x ← x − η·v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `momentum_buffer` | one per parameter | decaying sum of gradients, gradient |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | d | `dampening` | scalar in [0, 1) | share of g that v does not take |
//! | η | `lr` of the step | scalar | from the schedule |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! A change of η rescales the whole velocity at once; [`super::momentum_lr_inside`] does not.
//!
//! Source: Polyak, *Some methods of speeding up the convergence of iteration methods*, USSR Comput.
//! Math. Math. Phys. 4 (1964); in the form of Sutskever et al., ICML 2013, as `torch.optim.SGD` has
//! it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, in_unit_interval};

/// Hyper-parameters of momentum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Momentum {
    /// μ in [0, 1).
    pub momentum: f64,
    /// d in [0, 1).
    pub dampening: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Momentum>(About {
    name: "momentum",
    formula: "v ← momentum·v + (1 − dampening)·g, no dampening at t = 1; x ← x − lr·v",
    source: "Polyak, USSR Comput. Math. Math. Phys. 4 (1964); torch.optim.SGD",
    differences: &[
        "torch.optim.SGD's \"first step\" is a parameter's own, here it is the shard's: a parameter whose first gradient comes later is dampened from its first gradient on",
    ],
    defaults: "momentum = 0.9\ndampening = 0.0\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 500, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for Momentum {
    fn check(&self) -> Result<(), SettingError> {
        check_velocity("momentum", self.momentum)?;
        in_unit_interval(
            "dampening",
            self.dampening,
            "it is the share of a gradient that the velocity leaves out; at 1 it would take in nothing",
        )
    }
}

/// Momentum's scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct MomentumStep<F> {
    lr: F,
    momentum: F,
    /// 1 − d, or 1 at the first step and where μ is 0.
    intake: F,
}

impl<F: Real> UpdateRule<F> for Momentum {
    type Slots = [F; 1];
    type Step = MomentumStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> MomentumStep<F> {
        // Without momentum there is nothing to dampen, in torch as well.
        let intake = if context.count <= 1 || self.momentum == 0.0 {
            1.0
        } else {
            1.0 - self.dampening
        };
        MomentumStep {
            lr: F::of(context.lr),
            momentum: F::of(self.momentum),
            intake: F::of(intake),
        }
    }

    #[inline(always)]
    fn update(s: &MomentumStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.momentum * v + s.intake * grad.g;
        (x - s.lr * v, [v])
    }
}
