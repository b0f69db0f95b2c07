//! Projection on the simplex: rows that are mixtures, of numbers from 0 that sum to one.
//!
//! ```text
//! x ← argmin_y ‖y − x‖₂ with y ≥ 0, Σ y = s  =  max(x − θ, 0)   for each row, after the step
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | s | `total` | what a row sums to, > 0, parameter |
//!
//! A row is all that stands at one index of a tensor's first dimension; a vector is one row. There is
//! no state. Initial values are projected, too, as zeros lie on no simplex.
//!
//! Source: Duchi, Shalev-Shwartz, Singer, Chandra, *Efficient projections onto the ℓ1-ball for learning
//! in high dimensions*, ICML 2008; used by Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, for graph
//! cuts.

use serde::Deserialize;

use super::constraint::{Over, Projection, lowered};
use super::entry::{Acts, RegularizerEntry, Zeros, constraint};
use crate::optimizer::Real;
use crate::registry::{Check, SettingError, positive};

/// Settings of the simplex.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simplex {
    /// s > 0.
    pub total: f64,
}

pub(super) const ENTRY: RegularizerEntry = RegularizerEntry {
    name: "simplex",
    formula: "x ← max(x − θ, 0) for each row, after the step; θ such that the row sums to `total`",
    source: "Duchi et al., ICML 2008",
    differences: &["a row sums to `total` within two roundings of it"],
    defaults: "total = 1.0\n",
    acts: Acts::AsAConstraint,
    zeros: Zeros::Exact,
    build: constraint::<Simplex>,
};

/// How far a row's sum may be from `total`, as a share of it and in units of the type's last place:
/// what rounding each element leaves, with room for the sum's own.
const ROUNDINGS: f64 = 2.0;

impl Check for Simplex {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "total",
            self.total,
            "nothing on a simplex is below 0, so its sum is above 0, or everything is 0",
        )
    }
}

impl Projection for Simplex {
    fn over(&self) -> Over {
        Over::Row
    }

    fn holds<F: Real>(&self, x: &[F]) -> bool {
        let sum: f64 = x.iter().map(|x| x.to_f64()).sum();
        let off = (sum - self.total).abs();
        x.iter().all(|x| F::ZERO <= *x) && off <= ROUNDINGS * F::EPSILON * self.total
    }

    fn nearest<F: Real>(&self, x: &mut [F]) {
        let above = lowered(x.iter().map(|x| x.to_f64()).collect(), self.total);
        for x in x {
            *x = F::of(above(x.to_f64()));
        }
    }
}
