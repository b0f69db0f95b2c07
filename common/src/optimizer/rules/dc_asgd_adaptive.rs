//! DC-ASGD-a: delay compensation whose weight follows the size of the gradients.
//!
//! ```text
//! m ← μ·m + (1 − μ)·g²
//! x ← x − η·(g + λ₀/√(m + ε)·g²·(x − x_read))
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | `x_read` | value at read | one per parameter | x where the worker took the gradient |
//! | m | slot `mean_square` | one per parameter, or one per parameter and worker | mean of recent squares, gradient² |
//! | μ | `memory` | scalar in [0, 1) | share of itself that m keeps |
//! | λ₀ | `compensation` | scalar, ≥ 0 | weight of the correction |
//! | ε | `eps` | scalar, > 0 | keeps the weight finite, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! As long as m is cold the weight is too large: the first gradient alone makes λ = λ₀/(√(1 − μ)·|g|),
//! and λ·g² can exceed 1/η, at which the correction by itself overshoots `x_read`. `guard` holds it to
//! 1/η. Without it λ₀ = 2 overflows on a harmless noisy parabola.
//!
//! `mean_squares` = 1 keeps one m for all workers, as in the paper; with the number of workers each has
//! its own, as in the authors' code.
//!
//! Source: Zheng et al., *Asynchronous stochastic gradient descent with delay compensation*, ICML
//! 2017, section 5.

use serde::Deserialize;

use super::dc_asgd_constant::DcAsgdStep;
use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::{check_eps, check_memory};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{AtRead, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative, require};

/// Hyper-parameters of DC-ASGD with an adaptive weight.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcAsgdAdaptive {
    /// λ₀ ≥ 0.
    pub compensation: f64,
    /// μ in [0, 1).
    pub memory: f64,
    /// ε > 0.
    pub eps: f64,
    /// Whether λ·g² is held to at most 1/η.
    pub guard: bool,
    /// 1, or the number of workers.
    pub mean_squares: u32,
}

/// The most workers that may each have a mean of their own: a model's memory for every one.
const MEAN_SQUARES_MAX: u32 = 1_024;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<DcAsgdAdaptive>(About {
    name: "dc_asgd_adaptive",
    formula: "m ← memory·m + (1 − memory)·g²; x ← x − lr·(g + compensation/√(m + eps)·g²·(x − x at read))",
    source: "Zheng et al., ICML 2017, section 5 (DC-ASGD-a)",
    differences: &[
        "guard = true holds compensation/√(m + eps)·g² to at most 1/lr, beyond which the correction alone overshoots; the paper has no such bound, and its rule overflows while m is cold",
        "mean_squares = W keeps an m for each of W workers, as the authors' code does",
    ],
    defaults: "compensation = 2.0\nmemory = 0.95\neps = 1e-7\nguard = true\nmean_squares = 1\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for DcAsgdAdaptive {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "compensation",
            self.compensation,
            "it stands for a curvature; below 0 it would drive parameters apart",
        )?;
        check_memory("memory", self.memory)?;
        check_eps(self.eps)?;
        require(
            "mean_squares",
            f64::from(self.mean_squares),
            (1..=MEAN_SQUARES_MAX).contains(&self.mean_squares),
            "1, or the number of workers, up to 1024",
            "it is how many means of squares a parameter has",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct DcAsgdAdaptiveStep<F> {
    descent: DcAsgdStep<F>,
    memory: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for DcAsgdAdaptive {
    type Slots = [F; 1];
    type Step = DcAsgdAdaptiveStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["mean_square"];
    const AT_READ: AtRead = AtRead::Parameter;

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn turns(&self) -> usize {
        self.mean_squares as usize
    }

    fn turn_of(&self, context: &StepContext) -> Option<usize> {
        Some((context.worker % self.mean_squares) as usize)
    }

    fn prepare(&self, context: &StepContext) -> DcAsgdAdaptiveStep<F> {
        DcAsgdAdaptiveStep {
            descent: DcAsgdStep::new(context, self.compensation, self.guard),
            memory: F::of(self.memory),
            eps: F::of(self.eps),
        }
    }

    fn prepare_turn(&self, context: &StepContext, _turn: usize) -> DcAsgdAdaptiveStep<F> {
        self.prepare(context)
    }

    #[inline(always)]
    fn update(s: &DcAsgdAdaptiveStep<F>, x: F, grad: Grad<F>, [m]: [F; 1]) -> (F, [F; 1]) {
        let g = grad.g;
        let m = s.memory * m + (F::of(1.0) - s.memory) * g * g;
        let lambda = s.descent.lambda / (m + s.eps).sqrt();
        (s.descent.descend(x, grad, lambda), [m])
    }
}
