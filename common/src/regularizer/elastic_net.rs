//! Elastic net: L1 and L2 in one proximal map, so that the zeros are exact and the rest is shrunk.
//!
//! ```text
//! f + λ₁·‖x‖₁ + λ₂/2·‖x‖²      x ← sign(x)·max(|x| − η·λ₁, 0)/(1 + η·λ₂)   after the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | λ₁ | `l1` | strength, ≥ 0, gradient |
//! | λ₂ | `l2` | strength, ≥ 0, gradient per parameter |
//! | η | `lr` of the step | from the schedule; a scalar also where the rule has a rate per parameter |
//!
//! The only state is the parameter itself.
//!
//! Source: Zou, Hastie, *Regularization and variable selection via the elastic net*, JRSS B 67 (2005);
//! its map: Parikh, Boyd, *Proximal algorithms* (2014), 6.5.3.

use serde::Deserialize;

use super::entry::{Acts, RegularizerEntry, Zeros, penalty};
use super::penalty::{Penalty, Pull};
use crate::optimizer::StepContext;
use crate::registry::{Check, SettingError, not_negative};

/// Settings of the elastic net.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticNet {
    /// λ₁ ≥ 0.
    pub l1: f64,
    /// λ₂ ≥ 0.
    pub l2: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "elastic_net",
    formula: "objective + l1·‖x‖₁ + l2/2·‖x‖²; x ← sign(x)·max(|x| − lr·l1, 0)/(1 + lr·l2) after the step",
    source: "Zou, Hastie, JRSS B 67 (2005)",
    differences: &[
        "both strengths stand alone: scikit-learn's alpha and l1_ratio are l1 = alpha·l1_ratio, l2 = alpha·(1 − l1_ratio)",
        "the L2 part is proximal, too, not a part of the gradient",
    ],
    defaults: "l1 = 1e-4\nl2 = 1e-4\n",
    acts: Acts::AfterTheRule,
    zeros: Zeros::Exact,
    build: penalty::<ElasticNet>,
};

impl Check for ElasticNet {
    fn check(&self) -> Result<(), SettingError> {
        not_negative(
            "l1",
            self.l1,
            "it pulls parameters to zero; below 0 it would push them away",
        )?;
        not_negative(
            "l2",
            self.l2,
            "it pulls parameters to zero; below 0 it would push them away",
        )
    }
}

impl Penalty for ElasticNet {
    fn act(&self, context: &StepContext, pull: &mut Pull) {
        pull.shrink += context.lr * self.l1;
        pull.scale /= 1.0 + context.lr * self.l2;
    }

    fn value(&self, x: f64) -> f64 {
        self.l1 * x.abs() + 0.5 * self.l2 * x * x
    }
}
