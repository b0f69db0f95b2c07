//! Projection on an L2 ball.
//!
//! ```text
//! x ← argmin_y ‖y − x‖₂ with ‖y‖₂ ≤ r  =  x·min(1, r/‖x‖₂)   after the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | r | `radius` | > 0, parameter |
//! | | `over` | what must lie in the ball: the `"tensor"`, or each `"row"` |
//!
//! There is no state. Norms are summed in f64.
//!
//! Source: Parikh, Boyd, *Proximal algorithms* (2014), 6.5.1.

use serde::Deserialize;

use super::RADIUS;
use super::constraint::{Over, Projection, into_ball};
use super::entry::{Acts, RegularizerEntry, Zeros, constraint};
use crate::optimizer::Real;
use crate::registry::{Check, SettingError, positive};

/// Settings of the L2 ball.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L2Ball {
    /// r > 0.
    pub radius: f64,
    /// What must lie in it.
    pub over: Over,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l2_ball",
    formula: "x ← x·min(1, radius/‖x‖₂) for the tensor, or each row, after the step",
    source: "Parikh, Boyd, Proximal algorithms (2014), 6.5.1",
    differences: &["with over = \"row\" it is max_norm"],
    defaults: "radius = 1.0\nover = \"tensor\"\n",
    acts: Acts::AsAConstraint,
    zeros: Zeros::None,
    build: constraint::<L2Ball>,
};

impl Check for L2Ball {
    fn check(&self) -> Result<(), SettingError> {
        positive("radius", self.radius, RADIUS)
    }
}

impl Projection for L2Ball {
    fn over(&self) -> Over {
        self.over
    }

    fn holds<F: Real>(&self, x: &[F]) -> bool {
        norm(x) <= self.radius
    }

    fn nearest<F: Real>(&self, x: &mut [F]) {
        project(x, self.radius);
    }
}

/// ‖x‖₂, in f64.
pub(super) fn norm<F: Real>(x: &[F]) -> f64 {
    let squares = x.iter().map(|x| x.to_f64() * x.to_f64());
    squares.sum::<f64>().sqrt()
}

/// Moves a point from outside to the ball's surface.
pub(super) fn project<F: Real>(x: &mut [F], radius: f64) {
    let length = norm(x);
    into_ball(x, radius, norm, |radius| {
        let factor = radius / length;
        move |x| x * factor
    });
}
