//! Sparse logistic regression, with the same L2 term as the support vector machine.
//!
//! ```text
//! f(x) = Σ_α [ ln(1 + e^(−y_α x·z_α)) + λ Σ_{u ∈ e_α} x_u² / d_u ]
//! ∂f_α/∂x_u = −y_α z_αu / (1 + e^(y_α x·z_α)) + 2 λ x_u / d_u
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | `z_α`, `y_α` | a row and its label | features; ±1 |
//! | `e_α`, `d_u`, λ | as in [`super::sparse_svm`] | |
//!
//! Source: the loss is Cox's, Journal of the Royal Statistical Society B 20 (1958); the term of λ is that
//! of Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, equation 3.

use super::linear::{LinearTerms, RowLoss};
use crate::data::Task;
use crate::model::loss::logistic;

/// The logistic loss.
#[derive(Clone, Copy, Debug)]
pub struct Logistic;

/// Sparse logistic regression.
pub type SparseLogistic = LinearTerms<Logistic>;

impl RowLoss for Logistic {
    const NAME: &'static str = "sparse logistic regression";
    const TASK: Task = Task::Binary;

    #[inline]
    fn slope(label: f32, score: f32) -> f32 {
        // An exponential beyond f32 is infinite, and the slope 0 as it should be.
        -label / (1.0 + (label * score).exp())
    }

    fn value(label: f64, score: f64) -> f64 {
        logistic(label, score).loss
    }
}
