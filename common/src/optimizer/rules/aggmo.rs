//! `AggMo`: several velocities of different memory, and a step along their mean.
//!
//! ```text
//! vᵢ ← βᵢ·vᵢ + g          for each of K velocities
//! x  ← x − η/K · Σ vᵢ
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | vᵢ | slot `momentum_buffer_i` | one per parameter | decaying sum of gradients, gradient |
//! | βᵢ | `betas` | K scalars in [0, 1), K ≥ 1 | share of vᵢ that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! The K velocities are K turns of one formula, each of which takes its share of the step:
//! `x ← x − η/K·vᵢ`.
//!
//! Velocities of little memory damp the oscillations of those with much.
//!
//! Source: Lucas, Sun, Zemel, Grosse, *Aggregated momentum: stability through passive damping*,
//! ICLR 2019, equation 3.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::optimizer::tensor_rule::count;
use crate::registry::{Check, SettingError, require};

/// Hyper-parameters of `AggMo`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggmo {
    /// K β, each in [0, 1).
    pub betas: Vec<f64>,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Aggmo>(About {
    name: "aggmo",
    formula: "vᵢ ← betas[i]·vᵢ + g; x ← x − lr · mean of all vᵢ",
    source: "Lucas, Sun, Zemel, Grosse, ICLR 2019, equation 3",
    differences: &[
        "x takes the K shares of the step one after another, not their sum at once: a difference of rounding",
        "the velocity of β = 0, which is the gradient, has a slot like the others",
    ],
    defaults: "betas = [0.0, 0.9, 0.99]\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 3_000, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for Aggmo {
    fn check(&self) -> Result<(), SettingError> {
        let some = !self.betas.is_empty();
        let why = "the step is the mean of the velocities, one for each";
        require("number of betas", 0.0, some, "at least 1", why)?;
        self.betas
            .iter()
            .try_for_each(|&beta| check_velocity("betas", beta))
    }
}

/// The scalars of one velocity in one step.
#[derive(Clone, Copy, Debug)]
pub struct AggmoStep<F> {
    /// η/K.
    rate: F,
    beta: F,
}

impl<F: Real> UpdateRule<F> for Aggmo {
    type Slots = [F; 1];
    type Step = AggmoStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn turns(&self) -> usize {
        self.betas.len()
    }

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> AggmoStep<F> {
        self.prepare_turn(context, 0)
    }

    fn prepare_turn(&self, context: &StepContext, turn: usize) -> AggmoStep<F> {
        AggmoStep {
            rate: F::of(context.lr / count(self.betas.len())),
            beta: F::of(self.betas[turn]),
        }
    }

    #[inline(always)]
    fn update(s: &AggmoStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.beta * v + grad.g;
        (x - s.rate * v, [v])
    }
}
