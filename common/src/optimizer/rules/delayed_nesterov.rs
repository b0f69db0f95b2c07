//! Delayed Nesterov: an outer optimizer for local steps that arrive one by one, whose momentum moves
//! only with every N-th of them.
//!
//! ```text
//! d ← d + g
//! every N-th step:  m ← β·m + d/N;  x ← x − η·((1 − c·N + c)·β·m + g/N);  d ← 0
//! else:             x ← x − η·(c·β·m + g/N)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | d | slot `sum` | one per parameter | pseudo-gradients since the momentum last moved |
//! | m | slot `velocity` | one per parameter | momentum of their means |
//! | N | `period` | whole number ≥ 1 | arrivals from one move of the momentum to the next; usually the workers |
//! | c | `activation` | scalar in [0, 1/N] | share of the momentum that every arrival applies |
//! | β | `momentum` | scalar in [0, 1) | share of itself that m keeps |
//! | η | `lr` of the step | scalar | outer rate |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Each arrival counts for 1/N of a round. With N = 1 it is Nesterov's method as torch has it, whose
//! velocity begins with the first gradient.
//!
//! Source: Liu et al., *Asynchronous local-SGD training for language modeling*, 2024, algorithm 3.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, require};

/// Hyper-parameters of delayed Nesterov.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedNesterov {
    /// β in [0, 1).
    pub momentum: f64,
    /// N ≥ 1.
    pub period: u32,
    /// c in [0, 1/N].
    pub activation: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<DelayedNesterov>(About {
    name: "delayed_nesterov",
    formula: "d ← d + g; at every period-th step m ← momentum·m + d/period, k = 1 − c·period + c, d ← 0, else k = c; x ← x − lr·(k·momentum·m + g/period); c = activation",
    source: "Liu et al., 2024, algorithm 3",
    differences: &[
        "a parameter without a gradient keeps its momentum and takes none of it: meant for dense deltas",
    ],
    defaults: "momentum = 0.9\nperiod = 4\nactivation = 0.0\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 500, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for DelayedNesterov {
    fn check(&self) -> Result<(), SettingError> {
        check_velocity("momentum", self.momentum)?;
        require(
            "period",
            f64::from(self.period),
            1 <= self.period,
            "a whole number of at least 1",
            "it is how many arrivals move the momentum once",
        )?;
        let most = 1.0 / f64::from(self.period);
        require(
            "activation",
            self.activation,
            (0.0..=most).contains(&self.activation),
            "a number from 0 to 1/`period`",
            "it is the share of the momentum that every arrival applies",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct DelayedNesterovStep<F> {
    /// η.
    rate: F,
    beta: F,
    /// k·β.
    applied: F,
    /// 1/N.
    share: F,
    /// Whether the momentum moves.
    moves: bool,
}

impl<F: Real> UpdateRule<F> for DelayedNesterov {
    type Slots = [F; 2];
    type Step = DelayedNesterovStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["sum", "velocity"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> DelayedNesterovStep<F> {
        let (n, c) = (f64::from(self.period), self.activation);
        let moves = context.count.is_multiple_of(u64::from(self.period));
        let k = if moves { 1.0 - c * n + c } else { c };
        DelayedNesterovStep {
            rate: F::of(context.lr),
            beta: F::of(self.momentum),
            applied: F::of(k * self.momentum),
            share: F::of(1.0 / n),
            moves,
        }
    }

    #[inline(always)]
    fn update(s: &DelayedNesterovStep<F>, x: F, grad: Grad<F>, [d, m]: [F; 2]) -> (F, [F; 2]) {
        let g = grad.g;
        let d = d + g;
        let moved = s.beta * m + d * s.share;
        let (d, m) = if s.moves { (F::ZERO, moved) } else { (d, m) };
        (x - s.rate * (s.applied * m + g * s.share), [d, m])
    }
}
