//! LARS: momentum whose rate, tensor by tensor, is a share of the tensor's own size.
//!
//! ```text
//! u = g + λ·x
//! q = κ·‖x‖/(‖u‖ + ε)          1 if one of the norms is 0
//! v ← μ·v + η·q·u
//! x ← x − v                    x − (η·q·u + μ·v) with `nesterov`
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | ‖·‖ | | one per tensor | Euclidean norm, summed in f64 |
//! | q | | one per tensor | the tensor's own factor on the rate |
//! | κ | `trust_coefficient` | scalar, > 0 | how far a tensor may go, in parts of its norm |
//! | v | slot `velocity` | one per parameter | the last step taken, parameter |
//! | μ | `momentum` | scalar in [0, 1) | share of v that a step keeps |
//! | ε | `eps` | scalar, ≥ 0 | keeps q finite, gradient |
//! | λ | the job's L2 term | scalar, ≥ 0 | decay, inside the norm |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Source: You, Gitman, Ginsburg, *Large batch training of convolutional networks*, arXiv
//! 1708.03888, algorithm 1.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::permitted::check_velocity;
use crate::optimizer::real::Real;
use crate::optimizer::rule::StepContext;
use crate::optimizer::sweep::sweep;
use crate::optimizer::tensor_rule::{TensorRule, TensorView};
use crate::registry::{Check, SettingError, not_negative, positive};

/// Hyper-parameters of LARS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lars {
    /// κ > 0.
    pub trust_coefficient: f64,
    /// ε ≥ 0.
    pub eps: f64,
    /// μ in [0, 1).
    pub momentum: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Lars>(About {
    name: "lars",
    formula: "u = g + l2·x; q = trust_coefficient·‖x‖/(‖u‖ + eps) per tensor; \
              v ← momentum·v + lr·q·u; x ← x − v",
    source: "You, Gitman, Ginsburg, arXiv 1708.03888, algorithm 1; optax.lars",
    differences: &[
        "the denominator is ‖g + λ·x‖, as in optax; the paper's is ‖g‖ + λ·‖x‖",
        "where a norm is zero, the factor is 1",
        "tensors of one dimension are scaled like the others; some libraries leave them out",
    ],
    defaults: "trust_coefficient = 0.001\neps = 0.0\nmomentum = 0.9\nnesterov = false\n",
    survey: None,
    descents: [
        Descent::parabola(1.0, 2_000, 1e-3),
        Descent::rosenbrock(0.3, 10_000, 1e-1),
    ],
});

impl Check for Lars {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "trust_coefficient",
            self.trust_coefficient,
            "it is the length of a step as a share of the tensor's; at 0 nothing moves",
        )?;
        not_negative("eps", self.eps, "it is added to a norm")?;
        check_velocity("momentum", self.momentum)
    }
}

impl Family for Lars {
    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        user.tensor(self)
    }
}

impl<F: Real> TensorRule<F> for Lars {
    const SLOT_NAMES: &'static [&'static str] = &["velocity"];
    const SLOTS_PER_ELEMENT_MAX: usize = 1;

    fn slot_lengths(&self, shape: &[usize]) -> Vec<usize> {
        vec![shape.iter().product()]
    }

    fn update(&self, context: &StepContext, tensor: TensorView<'_, '_, F>) {
        let TensorView {
            x, g, slots, l2, ..
        } = tensor;
        let l2 = F::of(l2);
        let [velocity] = slots else {
            unreachable!("LARS has one slot")
        };
        let squares = sweep([], [x, g], |[], [x, g]| ([], [x, g + l2 * x]));
        let [own, pull] = squares.map(f64::sqrt);
        let q = if own == 0.0 || pull == 0.0 {
            1.0
        } else {
            self.trust_coefficient * own / (pull + self.eps)
        };
        let (rate, momentum) = (F::of(context.lr * q), F::of(self.momentum));
        let nesterov = self.nesterov;
        sweep([x, velocity], [g], |[x, v], [g]| {
            let pulled = rate * (g + l2 * x);
            let v = momentum * v + pulled;
            let step = if nesterov { pulled + momentum * v } else { v };
            ([x - step, v], [])
        });
    }
}
