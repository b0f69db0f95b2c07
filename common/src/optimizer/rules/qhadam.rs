//! `QHAdam`: Adam between the gradient and its means.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g,   m̂ = m/(1 − β₁ᵗ)
//! v ← β₂·v + (1 − β₂)·g²,  v̂ = v/(1 − β₂ᵗ)
//! x ← x − η · ((1 − ν₁)·g + ν₁·m̂) / (√((1 − ν₂)·g² + ν₂·v̂) + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ν₁, ν₂ | `nus` | scalars in [0, 1] | share of the means in the step |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! ν = (1, 1) is [`super::adam`].
//!
//! Source: Ma, Yarats, *Quasi-hyperbolic momentum and Adam for deep learning*, ICLR 2019, equation 4.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Decay, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, fraction};

/// Hyper-parameters of `QHAdam`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qhadam {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ν₁ and ν₂, each in [0, 1].
    pub nus: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// Whether the L2 term is decoupled.
    pub decoupled_weight_decay: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Qhadam>(About {
    name: "qhadam",
    formula: "m, v: means of g and g² with memory betas; x ← x − lr · ((1 − nus[0])·g + nus[0]·m̂) / (√((1 − nus[1])·g² + nus[1]·v̂) + eps)",
    source: "Ma, Yarats, ICLR 2019, equation 4",
    differences: &[
        "the authors' code keeps means that are already corrected: the same numbers up to rounding",
        "their weight_decay is the job's L2 term",
    ],
    defaults: "betas = [0.995, 0.999]\nnus = [0.7, 1.0]\neps = 1e-8\ndecoupled_weight_decay = false\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.01, 3_000, 1e-2),
    ],
});

impl Check for Qhadam {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        fraction(
            "nus[0]",
            self.nus[0],
            "the numerator is a weighted mean of the gradient and its mean",
        )?;
        fraction(
            "nus[1]",
            self.nus[1],
            "the denominator is a weighted mean of the squared gradient and its mean",
        )?;
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct QhadamStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// 1 − ν₁, for g.
    now: F,
    /// ν₁/(1 − β₁ᵗ), for m.
    mean: F,
    /// 1 − ν₂, for g².
    now_square: F,
    /// ν₂/(1 − β₂ᵗ), for v.
    mean_square: F,
    lr: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for Qhadam {
    type Slots = [F; 2];
    type Step = QhadamStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn decay(&self) -> Decay {
        if self.decoupled_weight_decay {
            Decay::Decoupled
        } else {
            Decay::Coupled
        }
    }

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> QhadamStep<F> {
        let [beta1, beta2] = self.betas;
        let [nu1, nu2] = self.nus;
        QhadamStep {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            now: F::of(1.0 - nu1),
            mean: F::of(nu1 / filled(beta1, context)),
            now_square: F::of(1.0 - nu2),
            mean_square: F::of(nu2 / filled(beta2, context)),
            lr: F::of(context.lr),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &QhadamStep<F>, x: F, grad: Grad<F>, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let m = s.first.with(m, g);
        let v = s.second.with_square(v, g);
        let ahead = s.now * g + s.mean * m;
        let square = (s.now_square * g) * g + s.mean_square * v;
        (x - s.lr * (ahead / (square.sqrt() + s.eps)), [m, v])
    }
}
