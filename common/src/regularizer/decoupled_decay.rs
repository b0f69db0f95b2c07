//! Decoupled weight decay: the parameter shrinks beside the step, whatever the optimizer.
//!
//! ```text
//! x ← (1 − η·λ)·x, then the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ | `decay` | strength, > 0, gradient per parameter |
//! | η | `lr` of the step | from the schedule |
//!
//! The only state is the parameter itself. It is no term of the objective: an adaptive rule divides
//! a gradient by its size, and a decay not, so that no function has both for its gradient.
//!
//! Source: Loshchilov, Hutter, *Decoupled weight decay regularization*, ICLR 2019.

use serde::Deserialize;

use super::PULLS;
use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::penalty::{Penalty, Pull};
use crate::optimizer::StepContext;
use crate::registry::{Check, SettingError, positive};

/// Settings of the decoupled decay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoupledDecay {
    /// λ > 0.
    pub decay: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "decoupled_decay",
    formula: "x ← (1 − lr·decay)·x before the step",
    source: "Loshchilov, Hutter, ICLR 2019",
    differences: &["no term of the objective: `final.train.objective` does not count it"],
    defaults: "decay = 1e-2\n",
    acts: Acts::BeforeTheRule,
    zeros: Zeros::None,
    build: penalty::<DecoupledDecay>,
};

impl Check for DecoupledDecay {
    fn check(&self) -> Result<(), SettingError> {
        positive("decay", self.decay, PULLS)
    }
}

impl Penalty for DecoupledDecay {
    fn act(&self, _: &StepContext, pull: &mut Pull) {
        pull.decay += self.decay;
    }

    fn value(&self, _: f64) -> f64 {
        0.0
    }
}
