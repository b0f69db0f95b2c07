//! Nadam as it was published: the momentum rises in the mean of gradients, too.
//!
//! ```text
//! m ← μₜ·m + (1 − μₜ)·g
//! v ← β₂·v + (1 − β₂)·g²
//! x ← x − η · (μₜ₊₁·m/(1 − Πₜ₊₁) + (1 − μₜ)·g/(1 − Πₜ)) / (√(v/(1 − β₂ᵗ)) + ε)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | η | `lr` of the step | scalar | from the schedule |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | μₜ | see `rising_momentum.rs` | scalar | β₁·(1 − ½·0.96^(t·ψ)) |
//! | Πₜ | see `rising_momentum.rs` | scalar | μ₁·μ₂·…·μₜ |
//! | ψ | `momentum_decay` | scalar, ≥ 0 | how fast μ rises to β₁ |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: Dozat, *Incorporating Nesterov momentum into Adam*, ICLR 2016 workshop,
//! algorithm 2, with the schedule of its section 3.

use serde::Deserialize;

use super::nadam::NadamStep;
use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rising_momentum::RisingMomentum;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of Nadam in full.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NadamFull {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// ψ ≥ 0.
    pub momentum_decay: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<NadamFull>(About {
    name: "nadam_full",
    formula: "m ← μₜ·m + (1 − μₜ)·g; v: mean of g² with memory betas[1]; μₜ = betas[0]·(1 − ½·0.96^(t·momentum_decay)); x ← x − lr · (μₜ₊₁·m/(1 − Πₜ₊₁) + (1 − μₜ)·g/(1 − Πₜ)) / (√v̂ + eps)",
    source: "Dozat, ICLR 2016 workshop, algorithm 2",
    differences: &[
        "torch.optim.NAdam has the constant betas[0] in m: that is `nadam`",
        "the paper multiplies the corrected v by one betas[1] too many, which nobody does",
    ],
    defaults: "betas = [0.99, 0.999]\neps = 1e-8\nmomentum_decay = 0.004\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for NadamFull {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)?;
        not_negative(
            "momentum_decay",
            self.momentum_decay,
            "below 0, the momentum would fall and become negative",
        )
    }
}

impl<F: Real> UpdateRule<F> for NadamFull {
    type Slots = [F; 2];
    type Step = NadamStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> NadamStep<F> {
        let rising = RisingMomentum::at(self.betas[0], self.momentum_decay, context);
        NadamStep::of(rising.now, &rising, (self.betas[1], self.eps), context)
    }

    #[inline(always)]
    fn update(s: &NadamStep<F>, x: F, grad: Grad<F>, slots: [F; 2]) -> (F, [F; 2]) {
        s.take(x, grad.g, slots)
    }
}
