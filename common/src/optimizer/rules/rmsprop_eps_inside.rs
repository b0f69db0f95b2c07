//! `RMSprop` with ε under the root, or with none and a mean that does not begin at zero.
//!
//! ```text
//! r ← α·r + (1 − α)·g²
//! x ← x − η · g / √(r + ε)      (no step where r + ε = 0)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | r | slot `square_avg`, first `initial_scale` | one per parameter | mean of g², gradient² |
//! | α | `alpha` | scalar in [0, 1) | memory of r; 1/(1 − α) steps |
//! | ε | `eps` | scalar, ≥ 0 | keeps the step finite where r is small, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Under the root, ε acts where |g| is below √ε, outside where it is below ε: at |g| = 10⁻⁶ and
//! ε = 10⁻⁸ a steady step is 0.01·η here and 0.99·η in [`super::rmsprop`].
//!
//! Source: Tieleman, Hinton, *Lecture 6.5*, Coursera: Neural networks for machine learning (2012); with
//! ε where the tutorials on adaptive methods have it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::Mean;
use crate::optimizer::permitted::check_memory;
use crate::optimizer::quotient::quotient;
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of `RMSprop` with ε under the root.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmspropEpsInside {
    /// α in [0, 1).
    pub alpha: f64,
    /// r before the first step, ≥ 0.
    pub initial_scale: f64,
    /// ε ≥ 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<RmspropEpsInside>(About {
    name: "rmsprop_eps_inside",
    formula: "r ← alpha·r + (1 − alpha)·g²; x ← x − lr · g / √(r + eps)",
    source: "Tieleman, Hinton, Coursera lecture 6.5 (2012); optax.rmsprop(eps_in_sqrt=True)",
    differences: &[
        "torch.optim.RMSprop adds eps to the root, and has alpha = 0.99",
        "one tutorial says 10e-6 where 1e-6 is meant",
        "where the denominator is zero there is no step",
    ],
    defaults: "alpha = 0.9\ninitial_scale = 0.0\neps = 1e-6\n",
    survey: Some("alpha = 0.999\ninitial_scale = 1e-8\neps = 0.0\n"),
    descents: [
        Descent::parabola(0.001, 5_000, 1e-4),
        Descent::rosenbrock(0.001, 10_000, 1e-2),
    ],
});

impl Check for RmspropEpsInside {
    fn check(&self) -> Result<(), SettingError> {
        check_memory("alpha", self.alpha)?;
        not_negative(
            "initial_scale",
            self.initial_scale,
            "it is a mean of squares",
        )?;
        not_negative(
            "eps",
            self.eps,
            "below 0, the root of a small square would be NaN",
        )
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct RmspropEpsInsideStep<F> {
    lr: F,
    mean: Mean<F>,
    eps: F,
}

impl<F: Real> UpdateRule<F> for RmspropEpsInside {
    type Slots = [F; 1];
    type Step = RmspropEpsInsideStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["square_avg"];

    fn init(&self) -> [F; 1] {
        [F::of(self.initial_scale)]
    }

    fn prepare(&self, context: &StepContext) -> RmspropEpsInsideStep<F> {
        RmspropEpsInsideStep {
            lr: F::of(context.lr),
            mean: Mean::of(self.alpha),
            eps: F::of(self.eps),
        }
    }

    #[inline(always)]
    fn update(s: &RmspropEpsInsideStep<F>, x: F, grad: Grad<F>, [r]: [F; 1]) -> (F, [F; 1]) {
        let g = grad.g;
        let r = s.mean.with_square(r, g);
        (x - s.lr * quotient(g, (r + s.eps).sqrt()), [r])
    }
}
