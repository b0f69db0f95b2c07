//! Sparse linear regression: half the squared error, and an L2 term on the features of a row alone.
//!
//! ```text
//! f(x) = Σ_α [ ½ (x·z_α − y_α)² + λ Σ_{u ∈ e_α} x_u² / d_u ]
//! ∂f_α/∂x_u = (x·z_α − y_α) z_αu + 2 λ x_u / d_u
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | `z_α`, `y_α` | a row and its label | features; the label's unit |
//! | `e_α` | the features of the row | |
//! | `d_u` | rows that have the feature u | count |
//! | λ | `lambda` | ≥ 0, loss per parameter² |
//!
//! Source: as a sum of sparse terms, Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2; the rule is
//! Widrow and Hoff's, IRE WESCON Convention Record 4 (1960).

use super::linear::{LinearTerms, RowLoss};
use crate::data::Task;
use crate::model::loss::squared;

/// Half the squared error.
#[derive(Clone, Copy, Debug)]
pub struct HalfSquare;

/// Sparse linear regression.
pub type SparseLeastSquares = LinearTerms<HalfSquare>;

impl RowLoss for HalfSquare {
    const NAME: &'static str = "sparse linear regression";
    const TASK: Task = Task::Real;

    #[inline]
    fn slope(label: f32, score: f32) -> f32 {
        score - label
    }

    fn value(label: f64, score: f64) -> f64 {
        squared(label, score).loss
    }
}
