//! AdaGrad with ε under the root, or with none and a sum that does not begin at zero.
//!
//! ```text
//! r ← r + g²
//! x ← x − η · g / √(r + ε)      (no step where r = 0)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `sum`, first `initial_accumulator_value` | one per parameter | Σ g², gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | ε | `eps` | scalar, ≥ 0 | keeps the first steps finite, gradient² |
//!
//! With ε = 0 and r = 10⁻⁸ at first it is the form that one survey prefers: one addition less, and
//! nothing is ever divided by zero.
//!
//! Source: Duchi, Hazan, Singer, *Adaptive subgradient methods for online learning and stochastic
//! optimization*, JMLR 12 (2011); with ε where Ruder, *An overview of gradient descent optimization
//! algorithms*, arXiv 1609.04747, section 4.3, has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of AdaGrad with ε under the root.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdagradEpsInside {
    /// r before the first step, ≥ 0.
    pub initial_accumulator_value: f64,
    /// ε ≥ 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdagradEpsInside>(About {
    name: "adagrad_eps_inside",
    formula: "r ← r + g²; x ← x − lr · g / √(r + eps)",
    source: "Ruder, arXiv 1609.04747, section 4.3",
    differences: &[
        "torch.optim.Adagrad adds eps to the root, and has lr_decay",
        "Ruder's text says 10e-8 where 1e-8 is meant",
        "where r is zero there is no step, as in optax; the paper leaves 0/0 open",
    ],
    defaults: "initial_accumulator_value = 0.0\neps = 1e-8\n",
    survey: Some("initial_accumulator_value = 1e-8\neps = 0.0\n"),
    descents: [
        Descent::parabola(0.5, 500, 1e-6),
        Descent::rosenbrock(0.5, 10_000, 1e-2),
    ],
});

impl Check for AdagradEpsInside {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "initial_accumulator_value",
            self.initial_accumulator_value,
            "it is a sum of squares",
        )?;
        not_negative(
            "eps",
            self.eps,
            "below 0, the root of a small square would be NaN",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdagradEpsInsideStep<F> {
    lr: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for AdagradEpsInside {
    type Slots = [F; 1];
    type Step = AdagradEpsInsideStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["sum"];

    fn init(&self) -> [F; 1] {
        [F::of(self.initial_accumulator_value)]
    }

    fn prepare(&self, context: &StepContext) -> AdagradEpsInsideStep<F> {
        AdagradEpsInsideStep {
            lr: F::of(context.lr),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &AdagradEpsInsideStep<F>, x: F, grad: Grad<F>, [r]: [F; 1]) -> (F, [F; 1]) {
        let g = grad.g;
        let r = r + g * g;
        let under = if r == F::ZERO { r } else { r + s.eps };
        (x - s.lr * quotient(g, under.sqrt()), [r])
    }
}
