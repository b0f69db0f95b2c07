//! The second station of a gradient: batch × parameters → loss, gradient.

use std::fmt::Debug;

use thalweg_common::layout::ParameterLayout;

use crate::data::Rows;

/// Which elements of the layout a vector holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of so many.
    Whole(u64),
    /// These, strictly increasing.
    Coordinates(Vec<u64>),
}

/// Where in a vector the parameters of each non-zero of a batch lie.
#[derive(Clone, Debug, Default)]
pub struct Located {
    /// One position per non-zero.
    pub positions: Vec<u32>,
}

/// Batch × parameters → loss, gradient.
pub trait Model: Debug + Send + Sync {
    /// The parameters.
    fn layout(&self) -> &ParameterLayout;

    /// Replaces `out` by the elements that these rows touch, strictly increasing.
    fn touched(&self, rows: &Rows, out: &mut Vec<u64>);

    /// Finds the parameters of these rows in a vector of this coverage.
    fn locate(&self, rows: &Rows, coverage: &Coverage, located: &mut Located);

    /// Adds the gradient of the mean loss over the rows; returns the sum of the losses.
    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64;
}
