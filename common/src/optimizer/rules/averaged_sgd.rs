//! SGD whose result is a running average of the points that it passed: the centre variable of
//! ADOWNPOUR and MVADOWNPOUR.
//!
//! ```text
//! z ← (1 − a)·z + a·x        a = 1/t, or constant
//! x ← x − η·g
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | z − x | slot `lag` | one per parameter | how far the average is behind, parameter |
//! | a | `rate` | scalar in [0, 1] | weight of the newest point; 0 stands for 1/t, the plain mean |
//! | η | `lr` of the step | scalar | from the schedule |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! The average takes in the point before the step. Workers pull x; the average is what is judged and
//! saved. The slot is the difference of the two, which is zero at first whatever the initial values
//! are.
//!
//! Source: Zhang, Choromanska, `LeCun`, *Deep learning with elastic averaging SGD*, NIPS 2015, section
//! 5: ADOWNPOUR (`rate` = 0) and MVADOWNPOUR (`rate` = 0.001).

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule, View};
use crate::registry::{Check, SettingError, require};

/// Hyper-parameters of SGD with an average.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AveragedSgd {
    /// a in [0, 1]; 0 stands for 1/t.
    pub rate: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<AveragedSgd>(About {
    name: "averaged_sgd",
    formula: "z ← (1 − a)·z + a·x, a = 1/t if rate = 0 else rate; x ← x − lr·g",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, section 5 (ADOWNPOUR, MVADOWNPOUR)",
    differences: &["the slot is the average less the parameter, so that it begins at zero"],
    defaults: "rate = 0.0\n",
    survey: None,
    descents: [
        Descent::parabola(0.05, 300, 1e-6),
        Descent::rosenbrock(0.001, 10_000, 1e-1),
    ],
});

impl Check for AveragedSgd {
    fn check(&self) -> Result<(), SettingError> {
        require(
            "rate",
            self.rate,
            (0.0..=1.0).contains(&self.rate),
            "a number from 0 to 1",
            "it is the weight of the newest point; 0 stands for 1/t, the mean of all",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct AveragedSgdStep<F> {
    /// η.
    lr: F,
    /// 1 − a.
    stay: F,
}

impl<F: Real> UpdateRule<F> for AveragedSgd {
    type Slots = [F; 1];
    type Step = AveragedSgdStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["lag"];
    const EVALUATE: View<Self, F> = Some(|_, x, &[lag]| x + lag);

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> AveragedSgdStep<F> {
        let a = if self.rate == 0.0 {
            1.0 / context.steps()
        } else {
            self.rate
        };
        AveragedSgdStep {
            lr: F::of(context.lr),
            stay: F::of(1.0 - a),
        }
    }

    #[inline(always)]
    fn update(s: &AveragedSgdStep<F>, x: F, grad: Grad<F>, [lag]: [F; 1]) -> (F, [F; 1]) {
        let moved = x - s.lr * grad.g;
        // (1 − a)·z + a·x is x + (1 − a)·(z − x).
        (moved, [s.stay * lag + (x - moved)])
    }
}
