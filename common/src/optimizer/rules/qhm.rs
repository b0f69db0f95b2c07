//! Quasi-hyperbolic momentum: a step between the gradient and its mean.
//!
//! ```text
//! v ← β·v + (1 − β)·g
//! x ← x − η·((1 − ν)·g + ν·v)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | v | slot `momentum_buffer` | one per parameter | mean of recent gradients, gradient |
//! | β | `momentum` | scalar in [0, 1) | memory of v; 1/(1 − β) steps |
//! | ν | `nu` | scalar in [0, 1] | share of the mean in the step |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! ν = 0 is SGD, ν = 1 is [`super::momentum_ewa`], and ν = β is Nesterov's method in averaged form.
//!
//! Source: Ma, Yarats, *Quasi-hyperbolic momentum and Adam for deep learning*, ICLR 2019, equation 3.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::check_memory;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, fraction};

/// Hyper-parameters of QHM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qhm {
    /// β in [0, 1).
    pub momentum: f64,
    /// ν in [0, 1].
    pub nu: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Qhm>(About {
    name: "qhm",
    formula: "v ← momentum·v + (1 − momentum)·g; x ← x − lr·((1 − nu)·g + nu·v)",
    source: "Ma, Yarats, ICLR 2019, equation 3",
    differences: &[
        "lr is the paper's: 1/(1 − momentum) times that of `momentum` for steps of the same length",
    ],
    defaults: "momentum = 0.999\nnu = 0.7\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 3_000, 1e-6),
        Descent::rosenbrock(0.003, 10_000, 1e-2),
    ],
});

impl Check for Qhm {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("momentum", self.momentum)?;
        fraction(
            "nu",
            self.nu,
            "a step is a weighted mean of gradient and velocity",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct QhmStep<F> {
    lr: F,
    mean: Mean<F>,
    nu: F,
    /// 1 − ν.
    rest: F,
}

impl<F: Real> UpdateRule<F> for Qhm {
    type Slots = [F; 1];
    type Step = QhmStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["momentum_buffer"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> QhmStep<F> {
        QhmStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.momentum),
            nu: F::of(self.nu),
            rest: F::of(1.0 - self.nu),
        }
    }

    #[inline(always)]
    fn update(s: &QhmStep<F>, x: F, grad: Grad<F>, [v]: [F; 1]) -> (F, [F; 1]) {
        let v = s.mean.with(v, grad.g);
        (x - s.lr * (s.rest * grad.g + s.nu * v), [v])
    }
}
