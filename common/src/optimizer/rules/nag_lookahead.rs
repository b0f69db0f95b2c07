//! Nesterov's accelerated gradient as it is written: the gradient is taken ahead of the parameter.
//!
//! ```text
//! g = ∇f(x + μ·v)
//! v ← μ·v − η·g
//! x ← x + v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | x + μ·v | what a pull shows | one per parameter | where the velocity alone would lead |
//! | v | slot `velocity` | one per parameter | the last step taken, parameter |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Workers pull the point ahead and differentiate there; the parameter itself is what is judged and
//! saved. At a constant rate the points that workers see are those of [`super::nesterov`], which keeps
//! only them.
//!
//! Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
//! learning*, ICML 2013, equations 3 and 4.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule, View};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Nesterov's method with a look-ahead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NagLookahead {
    /// μ in [0, 1).
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<NagLookahead>(About {
    name: "nag_lookahead",
    formula: "g at x + momentum·v; v ← momentum·v − lr·g; x ← x + v",
    source: "Sutskever, Martens, Dahl, Hinton, ICML 2013, equations 3 and 4",
    differences: &[
        "torch.optim.SGD(nesterov=True) keeps the point ahead and has no parameter behind it",
        "a pull shows the point ahead; what is judged and saved is the parameter",
        "an L2 term is taken at the parameter, not at the point ahead",
    ],
    defaults: "momentum = 0.9\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 500, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for NagLookahead {
    fn check(&self) -> Result<(), SettingError> {
        check_velocity("momentum", self.momentum)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NagLookaheadStep<F> {
    lr: F,
    momentum: F,
}

impl<F: Real> UpdateRule<F> for NagLookahead {
    type Slots = [F; 1];
    type Step = NagLookaheadStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["velocity"];
    const PUBLISH: View<Self, F> = Some(|rule, x, &[v]| x + F::of(rule.momentum) * v);

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> NagLookaheadStep<F> {
        NagLookaheadStep {
            lr: F::of(context.lr),
            momentum: F::of(self.momentum),
        }
    }

    #[inline(always)]
    fn update(s: &NagLookaheadStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.momentum * v - s.lr * grad.g;
        (x + v, [v])
    }
}
