//! FTRL-Proximal: online learning with parameters that are exactly zero until they have earned more.
//!
//! ```text
//! n' = n + g²
//! z ← z + g − (√n' − √n)/η · x
//! n ← n'
//! x ← 0                                             if |z| ≤ λ₁
//! x ← −(z − sign(z)·λ₁) / ((β + √n)/η + λ₂)         else
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | n | slot `n`, first `initial_accumulator_value` | one per parameter | Σ g², gradient² |
//! | z | slot `z` | one per parameter | the linear part of the objective, gradient |
//! | η | `lr` of the step | scalar | the paper's α |
//! | β | `beta` | scalar, ≥ 0 | keeps the first steps small, gradient |
//! | λ₁ | `lambda1` | scalar, ≥ 0 | how far z must go before x leaves zero, gradient |
//! | λ₂ | `lambda2` | scalar, ≥ 0 | pulls x to zero, gradient per parameter |
//!
//! The parameter is a function of n and z, so an initial value other than zero is forgotten at the first
//! gradient. With λ₁ = λ₂ = β = 0 the steps are AdaGrad's.
//!
//! Source: `McMahan` et al., *Ad click prediction: a view from the trenches*, KDD 2013, algorithm 1.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, Lasting, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of FTRL-Proximal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ftrl {
    /// β ≥ 0.
    pub beta: f64,
    /// λ₁ ≥ 0.
    pub lambda1: f64,
    /// λ₂ ≥ 0.
    pub lambda2: f64,
    /// n before the first step, ≥ 0.
    pub initial_accumulator_value: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Ftrl>(About {
    name: "ftrl",
    formula: "z ← z + g − (√(n + g²) − √n)/lr · x; n ← n + g²; x ← 0 if |z| ≤ lambda1 else −(z − sign(z)·lambda1) / ((beta + √n)/lr + lambda2)",
    source: "McMahan et al., KDD 2013, algorithm 1",
    differences: &[
        "x is kept, and not computed anew when it is read: 4 bytes more, the same numbers",
        "n need not begin at zero: keras.optimizers.Ftrl is initial_accumulator_value = 0.1, and twice its l2_regularization_strength is lambda2",
        "the paper is written for a constant rate; under a schedule each step uses its own",
    ],
    defaults: "beta = 1.0\nlambda1 = 1.0\nlambda2 = 1.0\ninitial_accumulator_value = 0.0\n",
    survey: None,
    descents: [
        Descent::parabola(1.0, 2_000, 1e-1),
        Descent::rosenbrock(1.0, 10_000, 1e-1),
    ],
});

impl Check for Ftrl {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "beta",
            self.beta,
            "it is added to a root to keep the first steps small",
        )?;
        not_negative(
            "lambda1",
            self.lambda1,
            "it is how far z must go before a parameter leaves zero",
        )?;
        not_negative(
            "lambda2",
            self.lambda2,
            "it pulls parameters to zero; below 0 it would push them away",
        )?;
        not_negative(
            "initial_accumulator_value",
            self.initial_accumulator_value,
            "it is a sum of squares",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct FtrlStep<F> {
    /// 1/η.
    per_lr: F,
    beta: F,
    lambda1: F,
    lambda2: F,
}

impl<F: Real> UpdateRule<F> for Ftrl {
    type Slots = [F; 2];
    type Step = FtrlStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["n", "z"];
    const LASTING: Lasting = Lasting::ComputedAnew;

    fn init(&self) -> [F; 2] {
        [F::of(self.initial_accumulator_value), F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> FtrlStep<F> {
        FtrlStep {
            per_lr: F::of(1.0 / context.lr),
            beta: F::of(self.beta),
            lambda1: F::of(self.lambda1),
            lambda2: F::of(self.lambda2),
        }
    }

    #[inline(always)]
    fn update(s: &FtrlStep<F>, x: F, grad: Grad<F>, [n, z]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let next = n + g * g;
        let root = next.sqrt();
        let z = z + g - (root - n.sqrt()) * s.per_lr * x;
        let steep = (s.beta + root) * s.per_lr + s.lambda2;
        let moved = -(z - z.sign() * s.lambda1) / steep;
        // First of all: with β = 0 and no gradient so far, the quotient would be 0/0.
        let x = if z.abs() <= s.lambda1 { F::ZERO } else { moved };
        (x, [next, z])
    }
}
