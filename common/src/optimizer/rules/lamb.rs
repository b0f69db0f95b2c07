//! LAMB: Adam whose step, tensor by tensor, is as long as the tensor itself.
//!
//! ```text
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! u = m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε) + λ·x
//! φ = ‖x‖/‖u‖                  1 if one of the norms is 0
//! x ← x − η·φ·u
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | ‖·‖ | | one per tensor | Euclidean norm, summed in f64 |
//! | φ | | one per tensor | the tensor's own factor on the rate |
//! | m | slot `exp_avg` | one per parameter | mean of recent gradients, gradient |
//! | v | slot `exp_avg_sq` | one per parameter | mean of their squares, gradient² |
//! | β₁, β₂ | `betas` | scalars in [0, 1) | memory of m and v; 1/(1 − β) steps |
//! | ε | `eps` | scalar, > 0 | keeps the first steps finite, gradient |
//! | λ | the job's L2 term | scalar, ≥ 0 | decay, decoupled, inside the norm |
//! | η | `lr` of the step | scalar | from the schedule |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! Source: You et al., *Large batch optimization for deep learning: training BERT in 76 minutes*,
//! ICLR 2020, algorithm 2.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::mean::{Mean, filled};
use crate::optimizer::permitted::{check_betas, check_eps};
use crate::optimizer::real::Real;
use crate::optimizer::rule::StepContext;
use crate::optimizer::sweep::sweep;
use crate::optimizer::tensor_rule::{TensorRule, TensorView};
use crate::registry::{Check, SettingError};

/// Hyper-parameters of LAMB.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lamb {
    /// β₁ and β₂, each in [0, 1).
    pub betas: [f64; 2],
    /// ε > 0.
    pub eps: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Lamb>(About {
    name: "lamb",
    formula: "u = m̂ / (√v̂ + eps) + l2·x, as adam's step; x ← x − lr · ‖x‖/‖u‖ · u per tensor",
    source: "You et al., ICLR 2020, algorithm 2; optax.lamb",
    differences: &[
        "the norm of x is taken as it is, as in optax; some libraries clip it at 10",
        "both means are corrected, as in the paper; some libraries do not by default",
        "where a norm is zero, the factor is 1",
    ],
    defaults: "betas = [0.9, 0.999]\neps = 1e-6\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 2_000, 1e-3),
        Descent::rosenbrock(0.003, 10_000, 1e-1),
    ],
});

impl Check for Lamb {
    fn check(&self) -> Result<(), SettingError> {
        check_betas(self.betas)?;
        check_eps(self.eps)
    }
}

impl Family for Lamb {
    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        user.tensor(self)
    }
}

impl<F: Real> TensorRule<F> for Lamb {
    const SLOT_NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];
    const SLOTS_PER_ELEMENT_MAX: usize = 2;

    fn slot_lengths(&self, shape: &[usize]) -> Vec<usize> {
        vec![shape.iter().product(); 2]
    }

    fn update(&self, context: &StepContext, tensor: TensorView<'_, '_, F>) {
        let TensorView {
            x, g, slots, l2, ..
        } = tensor;
        let [m, v] = slots else {
            unreachable!("LAMB has two slots")
        };
        let [beta1, beta2] = self.betas;
        let (first, second) = (Mean::of(beta1), Mean::of(beta2));
        let [scale_m, scale_v] = self.betas.map(|beta| F::of(1.0 / filled(beta, context)));
        let (eps, l2) = (F::of(self.eps), F::of(l2));
        let step = |m: F, v: F, x: F| m * scale_m / ((v * scale_v).sqrt() + eps) + l2 * x;
        let squares = sweep([m, v], [x, g], |[m, v], [x, g]| {
            let (m, v) = (first.with(m, g), second.with_square(v, g));
            ([m, v], [x, step(m, v, x)])
        });
        let [own, asked] = squares.map(f64::sqrt);
        let phi = if own == 0.0 || asked == 0.0 {
            1.0
        } else {
            own / asked
        };
        let rate = F::of(context.lr * phi);
        // The step is computed again rather than kept: memory is slower than arithmetic.
        sweep([x], [m, v], |[x], [m, v]| ([x - rate * step(m, v, x)], []));
    }
}
