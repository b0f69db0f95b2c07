//! AdamW: Adam with a decay of the parameter that its scaling does not touch.
//!
//! ```text
//! x ← (1 − η·λ)·x
//! x ← Adam's step, from gradients without λ
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | λ | the job's L2 term | scalar, ≥ 0 | decay, per rate |
//! | m, v, β, ε, t | as in [`super::adam`], or in [`super::amsgrad`] with `amsgrad` | | |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Source: Loshchilov, Hutter, *Decoupled weight decay regularization*, ICLR 2019, algorithm 2.

use serde::Deserialize;

use super::adam::Adam;
use super::amsgrad::Amsgrad;
use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::rule::Decay;
use crate::registry::{Check, SettingError};

/// Hyper-parameters of AdamW.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adamw {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
    /// Whether steps are `AMSGrad`'s, with a third slot.
    pub amsgrad: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adamw>(About {
    name: "adamw",
    formula: "x ← (1 − lr·l2)·x, then adam's step, or amsgrad's",
    source: "Loshchilov, Hutter, ICLR 2019, algorithm 2; torch.optim.AdamW",
    differences: &[
        "the weight decay λ is the job's L2 term; torch's default is 0.01, the job's is 0",
        "λ is multiplied by the rate, as in torch; the paper's by the schedule alone: \
         λ here is the paper's over the base rate",
        "otherwise as `adam` and `amsgrad`",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-8\namsgrad = false\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 300, 1e-6),
        Descent::rosenbrock(0.02, 3000, 1e-2),
    ],
});

impl Check for Adamw {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

impl Family for Adamw {
    const FULLEST: &'static str = "amsgrad = true\n";

    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        let Self {
            betas,
            eps,
            amsgrad,
        } = self;
        let decay = Decay::Decoupled;
        if amsgrad {
            user.element(Amsgrad { betas, eps, decay })
        } else {
            user.element(Adam { betas, eps, decay })
        }
    }
}
