//! AdaGrad: each parameter's rate falls with the gradients it has seen.
//!
//! ```text
//! r ← r + g²
//! x ← x − η/(1 + (t − 1)·k) · g / (√r + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `sum`, first `initial_accumulator_value` | one per parameter | Σ g², gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | k | `lr_decay` | scalar, ≥ 0 | makes the rate fall with the steps as well |
//! | ε | `eps` | scalar, > 0, or 0 where r begins above 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: Duchi, Hazan, Singer, *Adaptive subgradient methods for online learning and stochastic
//! optimization*, JMLR 12 (2011), with diagonal matrices; ε is the paper's δ.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative, require};

/// Hyper-parameters of AdaGrad.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adagrad {
    /// k ≥ 0.
    pub lr_decay: f64,
    /// r before the first step, ≥ 0.
    pub initial_accumulator_value: f64,
    /// ε > 0, or 0 where r begins above 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adagrad>(About {
    name: "adagrad",
    formula: "r ← r + g²; x ← x − lr/(1 + (t − 1)·lr_decay) · g / (√r + eps)",
    source: "Duchi, Hazan, Singer, JMLR 12 (2011)",
    differences: &[
        "no projection on a feasible set",
        "lr_decay, which is torch.optim.Adagrad's",
    ],
    defaults: "lr_decay = 0.0\ninitial_accumulator_value = 0.0\neps = 1e-10\n",
    survey: Some("eps = 1e-8\n"),
    descents: [
        Descent::parabola(0.5, 500, 1e-6),
        Descent::rosenbrock(0.5, 10_000, 1e-2),
    ],
});

impl Check for Adagrad {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "lr_decay",
            self.lr_decay,
            "below 0, the rate would grow and pass through infinity",
        )?;
        not_negative(
            "initial_accumulator_value",
            self.initial_accumulator_value,
            "it is a sum of squares",
        )?;
        let holds = 0.0 < self.eps || (self.eps == 0.0 && 0.0 < self.initial_accumulator_value);
        require(
            "eps",
            self.eps,
            holds && self.eps.is_finite(),
            "a finite number above 0, or 0 beside an `initial_accumulator_value` above 0",
            "one of the two keeps steps finite where there was no gradient",
        )
    }
}

/// AdaGrad's scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdagradStep<F> {
    /// η/(1 + (t − 1)·k).
    rate: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for Adagrad {
    type Slots = [F; 1];
    type Step = AdagradStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["sum"];

    fn init(&self) -> [F; 1] {
        [F::of(self.initial_accumulator_value)]
    }

    fn prepare(&self, context: &StepContext) -> AdagradStep<F> {
        let earlier = context.steps() - 1.0;
        AdagradStep {
            rate: F::of(context.lr / (1.0 + earlier * self.lr_decay)),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &AdagradStep<F>, x: F, grad: Grad<F>, [r]: [F; 1]) -> (F, [F; 1]) {
        let g = grad.g;
        let r = r + g * g;
        (x - s.rate * (g / (r.sqrt() + s.eps)), [r])
    }
}
