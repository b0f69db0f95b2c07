//! FTRL-Proximal for gradients that arrive late: AdaptiveRevision's accumulators under FTRL's closed
//! form, for parameters that stay zero until they have earned more.
//!
//! ```text
//! b = s − s_read
//! n ← n + g² + 2·g·b
//! r_old = r;  r ← max(r, √max(n, 0))
//! z ← z + g − (r − r_old)/η · x + (1 − (β + r)/(β + r_old))·b
//! x ← 0                                            if |z| ≤ λ₁
//! x ← −(z − sign(z)·λ₁) / ((β + r)/η + λ₂)         else
//! s ← s + g
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | s | slots `sum_high` + `sum_low` | one per parameter | sum of all gradients applied so far, gradient |
//! | `s_read` | value at read | one per parameter | s when the worker read x |
//! | b | | one per parameter | gradients that the worker could not see |
//! | z | slot `z` | one per parameter | the linear part of the objective, gradient |
//! | n | slot `n`, first `initial_accumulator_value` | one per parameter | g² and twice the cross terms, gradient²; may fall |
//! | r | slot `root_max`, first its root | one per parameter | the largest √n so far, gradient |
//! | η | `lr` of the step | scalar | FTRL's α |
//! | β | `beta` | scalar, ≥ 0 | keeps the first steps small, gradient |
//! | λ₁, λ₂ | `lambda1`, `lambda2` | scalars, ≥ 0 | as in [`super::ftrl`] |
//!
//! With λ₁ = λ₂ = 0 a step is x ← x − η′·g + (η′_old − η′)·b with η′ = η/(β + r): AdaptiveRevision's.
//! With b = 0 it is FTRL-Proximal's.
//!
//! Source: derived from `McMahan`, Streeter, NIPS 2014 and `McMahan` et al., KDD 2013. x is the
//! server's own, not the one that the worker read: with that the identity above would not hold.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{AtRead, Grad, Lasting, StepContext, UpdateRule};
use crate::optimizer::wide::{join, split};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of FTRL-AdaptiveRevision.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FtrlAdaptiveRevision {
    /// β ≥ 0.
    pub beta: f64,
    /// λ₁ ≥ 0.
    pub lambda1: f64,
    /// λ₂ ≥ 0.
    pub lambda2: f64,
    /// n before the first step, ≥ 0.
    pub initial_accumulator_value: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<FtrlAdaptiveRevision>(About {
    name: "ftrl_adaptive_revision",
    formula: "b = s − s at read; n ← n + g² + 2·g·b; r ← max(r, √max(n, 0)); z ← z + g − (r − r_old)/lr·x + (1 − (beta + r)/(beta + r_old))·b; x as in ftrl with √n = r; s ← s + g",
    source: "McMahan, Streeter, NIPS 2014, on McMahan et al., KDD 2013; the combination is derived here",
    differences: &[
        "the proximal term is centred at the server's parameter, not at the one that the worker read",
        "s is kept as two singles and computed in f64",
    ],
    defaults: "beta = 1.0\nlambda1 = 1.0\nlambda2 = 1.0\ninitial_accumulator_value = 0.0\n",
    survey: None,
    descents: [
        Descent::parabola(1.0, 2_000, 1e-1),
        Descent::rosenbrock(1.0, 10_000, 1e-1),
    ],
});

impl Check for FtrlAdaptiveRevision {
    fn check(&self) -> Result<(), SettingError> {
        let of_beta = "it is added to a root to keep the first steps small";
        not_negative("beta", self.beta, of_beta)?;
        let of_lambda1 = "it is how far z must go before a parameter leaves zero";
        not_negative("lambda1", self.lambda1, of_lambda1)?;
        let of_lambda2 = "it pulls parameters to zero; below 0 it would push them away";
        not_negative("lambda2", self.lambda2, of_lambda2)?;
        let key = "initial_accumulator_value";
        not_negative(
            key,
            self.initial_accumulator_value,
            "it is a sum of squares",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct FtrlAdaptiveRevisionStep<F> {
    /// 1/η.
    per_lr: F,
    beta: F,
    lambda1: F,
    lambda2: F,
}

impl<F: Real> UpdateRule<F> for FtrlAdaptiveRevision {
    type Slots = [F; 5];
    type Step = FtrlAdaptiveRevisionStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["sum_high", "sum_low", "n", "root_max", "z"];
    const AT_READ: AtRead = AtRead::Sum;
    const LASTING: Lasting = Lasting::ComputedAnew;

    fn init(&self) -> [F; 5] {
        let n = F::of(self.initial_accumulator_value);
        [F::ZERO, F::ZERO, n, n.sqrt(), F::ZERO]
    }

    #[inline(always)]
    fn readable(_: F, &[high, low, ..]: &[F; 5]) -> f64 {
        join(high, low)
    }

    fn prepare(&self, context: &StepContext) -> FtrlAdaptiveRevisionStep<F> {
        FtrlAdaptiveRevisionStep {
            per_lr: F::of(1.0 / context.lr),
            beta: F::of(self.beta),
            lambda1: F::of(self.lambda1),
            lambda2: F::of(self.lambda2),
        }
    }

    #[inline(always)]
    fn update(
        s: &FtrlAdaptiveRevisionStep<F>,
        x: F,
        Grad { g, at_read }: Grad<F>,
        [high, low, n, old, z]: [F; 5],
    ) -> (F, [F; 5]) {
        let sum = join(high, low);
        let unseen = F::of(sum - at_read);
        let n = (n + g * g) + (g * unseen + g * unseen);
        let new = old.max(n.max(F::ZERO).sqrt());
        let before = s.beta + old;
        let raised = (F::of(1.0) - (s.beta + new) / before) * unseen;
        // With β = 0 nothing has been applied before the first gradient, so nothing was missed.
        let raised = if before == F::ZERO { F::ZERO } else { raised };
        let z = (z + g - (new - old) * s.per_lr * x) + raised;
        let steep = (s.beta + new) * s.per_lr + s.lambda2;
        let moved = -(z - z.sign() * s.lambda1) / steep;
        // As in FTRL, and where cross terms have left no root to divide by.
        let rests = z.abs() <= s.lambda1 || steep == F::ZERO;
        let x = if rests { F::ZERO } else { moved };
        let [high, low] = split(sum + g.to_f64());
        (x, [high, low, n, new, z])
    }
}
