//! `NadaMax`: `AdaMax` with Nesterov's look-ahead in the mean of gradients.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! u ← max(β₂·u, |g| + ε_max)
//! x ← x − η/(1 − β₁ᵗ) · (β₁·m + (1 − β₁)·g)/(u + ε_add)      (no step where that is 0)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | u | slot `exp_inf` | one per parameter | the largest recent size of a gradient, faded, gradient |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m; share of u that a step keeps |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | `ε_max`, `ε_add` | `eps_mode` | one of three | (ε, 0) for `"max"`, (0, ε) for `"add"`, (0, 0) for `"none"` |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! The first step is η·(1 + β₁) against the gradient's sign: longer than `AdaMax`'s.
//!
//! Source: a survey's own combination of `AdaMax` and Nadam (*From SGD to `NadaMax`: ten optimizers*); no
//! library has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of `NadaMax`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nadamax {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// Where ε stands.
    pub eps_mode: EpsMode,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Nadamax>(About {
    name: "nadamax",
    formula: "m: mean of g with memory betas[0]; u ← max(betas[1]·u, |g| + eps); x ← x − lr/(1 − betas[0]ᵗ) · (betas[0]·m + (1 − betas[0])·g)/u",
    source: "the ten-optimizers survey",
    differences: &[
        "the survey has no eps, which is eps_mode = \"none\"; where the denominator is zero there is no step",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\neps_mode = \"max\"\n",
    survey: Some("eps_mode = \"none\"\n"),
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.05, 3_000, 1e-2),
    ],
});

impl Check for Nadamax {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NadamaxStep<F> {
    first: Mean<F>,
    /// β₂.
    fade: F,
    /// η/(1 − β₁ᵗ).
    rate: F,
    /// `ε_max`.
    floor: F,
    /// `ε_add`.
    add: F,
}

/// Where ε stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpsMode {
    /// Nowhere.
    None,
    /// In the maximum, beside |g|.
    Max,
    /// In the denominator, beside u.
    Add,
}

impl<F: Real> UpdateRule<F> for Nadamax {
    type Slots = [F; 2];
    type Step = NadamaxStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_inf"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> NadamaxStep<F> {
        let (floor, add) = match self.eps_mode {
            EpsMode::None => (0.0, 0.0),
            EpsMode::Max => (self.eps, 0.0),
            EpsMode::Add => (0.0, self.eps),
        };
        let [beta1, beta2] = self.betas;
        NadamaxStep {
            first: Mean::of(beta1),
            fade: F::of(beta2),
            rate: F::of(context.lr / filled(beta1, context)),
            floor: F::of(floor),
            add: F::of(add),
        }
    }

    #[inline(always)]
    fn update(s: &NadamaxStep<F>, x: F, grad: Grad<F>, [m, u]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let u = (s.fade * u).max(g.abs() + s.floor);
        let ahead = s.first.with(m, g);
        (x - s.rate * quotient(ahead, u + s.add), [m, u])
    }
}
