//! The products of the first layer, whose inputs are sparse rows. They are taken in one of two ways:
//! row by row over the non-zeros, or as a product of matrices over the columns that the batch has.
//! The batch alone decides, so that replicas of any coverage compute the same bits.

use multiversion::multiversion;
use ndarray::linalg::general_mat_mul;

use super::matrix::{Shape, matrix, matrix_mut};
use crate::data::Rows;

/// The way of the non-zeros is taken below this share of them, in percent. Where both ways take as long
/// for 784-256-10, batches of 64 and AVX-512, by `worker/examples/mlp_speed.rs`: row by row 144,000
/// samples/s at 10 % non-zeros, 107,000 at 15 % and 57,000 at 20 %; as matrices 70,000 at 20 % and 50,000
/// to 110,000 above, on a machine with other work.
const DENSE_PERCENT: u64 = 15;

/// The first layer's weights among the values of a replica.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstLayer<'a> {
    pub(super) rows: &'a Rows,
    /// For each non-zero, the place of its feature's weights.
    pub(super) places: &'a [u32],
    pub(super) features: u64,
    /// Outputs, which is weights per feature.
    pub(super) width: usize,
}

/// The batch as a matrix with one column for each of its features, kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// For each feature its column, if the batch has it.
    of_feature: Vec<Option<u32>>,
    /// For each column the place of its weights.
    places: Vec<u32>,
    /// The batch, [rows, columns].
    inputs: Vec<f32>,
    /// The columns' weights and their gradient, [columns, width], where they do not lie together.
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

impl FirstLayer<'_> {
    /// Whether products of matrices are the faster way.
    fn is_dense(&self) -> bool {
        let all = self.features.saturating_mul(self.rows.len() as u64);
        0 < all && DENSE_PERCENT * all <= 100 * self.rows.values().len() as u64
    }

    /// Whether each row has every feature, so that the values are the matrix as they lie.
    fn is_full(&self) -> bool {
        self.rows.values().len() as u64 == self.features.saturating_mul(self.rows.len() as u64)
    }

    /// Adds the inputs' products with the weights to `outputs`, [rows, width].
    pub(super) fn add_products(&self, x: &[f32], columns: &mut Columns, outputs: &mut [f32]) {
        if !self.is_dense() {
            return add_weighted_rows(self.rows, self.places, x, self.width, outputs);
        }
        columns.fill(self);
        let weight = if let Some(first) = columns.together(self.width) {
            &x[first..][..columns.places.len() * self.width]
        } else {
            gather(&columns.places, self.width, x, &mut columns.weights);
            &columns.weights
        };
        let (inputs, size) = self.shapes(columns);
        general_mat_mul(
            1.0,
            &matrix(columns.inputs(self), inputs),
            &matrix(weight, Shape(inputs.1, self.width)),
            1.0,
            &mut matrix_mut(outputs, size),
        );
    }

    /// Adds the products of inputs and `slopes`, [rows, width], to the weights' gradient. The columns
    /// are those that [`Self::add_products`] filled.
    pub(super) fn add_gradient(&self, slopes: &[f32], columns: &mut Columns, gradient: &mut [f32]) {
        if !self.is_dense() {
            return add_outer_products(self.rows, self.places, slopes, self.width, gradient);
        }
        let mut apart = std::mem::take(&mut columns.gradient);
        let together = columns.together(self.width);
        // Gathered with what is in it already, so that the sums run in one order wherever it lies.
        let onto = if let Some(first) = together {
            &mut gradient[first..][..columns.places.len() * self.width]
        } else {
            gather(&columns.places, self.width, gradient, &mut apart);
            &mut apart
        };
        let (inputs, outputs) = self.shapes(columns);
        general_mat_mul(
            1.0,
            &matrix(columns.inputs(self), inputs).t(),
            &matrix(slopes, outputs),
            1.0,
            &mut matrix_mut(onto, Shape(inputs.1, self.width)),
        );
        if together.is_none() {
            for (place, from) in columns.places.iter().zip(apart.chunks_exact(self.width)) {
                gradient[*place as usize..][..self.width].copy_from_slice(from);
            }
        }
        columns.gradient = apart;
    }

    /// The shapes of the inputs and of the outputs.
    fn shapes(&self, columns: &Columns) -> (Shape, Shape) {
        let rows = self.rows.len();
        (Shape(rows, columns.places.len()), Shape(rows, self.width))
    }
}

