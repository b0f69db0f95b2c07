//! AdaptiveRevision: AdaGrad for gradients that arrive late, in which what was applied meanwhile is
//! taken again at the rate that it should have had.
//!
//! ```text
//! b = s − s_read
//! z ← z + g² + 2·g·b
//! z′_old = z′;  z′ ← max(z′, z)
//! x ← x − η·g/√z′ + (η/√z′_old − η/√z′)·b
//! s ← s + g
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | s | slots `sum_high` + `sum_low` | one per parameter | sum of all gradients applied so far, gradient |
//! | `s_read` | value at read | one per parameter | s when the worker read x |
//! | b | | one per parameter | gradients that the worker could not see, `g_bck` of the paper |
//! | z | slot `z`, first `initial_accumulator_value` | one per parameter | g² and twice the cross terms, gradient²; may fall |
//! | z′ | slot `z_max`, first the same | one per parameter | the largest z so far |
//! | η | `lr` of the step | scalar | the paper's α: the first step is η·g where z begins at 1 |
//!
//! Gradients that were all computed at one reading count as one large gradient if they agree and
//! cancel if they do not: over such a window z grows by (Σg)². The rate of those that were applied
//! meanwhile is lowered afterwards, in constant time. Where nothing was missed, b = 0 and the step is
//! AdaGrad's with the same first accumulator and ε = 0, bit for bit.
//!
//! b is a small difference of large sums, which singles cannot hold: s is added up in f64 and kept as
//! two singles (48 bits), and it travels as a double.
//!
//! Source: `McMahan`, Streeter, *Delay-tolerant algorithms for asynchronous distributed online
//! learning*, NIPS 2014, algorithm 2.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{AtRead, Grad, StepContext, UpdateRule};
use crate::optimizer::wide::{join, split};
use crate::registry::{Check, SettingError, positive};

/// Hyper-parameters of AdaptiveRevision.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveRevision {
    /// z before the first step, > 0.
    pub initial_accumulator_value: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AdaptiveRevision>(About {
    name: "adaptive_revision",
    formula: "b = s − s at read; z ← z + g² + 2·g·b; z′ ← max(z′, z); x ← x − lr·g/√z′ + (lr/√z′_old − lr/√z′)·b; s ← s + g",
    source: "McMahan, Streeter, NIPS 2014, algorithm 2",
    differences: &[
        "under a schedule both rates of a revision are of the step's lr; the paper's is constant",
        "s is kept as two singles and computed in f64",
        "an L2 term is taken at the server's parameter, so that it has missed nothing where the push brings no gradient",
    ],
    defaults: "initial_accumulator_value = 1.0\n",
    survey: None,
    descents: [
        Descent::parabola(0.5, 500, 1e-6),
        Descent::rosenbrock(0.5, 10_000, 1e-2),
    ],
});

impl Check for AdaptiveRevision {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "initial_accumulator_value",
            self.initial_accumulator_value,
            "it keeps the first steps finite: the rule has no eps",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveRevisionStep<F> {
    /// η.
    rate: F,
}

impl<F: Real> UpdateRule<F> for AdaptiveRevision {
    type Slots = [F; 4];
    type Step = AdaptiveRevisionStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["sum_high", "sum_low", "z", "z_max"];
    const AT_READ: AtRead = AtRead::Sum;

    fn init(&self) -> [F; 4] {
        let z = F::of(self.initial_accumulator_value);
        [F::ZERO, F::ZERO, z, z]
    }

    #[inline(always)]
    fn readable(_: F, &[high, low, ..]: &[F; 4]) -> f64 {
        join(high, low)
    }

    fn prepare(&self, context: &StepContext) -> AdaptiveRevisionStep<F> {
        AdaptiveRevisionStep {
            rate: F::of(context.lr),
        }
    }

    #[inline(always)]
    fn update(
        s: &AdaptiveRevisionStep<F>,
        x: F,
        Grad { g, at_read }: Grad<F>,
        [high, low, z, z_max]: [F; 4],
    ) -> (F, [F; 4]) {
        let sum = join(high, low);
        let unseen = F::of(sum - at_read);
        let twice = g * unseen + g * unseen;
        let z = (z + g * g) + twice;
        let (old, new) = (z_max, z_max.max(z));
        let (old_root, new_root) = (old.sqrt(), new.sqrt());
        // 1/√z′_old − 1/√z′ by one division. Subtracted from the step, so that a revision of zero leaves
        // every bit of it.
        let fallen = (new_root - old_root) / (old_root * new_root);
        let revision = s.rate * fallen * unseen;
        let x = x - (s.rate * (g / new_root) - revision);
        let [high, low] = split(sum + g.to_f64());
        (x, [high, low, z, new])
    }
}
