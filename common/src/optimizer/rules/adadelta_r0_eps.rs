//! `AdaDelta` whose means begin at ε, so that none is needed under the roots.
//!
//! ```text
//! r ← ρ·r + (1 − ρ)·g²
//! s, δ² = ρ·s + (1 − ρ)·(s/r)·g², (s/r)·g²
//! x ← x − η·√(s/r)·g      (with s before this step)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `square_avg`, first ε | one per parameter | mean of g², gradient² |
//! | s | slot `acc_delta`, first ε | one per parameter | mean of δ² before this step, parameter² |
//! | ρ | `rho` | scalar in [0, 1) | memory of both; 1/(1 − ρ) steps |
//! | ε | `eps` | scalar, > 0 | both means before the first step |
//! | η | `lr` of the step | scalar | from the schedule |: the survey's is 1
//!
//! Source: a survey's own rewriting of Zeiler, arXiv 1212.5701 (*From SGD to `NadaMax`: ten optimizers*,
//! a survey in Russian), with its code's two slips mended.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::check_memory;
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, positive};

/// Hyper-parameters of `AdaDelta` without ε in the formula.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdadeltaR0Eps {
    /// ρ in [0, 1).
    pub rho: f64,
    /// ε > 0: both means before the first step.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdadeltaR0Eps>(About {
    name: "adadelta_r0_eps",
    formula: "r, s = eps at first; r ← rho·r + (1 − rho)·g²; δ = √(s/r)·g; s ← rho·s + (1 − rho)·δ²; x ← x − lr·δ",
    source: "Zeiler, arXiv 1212.5701, as the ten-optimizers survey rewrites it",
    differences: &[
        "a rate, 1 in the survey",
        "where r has decayed to zero there is no step",
    ],
    defaults: "rho = 0.999\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(1.0, 2_000, 1e-2),
        Descent::rosenbrock(10.0, 10_000, 1e-1),
    ],
});

impl Check for AdadeltaR0Eps {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("rho", self.rho)?;
        positive(
            "eps",
            self.eps,
            "both means begin with it; at 0 no parameter would ever move",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdadeltaR0EpsStep<F> {
    lr: F,
    mean: Mean<F>,
}

impl<F: Real> UpdateRule<F> for AdadeltaR0Eps {
    type Slots = [F; 2];
    type Step = AdadeltaR0EpsStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg", "acc_delta"];

    fn init(&self) -> [F; 2] {
        [F::of(self.eps); 2]
    }

    fn prepare(&self, context: &StepContext) -> AdadeltaR0EpsStep<F> {
        AdadeltaR0EpsStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.rho),
        }
    }

    #[inline(always)]
    fn update(s: &AdadeltaR0EpsStep<F>, x: F, grad: Grad<F>, [r, square]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let r = s.mean.with_square(r, g);
        let ratio = quotient(square, r);
        let delta = ratio.sqrt() * g;
        (x - s.lr * delta, [r, s.mean.with_square(square, delta)])
    }
}