impl Columns {
    fn fill(&mut self, layer: &FirstLayer<'_>) {
        self.places.clear();
        if layer.is_full() {
            let one_row = layer.places.len() / layer.rows.len();
            return self.places.extend_from_slice(&layer.places[..one_row]);
        }
        let features = usize::try_from(layer.features).expect("a batch has a share of them");
        self.of_feature.clear();
        self.of_feature.resize(features, None);
        for (feature, place) in layer.rows.features().iter().zip(layer.places) {
            self.of_feature[*feature as usize] = Some(*place);
        }
        for (column, feature) in (0..).zip(self.of_feature.iter_mut().filter(|f| f.is_some())) {
            self.places.extend(*feature);
            *feature = Some(column);
        }
        let width = self.places.len();
        self.inputs.clear();
        self.inputs.resize(layer.rows.len() * width, 0.0);
        for row in 0..layer.rows.len() {
            let inputs = &mut self.inputs[row * width..][..width];
            let (features, values) = layer.rows.row(row);
            for (feature, value) in features.iter().zip(values) {
                let column = self.of_feature[*feature as usize].expect("a feature of the batch");
                inputs[column as usize] = *value;
            }
        }
    }

    fn inputs<'a>(&'a self, layer: &'a FirstLayer<'_>) -> &'a [f32] {
        if layer.is_full() {
            layer.rows.values()
        } else {
            &self.inputs
        }
    }

    /// Where the weights of the first column lie, if those of the others follow without a gap.
    fn together(&self, width: usize) -> Option<usize> {
        let (first, last) = (
            *self.places.first()? as usize,
            *self.places.last()? as usize,
        );
        // Strictly rising by at least one feature's weights: no room for a gap.
        (last - first == (self.places.len() - 1) * width).then_some(first)
    }
}

/// Replaces `out` by the `width` numbers at each of these places.
fn gather(places: &[u32], width: usize, from: &[f32], out: &mut Vec<f32>) {
    out.clear();
    for place in places {
        out.extend_from_slice(&from[*place as usize..][..width]);
    }
}

/// For each non-zero: its row of outputs gains value · weights of its feature.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_weighted_rows(rows: &Rows, places: &[u32], x: &[f32], width: usize, outputs: &mut [f32]) {
    for (row, outputs) in outputs.chunks_exact_mut(width).enumerate() {
        let span = rows.span(row);
        for (place, value) in places[span.clone()].iter().zip(&rows.values()[span]) {
            add_scaled(outputs, *value, &x[*place as usize..][..width]);
        }
    }
}

/// For each non-zero: the gradient of its feature's weights gains value · slopes of its row.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_outer_products(
    rows: &Rows,
    places: &[u32],
    slopes: &[f32],
    width: usize,
    gradient: &mut [f32],
) {
    for (row, slopes) in slopes.chunks_exact(width).enumerate() {
        let span = rows.span(row);
        for (place, value) in places[span.clone()].iter().zip(&rows.values()[span]) {
            add_scaled(&mut gradient[*place as usize..][..width], *value, slopes);
        }
    }
}

/// No `mul_add`: the bits do not depend on the instruction set.
#[inline(always)]
fn add_scaled(onto: &mut [f32], factor: f32, from: &[f32]) {
    for (sum, number) in onto.iter_mut().zip(from) {
        *sum += factor * number;
    }
}
