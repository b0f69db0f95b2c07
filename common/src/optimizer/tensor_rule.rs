//! What an optimizer is that needs a whole tensor: a norm, or statistics of rows and columns.
//!
//! Such a rule cannot be given one parameter at a time, so its tensors are never cut over shards
//! ([`Grain::Tensors`](crate::shard_map::Grain)). It goes over them in passes
//! ([`sweep`](super::sweep)), as few as its norms allow.

use std::fmt::Debug;

use super::real::Real;
use super::rule::StepContext;

/// One tensor at one step.
#[derive(Debug)]
pub struct TensorView<'a, 'b, F> {
    /// Its sizes, slowest first.
    pub shape: &'a [usize],
    /// The parameters, row-major.
    pub x: &'a mut [F],
    /// Their gradient, without the L2 term.
    pub g: &'a [F],
    /// The slots, in the order of their names.
    pub slots: &'a mut [&'b mut [F]],
    /// λ of the L2 term; 0 for none.
    pub l2: f64,
}

/// An optimizer as a formula for one tensor.
pub trait TensorRule<F: Real>: Debug + Send + Sync + 'static {
    /// Names of the slots, as they stand in checkpoints.
    const SLOT_NAMES: &'static [&'static str];

    /// Numbers of state for one parameter, at most.
    const SLOTS_PER_ELEMENT_MAX: usize;

    /// How many numbers each slot holds for a tensor of this shape; all are zero at first.
    fn slot_lengths(&self, shape: &[usize]) -> Vec<usize>;

    /// The formula: moves the parameters and the slots of one tensor.
    fn update(&self, context: &StepContext, tensor: TensorView<'_, '_, F>);
}

/// The number of elements as a number to compute with.
#[expect(
    clippy::cast_precision_loss,
    reason = "no formula can tell 2^53 elements from one more"
)]
pub(super) fn count(len: usize) -> f64 {
    len as f64
}
