//! Sparse support vector machine: the hinge loss, and an L2 term on the features of a row alone.
//!
//! ```text
//! f(x) = Σ_α [ max(0, 1 − y_α x·z_α) + λ Σ_{u ∈ e_α} x_u² / d_u ]
//! ∂f_α/∂x_u = −y_α z_αu [y_α x·z_α < 1] + 2 λ x_u / d_u
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | `z_α`, `y_α` | a row and its label | features; ±1 |
//! | `e_α` | the features of the row | |
//! | `d_u` | rows that have the feature u | count |
//! | λ | `lambda` | ≥ 0, loss per parameter² |
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, equation 3.

use super::linear::{LinearTerms, RowLoss};
use crate::data::Task;
use crate::model::loss::hinge;

/// The hinge loss.
#[derive(Clone, Copy, Debug)]
pub struct Hinge;

/// The sparse support vector machine.
pub type SparseSvm = LinearTerms<Hinge>;

impl RowLoss for Hinge {
    const NAME: &'static str = "the sparse support vector machine";
    const TASK: Task = Task::Binary;

    #[inline]
    fn slope(label: f32, score: f32) -> f32 {
        // Asked this way round, a score that is NaN shows.
        if 1.0 <= label * score { 0.0 } else { -label }
    }

    fn value(label: f64, score: f64) -> f64 {
        hinge(label, score).loss
    }
}
