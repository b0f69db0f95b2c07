//! What an optimizer is that needs a whole tensor: a norm, or statistics of rows and columns.
//!
//! Such a rule cannot be given one parameter at a time, so its tensors are never cut over shards
//! ([`Grain::Tensors`](crate::shard_map::Grain)). Sums run in f64, over blocks of a fixed size: the
//! same bits whoever adds up the blocks.

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

/// Elements that are added up together.
const BLOCK: usize = 4096;

/// Sums within a block; the compiler keeps them in one register.
const LANES: usize = 8;

/// Σ `value`(i) for i below `len`.
pub(super) fn sum(len: usize, value: impl Fn(usize) -> f64) -> f64 {
    let block = |start: usize| {
        let mut lanes = [0.0; LANES];
        for at in start..len.min(start + BLOCK) {
            lanes[at % LANES] += value(at);
        }
        lanes.iter().fold(0.0, |sum, lane| sum + lane)
    };
    (0..len)
        .step_by(BLOCK)
        .fold(0.0, |sum, start| sum + block(start))
}

/// √Σ `value`(i)² for i below `len`.
pub(super) fn norm<F: Real>(len: usize, value: impl Fn(usize) -> F) -> f64 {
    sum(len, |at| square(value(at))).sqrt()
}

/// The square in f64, in which no single overflows.
#[inline(always)]
pub(super) fn square<F: Real>(value: F) -> f64 {
    let value = value.to_f64();
    value * value
}

/// The number of elements as a number to compute with.
#[expect(
    clippy::cast_precision_loss,
    reason = "no formula can tell 2^53 elements from one more"
)]
pub(super) fn count(len: usize) -> f64 {
    len as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_its_blocks() {
        for len in [0, 1, 7, 8, 4095, 4096, 4097, 10_000] {
            let value = |at: usize| count(at % 13) - 5.5;
            let plain: f64 = (0..len).map(value).sum();
            // Halves of small whole numbers are added without rounding.
            assert_eq!(sum(len, value).to_bits(), (plain + 0.0).to_bits(), "{len}");
            let blocks = (0..len)
                .step_by(BLOCK)
                .map(|start| sum(len.min(start + BLOCK) - start, |at| value(start + at)));
            assert_eq!(
                sum(len, value).to_bits(),
                (blocks.sum::<f64>() + 0.0).to_bits()
            );
        }
    }

    #[test]
    fn the_norm_of_large_singles_does_not_overflow() {
        let norm = norm(4, |_| 2e38_f32);
        assert!((norm / 4e38 - 1.0).abs() < 1e-6, "{norm}");
    }
}
