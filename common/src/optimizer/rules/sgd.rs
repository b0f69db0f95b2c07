//! SGD: a step against the gradient.
//!
//! ```text
//! x ← x − η·g
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Source: Robbins, Monro, *A stochastic approximation method*, Ann. Math. Statist. 22 (1951).

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// SGD has no hyper-parameters of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Sgd>(About {
    name: "sgd",
    formula: "x ← x − lr·g",
    source: "Robbins, Monro, Ann. Math. Statist. 22 (1951)",
    differences: &["torch.optim.SGD's momentum and nesterov are rules of their own"],
    defaults: "",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-2),
    ],
});

impl Check for Sgd {
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }
}

impl<F: Real> UpdateRule<F> for Sgd {
    type Slots = [F; 0];
    /// η.
    type Step = F;
    const SLOT_NAMES: &'static [&'static str] = &[];

    fn init(&self) -> [F; 0] {
        []
    }

    fn prepare(&self, context: &StepContext) -> F {
        F::of(context.lr)
    }

    #[inline(always)]
    fn update(&lr: &F, x: F, grad: Grad<F>, []: [F; 0]) -> (F, [F; 0]) {
        (x - lr * grad.g, [])
    }
}
