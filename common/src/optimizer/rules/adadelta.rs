//! `AdaDelta`: the size of a step is that of recent steps, over that of recent gradients.
//!
//! ```text
//! r ← ρ·r + (1 − ρ)·g²
//! δ = √(s + ε)/√(r + ε) · g
//! s ← ρ·s + (1 − ρ)·δ²
//! x ← x − η·δ
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `square_avg` | one per parameter | mean of g², gradient² |
//! | s | slot `acc_delta` | one per parameter | mean of δ² before this step, parameter² |
//! | ρ | `rho` | scalar in [0, 1) | memory of both; 1/(1 − ρ) steps |
//! | ε | `eps` | scalar, > 0 | sets the first step, √(ε/(1 − ρ)), too |
//! | η | `lr` of the step | scalar | from the schedule |: the paper's is 1
//!
//! δ has the parameter's unit, which is why no rate is needed.
//!
//! Source: Zeiler, *ADADELTA: an adaptive learning rate method*, arXiv 1212.5701, algorithm 1.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::check_memory;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, positive};

/// Hyper-parameters of `AdaDelta`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adadelta {
    /// ρ in [0, 1).
    pub rho: f64,
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adadelta>(About {
    name: "adadelta",
    formula: "r ← rho·r + (1 − rho)·g²; δ = √(s + eps)/√(r + eps) · g; s ← rho·s + (1 − rho)·δ²; x ← x − lr·δ",
    source: "Zeiler, arXiv 1212.5701, algorithm 1",
    differences: &[
        "a rate, 1 in the paper, as torch.optim.Adadelta has it",
        "the paper tries rho = 0.95; torch.optim.Adadelta and the surveys take 0.9",
    ],
    defaults: "rho = 0.9\neps = 1e-6\n",
    survey: None,
    descents: [
        Descent::parabola(1.0, 2_000, 1e-2),
        Descent::rosenbrock(0.1, 3_000, 1e-1),
    ],
});

impl Check for Adadelta {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("rho", self.rho)?;
        positive(
            "eps",
            self.eps,
            "it sets the length of the first step; at 0 no parameter would ever move",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdadeltaStep<F> {
    lr: F,
    mean: Mean<F>,
    eps: F,
}

impl<F: Real> UpdateRule<F> for Adadelta {
    type Slots = [F; 2];
    type Step = AdadeltaStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg", "acc_delta"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> AdadeltaStep<F> {
        AdadeltaStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.rho),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &AdadeltaStep<F>, x: F, grad: Grad<F>, [r, square]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let r = s.mean.with_square(r, g);
        let delta = (square + s.eps).sqrt() / (r + s.eps).sqrt() * g;
        (x - s.lr * delta, [r, s.mean.with_square(square, delta)])
    }
}
