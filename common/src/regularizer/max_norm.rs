//! Max-norm: no row is longer than a radius.
//!
//! ```text
//! x ← x·min(1, r/‖x‖₂)   for each row, after the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | r | `radius` | > 0, parameter |
//!
//! A row is all that stands at one index of a tensor's first dimension; a vector is one row. There is
//! no state.
//!
//! Source: Srebro, Rennie, Jaakkola, *Maximum-margin matrix factorization*, NIPS 2004.

use serde::Deserialize;

use super::RADIUS;
use super::constraint::{Over, Projection};
use super::entry::{Acts, RegularizerEntry, Zeros, constraint};
use super::l2_ball;
use crate::optimizer::Real;
use crate::registry::{Check, SettingError, positive};

/// Settings of the max-norm constraint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxNorm {
    /// r > 0.
    pub radius: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "max_norm",
    formula: "x ← x·min(1, radius/‖x‖₂) for each row, after the step",
    source: "Srebro, Rennie, Jaakkola, NIPS 2004",
    differences: &[
        "a row has one feature's weights for all outputs, where others hold one output's weights for all features",
    ],
    defaults: "radius = 3.0\n",
    acts: Acts::AsAConstraint,
    zeros: Zeros::None,
    build: constraint::<MaxNorm>,
};

impl Check for MaxNorm {
    fn check(&self) -> Result<(), SettingError> {
        positive("radius", self.radius, RADIUS)
    }
}

impl Projection for MaxNorm {
    fn over(&self) -> Over {
        Over::Row
    }

    fn holds<F: Real>(&self, x: &[F]) -> bool {
        l2_ball::norm(x) <= self.radius
    }

    fn nearest<F: Real>(&self, x: &mut [F]) {
        l2_ball::project(x, self.radius);
    }
}
