//! Gap-aware SGD: a late gradient counts less the further its parameter has moved since it was read.
//!
//! ```text
//! G = |x − x_read| / max(c, ε) + 1        (1 at the first step)
//! d = −η·g/G
//! c ← c + (|d| − c)/t
//! x ← x + d
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | `x_read` | value at read | one per parameter | x where the worker took the gradient |
//! | c | slot `mean_step` | one per parameter | mean size of the steps so far, parameter |
//! | G | | one per parameter | the gap, in mean steps, and one |
//! | ε | `eps` | scalar, > 0 | keeps the gap finite, parameter |
//! | η | `lr` of the step | scalar | from the schedule |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Where nothing was missed G = 1 and it is SGD.
//!
//! Source: Barkai, Hakimi, Schuster, *Gap-aware mitigation of gradient staleness*, ICLR 2020, by
//! parameter.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::check_eps;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{AtRead, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of gap-aware SGD.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapAware {
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<GapAware>(About {
    name: "gap_aware",
    formula: "G = |x − x at read|/max(c, eps) + 1; d = −lr·g/G; c ← c + (|d| − c)/t; x ← x + d",
    source: "Barkai, Hakimi, Schuster, ICLR 2020",
    differences: &[
        "the mean step counts all steps of the shard, also those without a gradient for the parameter",
        "no momentum: the paper's experiments have one",
    ],
    defaults: "eps = 1e-12\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for GapAware {
    fn check(&self) -> Result<(), SettingError> {
        check_eps(self.eps)
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct GapAwareStep<F> {
    /// η.
    rate: F,
    eps: F,
    /// 1/t.
    share: F,
    /// Whether there is a mean step to measure by.
    has_mean: bool,
}

impl<F: Real> UpdateRule<F> for GapAware {
    type Slots = [F; 1];
    type Step = GapAwareStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["mean_step"];
    const AT_READ: AtRead = AtRead::Parameter;

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> GapAwareStep<F> {
        GapAwareStep {
            rate: F::of(context.lr),
            eps: F::of(self.eps),
            share: F::of(1.0 / context.steps()),
            has_mean: 1 < context.count,
        }
    }

    #[inline(always)]
    fn update(s: &GapAwareStep<F>, x: F, grad: Grad<F>, [c]: [F; 1]) -> (F, [F; 1]) {
        let one = F::of(1.0);
        let moved = (x - F::of(grad.at_read)).abs();
        let gap = if s.has_mean {
            moved / c.max(s.eps) + one
        } else {
            one
        };
        let next = x - s.rate * (grad.g / gap);
        let c = c + ((next - x).abs() - c) * s.share;
        (next, [c])
    }
}
