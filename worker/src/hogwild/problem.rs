//! The objectives that there are, and which of them a job's model stands for.

use super::graph_cut::GraphCut;
use super::matrix_completion::MatrixCompletion;
use super::objective::Objective;
use super::sparse_logistic::SparseLogistic;
use super::sparse_svm::SparseSvm;

/// What is minimised.
#[derive(Clone, Debug)]
pub enum Problem {
    /// [`super::sparse_svm`].
    SparseSvm(SparseSvm),
    /// [`super::sparse_logistic`].
    SparseLogistic(SparseLogistic),
    /// [`super::matrix_completion`].
    MatrixCompletion(MatrixCompletion),
    /// [`super::graph_cut`].
    GraphCut(GraphCut),
}

impl Problem {
    /// How many terms there are.
    #[must_use]
    pub fn terms(&self) -> usize {
        match self {
            Self::SparseSvm(objective) => objective.terms(),
            Self::SparseLogistic(objective) => objective.terms(),
            Self::MatrixCompletion(objective) => objective.terms(),
            Self::GraphCut(objective) => objective.terms(),
        }
    }

    /// How many parameters there are.
    #[must_use]
    pub fn coordinates(&self) -> usize {
        match self {
            Self::SparseSvm(objective) => objective.coordinates(),
            Self::SparseLogistic(objective) => objective.coordinates(),
            Self::MatrixCompletion(objective) => objective.coordinates(),
            Self::GraphCut(objective) => objective.coordinates(),
        }
    }
}
