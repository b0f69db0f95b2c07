//! `AggMo`: several velocities of different memory, and a step along their mean.
//!
//! ```text
//! vᵢ ← βᵢ·vᵢ + g          for each of K velocities
//! x  ← x − η/K · Σ vᵢ
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | vᵢ | slot `momentum_buffer_i` | one per parameter | decaying sum of gradients, gradient |
//! | βᵢ | `betas` | K scalars in [0, 1), 1 ≤ K ≤ 8 | share of vᵢ that a step keeps |
//! | η | `lr` of the step | scalar | from the schedule |
//!
//! Velocities of little memory damp the oscillations of those with much.
//!
//! Source: Lucas, Sun, Zemel, Grosse, *Aggregated momentum: stability through passive damping*,
//! ICLR 2019, equation 3.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::real::Real;
use crate::optimizer::rule::{Grad, StepContext, UpdateRule};
use crate::registry::{Check, SettingError, in_unit_interval, require};

/// The names of the velocities; there may be as many as names.
const SLOT_NAMES: [&str; 8] = [
    "momentum_buffer_0",
    "momentum_buffer_1",
    "momentum_buffer_2",
    "momentum_buffer_3",
    "momentum_buffer_4",
    "momentum_buffer_5",
    "momentum_buffer_6",
    "momentum_buffer_7",
];

/// Hyper-parameters of `AggMo`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggmo {
    /// One to eight β, each in [0, 1).
    pub betas: Vec<f64>,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Aggmo>(About {
    name: "aggmo",
    formula: "vᵢ ← betas[i]·vᵢ + g; x ← x − lr · mean of all vᵢ",
    source: "Lucas, Sun, Zemel, Grosse, ICLR 2019, equation 3",
    differences: &[
        "at most 8 velocities: each number of them is a formula of its own",
        "the velocity of β = 0, which is the gradient, has a slot like the others",
    ],
    defaults: "betas = [0.0, 0.9, 0.99]\n",
    survey: None,
    descents: [
        Descent::parabola(0.01, 3_000, 1e-6),
        Descent::rosenbrock(0.0003, 10_000, 1e-2),
    ],
});

impl Check for Aggmo {
    fn check(&self) -> Result<(), SettingError> {
        let count = self.betas.len();
        let permitted = (1..=SLOT_NAMES.len()).contains(&count);
        let found = u32::try_from(count).map_or(f64::INFINITY, f64::from);
        require("number of betas", found, permitted, "from 1 to 8")?;
        self.betas
            .iter()
            .try_for_each(|&beta| in_unit_interval("betas", beta))
    }
}

impl Family for Aggmo {
    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        let betas = &self.betas;
        match betas.len() {
            1 => user.element(Velocities::<1>::of(betas)),
            2 => user.element(Velocities::<2>::of(betas)),
            3 => user.element(Velocities::<3>::of(betas)),
            4 => user.element(Velocities::<4>::of(betas)),
            5 => user.element(Velocities::<5>::of(betas)),
            6 => user.element(Velocities::<6>::of(betas)),
            7 => user.element(Velocities::<7>::of(betas)),
            8 => user.element(Velocities::<8>::of(betas)),
            count => unreachable!("checked settings have 1 to 8 betas, not {count}"),
        }
    }
}

/// `AggMo` with K velocities.
#[derive(Clone, Debug)]
struct Velocities<const K: usize> {
    betas: [f64; K],
}

impl<const K: usize> Velocities<K> {
    fn of(betas: &[f64]) -> Self {
        Self {
            betas: std::array::from_fn(|i| betas[i]),
        }
    }
}

/// The scalars of one step.
#[derive(Clone, Copy, Debug)]
struct VelocitiesStep<F, const K: usize> {
    /// η/K.
    rate: F,
    betas: [F; K],
}

impl<F: Real, const K: usize> UpdateRule<F> for Velocities<K> {
    type Slots = [F; K];
    type Step = VelocitiesStep<F, K>;
    const SLOT_NAMES: &'static [&'static str] = SLOT_NAMES.split_at(K).0;

    fn init(&self) -> [F; K] {
        [F::ZERO; K]
    }

    fn prepare(&self, context: &StepContext) -> VelocitiesStep<F, K> {
        let count = u32::try_from(K).map_or(f64::INFINITY, f64::from);
        VelocitiesStep {
            rate: F::of(context.lr / count),
            betas: self.betas.map(F::of),
        }
    }

    #[inline(always)]
    fn update(s: &VelocitiesStep<F, K>, x: F, grad: Grad<F>, mut v: [F; K]) -> (F, [F; K]) {
        let mut sum = F::ZERO;
        for (v, &beta) in v.iter_mut().zip(&s.betas) {
            *v = beta * *v + grad.g;
            sum = sum + *v;
        }
        (x - s.rate * sum, v)
    }
}
