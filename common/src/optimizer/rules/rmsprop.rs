//! `RMSprop`: each parameter's rate falls with a decaying mean of its squared gradients.
//!
//! ```text
//! r ← α·r + (1 − α)·g²
//! a ← α·a + (1 − α)·g                 only if centered
//! u = g / (√(r − a²) + ε)             g / (√r + ε) if not
//! v ← μ·v + u                         only with momentum, else v = u
//! x ← x − η·v
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `square_avg` | one per parameter | mean of g², gradient² |
//! | a | slot `grad_avg`, if `centered` | one per parameter | mean of g, gradient |
//! | v | slot `momentum_buffer`, if μ > 0 | one per parameter | decaying sum of u |
//! | α | `alpha` | scalar in [0, 1) | memory of r and a; 1/(1 − α) steps |
//! | ε | `eps` | scalar, > 0 | keeps the step finite where r is small, gradient |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Nothing is corrected for having started at zero: the first step is η/√(1 − α) long.
//!
//! Source: Tieleman, Hinton, *Lecture 6.5*, Coursera: Neural networks for machine learning (2012);
//! centered as in Graves, *Generating sequences with recurrent neural networks*, arXiv 1308.0850,
//! equations 38 to 45.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::{check_eps, check_memory, check_velocity};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of `RMSprop`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rmsprop {
    /// α in [0, 1).
    pub alpha: f64,
    /// ε > 0.
    pub eps: f64,
    /// Whether the variance takes the place of the mean square.
    pub centered: bool,
    /// μ in [0, 1); 0 for none.
    pub momentum: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Rmsprop>(About {
    name: "rmsprop",
    formula: "r ← alpha·r + (1 − alpha)·g²; u = g / (√r + eps), centered u = g / (√(r − m²) + eps) with \
              m ← alpha·m + (1 − alpha)·g; x ← x − lr·u, with momentum v ← momentum·v + u; \
              x ← x − lr·v",
    source: "Tieleman, Hinton, Coursera lecture 6.5 (2012); torch.optim.RMSprop",
    differences: &[
        "the lecture has alpha = 0.9 and no eps",
        "centered, the variance is not let below zero, where rounding would take its root to NaN \
         in torch",
    ],
    defaults: "alpha = 0.99\neps = 1e-8\ncentered = false\nmomentum = 0.0\n",
    survey: Some("alpha = 0.9\n"),
    descents: [
        Descent::parabola(0.001, 5_000, 1e-4),
        Descent::rosenbrock(0.001, 10_000, 1e-2),
    ],
});

impl Check for Rmsprop {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("alpha", self.alpha)?;
        check_eps(self.eps)?;
        check_velocity("momentum", self.momentum)
    }
}

impl Family for Rmsprop {
    const FULLEST: &'static str = "centered = true\nmomentum = 0.9\n";

    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        match (self.centered, 0.0 < self.momentum) {
            (false, false) => user.element(Plain(self)),
            (true, false) => user.element(Centered(self)),
            (false, true) => user.element(WithMomentum(self)),
            (true, true) => user.element(CenteredWithMomentum(self)),
        }
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
struct RmspropStep<F> {
    lr: F,
    mean: Mean<F>,
    eps: F,
    momentum: F,
}

impl Rmsprop {
    fn prepare<F: Real>(&self, context: &StepContext) -> RmspropStep<F> {
        RmspropStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.alpha),
            eps: F::of(self.eps),
            momentum: F::of(self.momentum),
        }
    }
}

impl<F: Real> RmspropStep<F> {
    /// u and r.
    #[inline(always)]
    fn plain(&self, g: F, r: F) -> (F, F) {
        let r = self.mean.with_square(r, g);
        (g / (r.sqrt() + self.eps), r)
    }

    /// u, r and a.
    #[inline(always)]
    fn centered(&self, g: F, r: F, a: F) -> (F, F, F) {
        let r = self.mean.with_square(r, g);
        let a = self.mean.with(a, g);
        let variance = F::ZERO.max(r - a * a);
        (g / (variance.sqrt() + self.eps), r, a)
    }
}

#[derive(Clone, Debug)]
struct Plain(Rmsprop);

impl<F: Real> UpdateRule<F> for Plain {
    type Slots = [F; 1];
    type Step = RmspropStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg"];

    fn init(&self) -> [F; 1] {
        [F::ZERO]
    }

    fn prepare(&self, context: &StepContext) -> RmspropStep<F> {
        self.0.prepare(context)
    }

    #[inline(always)]
    fn update(s: &RmspropStep<F>, x: F, grad: Grad<F>, [r]: [F; 1]) -> (F, [F; 1]) {
        let (u, r) = s.plain(grad.g, r);
        (x - s.lr * u, [r])
    }
}

#[derive(Clone, Debug)]
struct Centered(Rmsprop);

impl<F: Real> UpdateRule<F> for Centered {
    type Slots = [F; 2];
    type Step = RmspropStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg", "grad_avg"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> RmspropStep<F> {
        self.0.prepare(context)
    }

    #[inline(always)]
    fn update(s: &RmspropStep<F>, x: F, grad: Grad<F>, [r, a]: [F; 2]) -> (F, [F; 2]) {
        let (u, r, a) = s.centered(grad.g, r, a);
        (x - s.lr * u, [r, a])
    }
}

#[derive(Clone, Debug)]
struct WithMomentum(Rmsprop);

impl<F: Real> UpdateRule<F> for WithMomentum {
    type Slots = [F; 2];
    type Step = RmspropStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg", "momentum_buffer"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> RmspropStep<F> {
        self.0.prepare(context)
    }

    #[inline(always)]
    fn update(s: &RmspropStep<F>, x: F, grad: Grad<F>, [r, v]: [F; 2]) -> (F, [F; 2]) {
        let (u, r) = s.plain(grad.g, r);
        let v = s.momentum * v + u;
        (x - s.lr * v, [r, v])
    }
}

#[derive(Clone, Debug)]
struct CenteredWithMomentum(Rmsprop);

impl<F: Real> UpdateRule<F> for CenteredWithMomentum {
    type Slots = [F; 3];
    type Step = RmspropStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg", "grad_avg", "momentum_buffer"];

    fn init(&self) -> [F; 3] {
        [F::ZERO; 3]
    }

    fn prepare(&self, context: &StepContext) -> RmspropStep<F> {
        self.0.prepare(context)
    }

    #[inline(always)]
    fn update(s: &RmspropStep<F>, x: F, grad: Grad<F>, [r, a, v]: [F; 3]) -> (F, [F; 3]) {
        let (u, r, a) = s.centered(grad.g, r, a);
        let v = s.momentum * v + u;
        (x - s.lr * v, [r, a, v])
    }
}
