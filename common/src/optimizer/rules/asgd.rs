//! Averaged SGD: SGD whose result is the mean of the points that it passed.
//!
//! ```text
//! η' = η/(1 + λ·η·(t − 1))^α
//! x ← (1 − λ·η')·x − η'·g
//! a ← a + μ·(x − a),   μ = 1/max(1, t − 1 − t₀)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | a − x | slot `lag` | one per parameter | how far the average is behind, parameter |
//! | η | `lr` of the step | scalar | from the schedule |
//! | λ | `lambd` | scalar, ≥ 0 | decay of the parameter, and of the rate |
//! | α | `alpha` | scalar, ≥ 0 | how fast the rate falls |
//! | t₀ | `t0` | scalar, ≥ 0 | steps before the average begins; until then a is x |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Gradients are taken at x, so that is what a pull shows; the average is what is judged and saved.
//! The slot is the difference of the two, which is zero at first whatever the initial values are.
//!
//! Source: Polyak, Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM J. Control
//! Optim. 30 (1992); with the rate of Bottou's `sgd`, as `torch.optim.ASGD` has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule, View};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of averaged SGD.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asgd {
    /// λ ≥ 0.
    pub lambd: f64,
    /// α ≥ 0.
    pub alpha: f64,
    /// t₀ ≥ 0, steps.
    pub t0: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Asgd>(About {
    name: "asgd",
    formula: "η' = lr/(1 + lambd·lr·(t − 1))^alpha; x ← (1 − lambd·η')·x − η'·g; average of x from step t0 on",
    source: "Polyak, Juditsky, SIAM J. Control Optim. 30 (1992); torch.optim.ASGD",
    differences: &[
        "the slot is the average less the parameter: torch.optim.ASGD keeps the average itself, and leaves it to the user to read it",
        "where a schedule moves lr, η' follows at once; in torch one step later",
    ],
    defaults: "lambd = 1e-4\nalpha = 0.75\nt0 = 1e6\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for Asgd {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "lambd",
            self.lambd,
            "it shrinks the parameters; below 0 it would blow them up",
        )?;
        not_negative(
            "alpha",
            self.alpha,
            "below 0, the rate would grow with the steps",
        )?;
        not_negative(
            "t0",
            self.t0,
            "it is the number of steps before the average begins",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AsgdStep<F> {
    /// η'.
    rate: F,
    /// 1 − λ·η'.
    keep: F,
    /// 1 − μ: the share of its lag that the average keeps.
    stay: F,
}

impl<F: Real> UpdateRule<F> for Asgd {
    type Slots = [F; 1];
    type Step = AsgdStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["lag"];
    const EVALUATE: View<Self, F> = Some(|_, x, &[lag]| x + lag);

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> AsgdStep<F> {
        let passed = context.steps() - 1.0;
        let rate = context.lr / (1.0 + self.lambd * context.lr * passed).powf(self.alpha);
        let mu = 1.0 / (passed - self.t0).max(1.0);
        AsgdStep {
            rate: F::of(rate),
            keep: F::of(1.0 - self.lambd * rate),
            stay: F::of(1.0 - mu),
        }
    }

    #[inline(always)]
    fn update(s: &AsgdStep<F>, x: F, grad: Grad<F>, [lag]: [F; 1]) -> (F, [F; 1]) {
        let moved = s.keep * x - s.rate * grad.g;
        // a + μ·(x' − a) is x' + (1 − μ)·(a − x').
        (moved, [s.stay * (lag + (x - moved))])
    }
}
