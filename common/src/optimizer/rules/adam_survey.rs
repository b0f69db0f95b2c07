//! Adam whose mean of squares begins at ε, so that none is needed in the formula.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/√v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq`, first ε | one per parameter | mean of their squares, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε | `eps` | scalar, > 0 | v before the first step, gradient² |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! What ε adds to v fades as β₂ᵗ.
//!
//! Source: Kingma, Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1, as the
//! code of a survey has it (*From SGD to `NadaMax`: ten optimizers*).

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of Adam without ε in the formula.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamSurvey {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0: v before the first step.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdamSurvey>(About {
    name: "adam_survey",
    formula: "v = eps at first; m, v: means of g and g² with memory betas; x ← x − lr·√(1 − betas[1]ᵗ)/(1 − betas[0]ᵗ) · m/√v",
    source: "Kingma, Ba, ICLR 2015, as the ten-optimizers survey has it",
    differences: &[
        "the survey's code raises its powers of β by squaring 1, so that its steps are all zero; here they are powers",
        "where v has decayed to zero there is no step",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for AdamSurvey {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamSurveyStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η·√(1 − β₂ᵗ)/(1 − β₁ᵗ).
    rate: F,
}

impl<F: Real> UpdateRule<F> for AdamSurvey {
    type Slots = [F; 2];
    type Step = AdamSurveyStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO, F::of(self.eps)]
    }

    fn prepare(&self, context: &StepContext) -> AdamSurveyStep<F> {
        let [beta1, beta2] = self.betas;
        let correction = filled(beta2, context).sqrt() / filled(beta1, context);
        AdamSurveyStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            rate: F::of(context.lr * correction),
        }
    }

    #[inline(always)]
    fn update(s: &AdamSurveyStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        (x - s.rate * quotient(m, v.sqrt()), [m, v])
    }
}
