//! Nadam: Adam with Nesterov's look-ahead, under a momentum that rises.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
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
//! Source: Dozat, *Incorporating Nesterov momentum into Adam*, ICLR 2016 workshop, as
//! `torch.optim.NAdam` has it.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rising_momentum::RisingMomentum;
use crate::optimizer::rule::{Decay, Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, not_negative};

/// Hyper-parameters of Nadam.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nadam {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// ψ ≥ 0.
    pub momentum_decay: f64,
    /// Whether the L2 term is decoupled.
    pub decoupled_weight_decay: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Nadam>(About {
    name: "nadam",
    formula: "m, v: means of g and g² with memory betas; μₜ = betas[0]·(1 − ½·0.96^(t·momentum_decay)); x ← x − lr · (μₜ₊₁·m/(1 − Πₜ₊₁) + (1 − μₜ)·g/(1 − Πₜ)) / (√v̂ + eps)",
    source: "Dozat, ICLR 2016 workshop; torch.optim.NAdam",
    differences: &[
        "the mean m has the constant betas[0], as in torch; the paper takes μₜ there, too: that is `nadam_full`",
        "the product of all μ is a function of t in f64; torch multiplies it up in f32",
        "t is an integer of 64 bits; torch counts in f32 and stops at 2^24",
        "Keras' Nadam is momentum_decay = 1.0, eps = 1e-7",
        "torch's weight_decay is the job's L2 term",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\nmomentum_decay = 0.004\ndecoupled_weight_decay = false\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for Nadam {
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

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
pub struct NadamStep<F> {
    first: Mean<F>,
    second: Mean<F>,
    /// η·μₜ₊₁/(1 − Πₜ₊₁), for m.
    ahead: F,
    /// η·(1 − μₜ)/(1 − Πₜ), for g.
    now: F,
    /// 1/(1 − β₂ᵗ).
    scale: F,
    eps: F,
}

impl<F: Real> UpdateRule<F> for Nadam {
    type Slots = [F; 2];
    type Step = NadamStep<F>;
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn decay(&self) -> Decay {
        if self.decoupled_weight_decay {
            Decay::Decoupled
        } else {
            Decay::Coupled
        }
    }

    fn init(&self) -> [F; 2] {
        [F::ZERO; 2]
    }

    fn prepare(&self, context: &StepContext) -> NadamStep<F> {
        let rising = RisingMomentum::at(self.betas[0], self.momentum_decay, context);
        NadamStep::of(self.betas[0], &rising, (self.betas[1], self.eps), context)
    }

    #[inline(always)]
    fn update(s: &NadamStep<F>, x: F, grad: Grad<F>, slots: [F; 2]) -> (F, [F; 2]) {
        s.take(x, grad.g, slots)
    }
}

impl<F: Real> NadamStep<F> {
    /// The scalars of a step whose mean of gradients has the memory `beta1`.
    pub(super) fn of(
        beta1: f64,
        rising: &RisingMomentum,
        (beta2, eps): (f64, f64),
        context: &StepContext,
    ) -> Self {
        Self {
            first: Mean::of(beta1),
            second: Mean::of(beta2),
            ahead: F::of(context.lr * rising.next / (1.0 - rising.product * rising.next)),
            now: F::of(context.lr * (1.0 - rising.now) / (1.0 - rising.product)),
            scale: F::of(1.0 / filled(beta2, context)),
            eps: F::of(eps),
        }
    }

    /// The formula.
    #[inline(always)]
    pub(super) fn take(&self, x: F, g: F, [m, v]: [F; 2]) -> (F, [F; 2]) {
        let m = self.first.with(m, g);
        let v = self.second.with_square(v, g);
        let root = (v * self.scale).sqrt() + self.eps;
        (x - (self.ahead * m + self.now * g) / root, [m, v])
    }
}
