//! Slices seen as matrices, row by row.

use ndarray::{ArrayView2, ArrayViewMut2};

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(pub(super) usize, pub(super) usize);

pub(super) fn matrix(values: &[f32], shape: Shape) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((shape.0, shape.1), values).expect("a slice of that many numbers")
}

pub(super) fn matrix_mut(values: &mut [f32], shape: Shape) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((shape.0, shape.1), values).expect("a slice of that many numbers")
}
