//! Nesterov's accelerated gradient, in terms of the point where gradients are taken.
//!
//! ```text
//! v ← μ·v + g
//! x ← x − η·(g + μ·v)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `momentum_buffer` | one per parameter | decaying sum of gradients, gradient |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! The parameter is the look-ahead point itself, φ = w + μ·(velocity), so workers pull what they
//! must differentiate at, and the server needs no second copy.
//!
//! Source: Nesterov, *A method of solving a convex programming problem with convergence rate
//! O(1/k²)*, Soviet Math. Dokl. 27 (1983); rewritten for φ as in Bengio, Boulanger-Lewandowski,
//! Pascanu, ICASSP 2013, which is `torch.optim.SGD(nesterov=True)`.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Nesterov's method.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nesterov {
    /// μ in [0, 1).
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Nesterov>(About {
    name: "nesterov",
    formula: "v ← momentum·v + g; x ← x − lr·(g + momentum·v)",
    source: "Nesterov, Soviet Math. Dokl. 27 (1983); torch.optim.SGD(nesterov=True)",
    differences: &[
        "the parameter is the point ahead, as in torch.optim.SGD(nesterov=True); `nag_lookahead` keeps the point behind it, too",
    ],
    defaults: "momentum = 0.9\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 500, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for Nesterov {
    fn check(&self) -> Result<(), SettingError> {
        check_velocity("momentum", self.momentum)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NesterovStep<F> {
    lr: F,
    momentum: F,
}

impl<F: Real> UpdateRule<F> for Nesterov {
    type Slots = [F; 1];
    type Step = NesterovStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> NesterovStep<F> {
        NesterovStep {
            lr: F::of(context.lr),
            momentum: F::of(self.momentum),
        }
    }

    #[inline(always)]
    fn update(s: &NesterovStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.momentum * v + grad.g;
        (x - s.lr * (grad.g + s.momentum * v), [v])
    }
}
