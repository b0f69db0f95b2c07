//! The second station of a gradient: a batch of rows and the parameters give loss and gradient.
//!
//! Before this station: [`crate::data`]. After it: the gradient transforms and the training method.
//! A model sees its parameters through a replica that holds all elements or only some of them
//! ([`Coverage`]); where the elements of a batch lie in it is looked up once ([`Located`]) and used
//! for loss, gradient and scores. What a model computes is the same bits under either coverage.

pub mod coverage;
pub mod loss;
pub mod registry;
pub mod gradient_check;
mod linear;
mod logistic_regression;
mod counter;
mod linear_regression;
mod linear_svm;
mod softmax_regression;
mod factors;
mod factorization_machine;
mod matrix_factorization;
mod graph_cut;
mod mlp;
#[cfg(test)]
mod laws;

use std::fmt::Debug;

use thalweg_common::layout::{LayoutError, ParameterLayout};
use thalweg_common::registry::SettingError;

pub use self::{
    counter::{COUNTED, COUNTER_UNIT},
    coverage::{Coverage, Located},
    registry::{MODELS, ModelEntry, Shape, build, check},
};
use crate::data::{Rows, Task};

/// What the scores of a model mean, and so which metrics apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// One score per row: the logarithm of the odds of the label +1.
    Logit,
    /// One score per row: positive for the label +1, the farther from 0 the surer, in no unit.
    Margin,
    /// So many scores per row: logarithms of the classes' probabilities, up to a constant.
    Logits(u32),
    /// One score per row: the predicted number.
    Value,
}

impl Output {
    /// Scores per row.
    #[must_use]
    pub fn scores_per_row(self) -> usize {
        match self {
            Self::Logit | Self::Margin | Self::Value => 1,
            Self::Logits(classes) => classes as usize,
        }
    }
}

/// A differentiable function of rows and parameters.
///
/// Implement it in any crate. All methods are deterministic: sums run over the rows in batch order
/// and over the non-zeros of a row in their order.
pub trait Model: Debug + Send + Sync {
    /// The named tensors of the parameters, laid end to end.
    fn layout(&self) -> &ParameterLayout;

    /// What the scores mean.
    fn output(&self) -> Output;

    /// Replaces `out` by the flat indices of all elements that these rows read or change, sorted
    /// and unique, always-needed elements (the bias) included.
    fn touched(&self, rows: &Rows, out: &mut Vec<u64>);

    /// Replaces `out` by the places of these rows' elements in a replica of that coverage.
    ///
    /// # Errors
    /// [`ModelError::NotCovered`] when the replica does not hold an element of [`Self::touched`].
    fn locate(&self, rows: &Rows, coverage: &Coverage, out: &mut Located)
    -> Result<(), ModelError>;

    /// Adds the gradient of these rows' part of the mean loss over their batch to `gradient`: of
    /// Σ weight · loss / [`Rows::batch_rows`]. Returns the *sum* of the weighted losses.
    ///
    /// `x` and `gradient` have one number per element of the coverage that `located` was made for.
    ///
    /// # Panics
    /// When they have not.
    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64;

    /// Replaces `out` by the scores, [`Output::scores_per_row`] for each row.
    ///
    /// # Panics
    /// When `x` is not of the coverage that `located` was made for.
    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>);

    /// The sum of the weighted losses, as [`Self::gradient`] returns it, but in f64 throughout: what
    /// gradients are checked with. Models whose sums are f32 have a plain twin of their formula here.
    ///
    /// # Panics
    /// As [`Self::gradient`].
    fn losses(&self, rows: &Rows, located: &Located, x: &[f32]) -> f64 {
        self.gradient(rows, located, x, &mut vec![0.0; x.len()])
    }

    /// The loss of one row with this label and these scores: what [`Self::gradient`] sums, without
    /// the row's weight and without terms of the parameters alone.
    fn loss(&self, label: f32, scores: &[f32]) -> f64;
}

/// Why there is no such model, or why it cannot work on a replica.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The job names a model that does not exist, or a key that it does not have.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A key of the `[model]` table is unknown or has an impossible value.
    #[error("model \"{model}\": {problem}")]
    Options {
        /// The name of the model.
        model: &'static str,
        /// Which key, what was expected, what was found.
        problem: String,
    },
    /// The model is for labels of another kind.
    #[error("the model \"{model}\" expects {expected}, found data with {found}; {mend}")]
    WrongTask {
        /// The name of the model.
        model: &'static str,
        /// The labels that it is for.
        expected: &'static str,
        /// The task of the data.
        found: Task,
        /// What to change.
        mend: &'static str,
    },
    /// The parameters cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A replica lacks an element that a batch needs.
    #[error(
        "expected a replica with the element {element}, found one without it; pull the elements that the batch touches"
    )]
    NotCovered {
        /// The flat index of the first missing element.
        element: u64,
    },
    /// A replica has more elements than a place can number.
    #[error("expected a replica of at most 2^32 elements, found {elements}; use sparse pulls")]
    ReplicaTooLarge {
        /// Elements that the replica holds.
        elements: u64,
    },
}
