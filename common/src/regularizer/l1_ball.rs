//! Projection on an L1 ball: a budget for the sum of all absolute values, which makes zeros.
//!
//! ```text
//! x ← argmin_y ‖y − x‖₂ with ‖y‖₁ ≤ r  =  sign(x)·max(|x| − θ, 0)   after the step,
//! θ such that Σ max(|x| − θ, 0) = r; 0 if ‖x‖₁ ≤ r
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | r | `radius` | > 0, parameter |
//! | | `over` | what must lie in the ball: the `"tensor"`, or each `"row"` |
//!
//! There is no state. Sums are taken in f64.
//!
//! Source: Duchi, Shalev-Shwartz, Singer, Chandra, *Efficient projections onto the ℓ1-ball for learning
//! in high dimensions*, ICML 2008.

use serde::Deserialize;

use super::RADIUS;
use super::constraint::{Over, Projection, into_ball, lowered};
use super::entry::{Acts, RegularizerEntry, Zeros, constraint};
use crate::optimizer::Real;
use crate::registry::{Check, SettingError, positive};

/// Settings of the L1 ball.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Ball {
    /// r > 0.
    pub radius: f64,
    /// What must lie in it.
    pub over: Over,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "l1_ball",
    formula: "x ← sign(x)·max(|x| − θ, 0) for the tensor, or each row, after the step; θ such that ‖x‖₁ ≤ radius",
    source: "Duchi et al., ICML 2008",
    differences: &["θ is found by sorting, not by the paper's linear-time search"],
    defaults: "radius = 1.0\nover = \"tensor\"\n",
    acts: Acts::AsAConstraint,
    zeros: Zeros::Exact,
    build: constraint::<L1Ball>,
};

impl Check for L1Ball {
    fn check(&self) -> Result<(), SettingError> {
        positive("radius", self.radius, RADIUS)
    }
}

impl Projection for L1Ball {
    fn over(&self) -> Over {
        self.over
    }

    fn holds<F: Real>(&self, x: &[F]) -> bool {
        norm(x) <= self.radius
    }

    fn nearest<F: Real>(&self, x: &mut [F]) {
        let sizes: Vec<f64> = x.iter().map(|x| x.to_f64().abs()).collect();
        into_ball(x, self.radius, norm, |radius| {
            let size = lowered(sizes.clone(), radius);
            move |x| match size(x.abs()) {
                0.0 => 0.0,
                size => size.copysign(x),
            }
        });
    }
}

/// ‖x‖₁, in f64.
fn norm<F: Real>(x: &[F]) -> f64 {
    x.iter().map(|x| x.to_f64().abs()).sum()
}
