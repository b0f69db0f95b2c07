//! Multilayer perceptron: layers of weights with a bent function between them, so that features act
//! together in ways that are learned.
//!
//! ```text
//! h₀ = v      zₗ = bₗ + hₗ₋₁ Wₗ      hₗ = φ(zₗ)      s = z of the last layer, without φ
//! δ of the last layer = ∂loss/∂s      ∂/∂Wₗ = hₗ₋₁ᵀ δₗ      ∂/∂bₗ = δₗ      δₗ₋₁ = (δₗ Wₗᵀ) ⊙ φ′(zₗ₋₁)
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | W₀, W₁, … | tensors `layers.0.weight`, … | [inputs, outputs]: the weights of one input lie together |
//! | b₀, b₁, … | tensors `layers.0.bias`, …, not regularized | one per output |
//! | φ | key `activation` | |
//! | v | the values of a row | sparse |
//!
//! Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature
//! 323 (1986).
//!
//! All of it is in f32, as products of matrices; [`plain`] has the formula in f64.

mod activation;
mod first_layer;
mod head;
mod keys;
mod layers;
mod matrix;
mod plain;
mod workspace;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ndarray::linalg::general_mat_mul;
use thalweg_common::layout::ParameterLayout;

use self::{
    activation::Activation,
    first_layer::FirstLayer,
    head::Head,
    keys::Keys,
    layers::Layers,
    matrix::{Shape as Size, matrix, matrix_mut},
    workspace::{Pool, Workspace},
};
use super::{Coverage, Located, Model, ModelEntry, ModelError, Output, Shape, registry::Laws};
use crate::data::Rows;

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_blocks(&[
        "hidden = []",
        "hidden = [7]",
        "hidden = [6, 5]\nactivation = 'tanh'",
        "hidden = [6]\nactivation = 'sigmoid'",
        "hidden = [5, 4, 3]\nactivation = 'gelu'",
    ]),
    about: "two classes, more classes or real labels, layers of weights with an activation between them",
    source: "Rumelhart, Hinton, Williams, Nature 323 (1986)",
    keys: "hidden = [128]\nactivation = \"relu\"\ninit = \"auto\"\ninit_std = 0.01",
    check: |keys| Keys::read(keys).map(drop),
    build,
};

const NAME: &str = "mlp";

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys = Keys::read(keys)?;
    let head = Head { task: shape.task };
    let scores = match head.output() {
        Output::Logit | Output::Margin | Output::Value => 1,
        Output::Logits(classes) => classes,
    };
    Ok(Arc::new(Mlp {
        layers: Layers::new(&keys, shape.features, scores)?,
        activation: keys.activation,
        head,
        pool: Pool::default(),
    }))
}

#[derive(Debug)]
struct Mlp {
    layers: Layers,
    activation: Activation,
    head: Head,
    pool: Pool,
}

/// A batch and where its elements lie.
#[derive(Clone, Copy, Debug)]
struct Batch<'a> {
    rows: &'a Rows,
    located: &'a Located,
    x: &'a [f32],
}

impl Mlp {
    fn first<'a>(&self, batch: Batch<'a>) -> FirstLayer<'a> {
        FirstLayer {
            rows: batch.rows,
            places: &batch.located.features,
            features: self.layers.features,
            width: self.layers.widths[0],
        }
    }

    /// The shape of a layer's numbers for these rows.
    fn size(&self, layer: usize, rows: &Rows) -> Size {
        Size(rows.len(), self.layers.widths[layer])
    }

    fn weight<'a>(&self, layer: usize, batch: Batch<'a>) -> ndarray::ArrayView2<'a, f32> {
        let values = &batch.x[self.layers.weight(layer, batch.located)];
        matrix(values, self.weight_size(layer))
    }

    fn weight_size(&self, layer: usize) -> Size {
        Size(self.layers.widths[layer - 1], self.layers.widths[layer])
    }

    /// Computes the outputs of all layers, and the slopes of the activation.
    fn forward(&self, batch: Batch<'_>, space: &mut Workspace) {
        let last = self.layers.widths.len() - 1;
        for layer in 0..=last {
            let (below, above) = space.layers.split_at_mut(layer);
            let outputs = &mut above[0].outputs;
            let bias = &batch.x[self.layers.bias(layer, batch.located)];
            for row in outputs.chunks_exact_mut(bias.len()) {
                row.copy_from_slice(bias);
            }
            if let Some(below) = below.last() {
                general_mat_mul(
                    1.0,
                    &matrix(&below.outputs, self.size(layer - 1, batch.rows)),
                    &self.weight(layer, batch),
                    1.0,
                    &mut matrix_mut(outputs, self.size(layer, batch.rows)),
                );
            } else {
                let first = self.first(batch);
                first.add_products(batch.x, &mut space.columns, outputs);
            }
            if layer < last {
                self.activation.apply(outputs, &mut above[0].slopes);
            }
        }
    }

    /// Adds the gradient, from the last layer's `by_input` down.
    fn backward(&self, batch: Batch<'_>, space: &mut Workspace, gradient: &mut [f32]) {
        for layer in (0..self.layers.widths.len()).rev() {
            let (below, above) = space.layers.split_at_mut(layer);
            let by_input = &above[0].by_input;
            let bias = &mut gradient[self.layers.bias(layer, batch.located)];
            for row in by_input.chunks_exact(bias.len()) {
                for (sum, slope) in bias.iter_mut().zip(row) {
                    *sum += slope;
                }
            }
            let Some(below) = below.last_mut() else {
                let first = self.first(batch);
                return first.add_gradient(by_input, &mut space.columns, gradient);
            };
            let inputs = self.size(layer - 1, batch.rows);
            let by_input = matrix(by_input, self.size(layer, batch.rows));
            general_mat_mul(
                1.0,
                &matrix(&below.outputs, inputs).t(),
                &by_input,
                1.0,
                &mut matrix_mut(
                    &mut gradient[self.layers.weight(layer, batch.located)],
                    self.weight_size(layer),
                ),
            );
            general_mat_mul(
                1.0,
                &by_input,
                &self.weight(layer, batch).t(),
                0.0,
                &mut matrix_mut(&mut below.by_input, inputs),
            );
            for (by_input, slope) in below.by_input.iter_mut().zip(&below.slopes) {
                *by_input *= slope;
            }
        }
    }
}

impl Model for Mlp {
    fn layout(&self) -> &ParameterLayout {
        &self.layers.layout
    }

    fn output(&self) -> Output {
        self.head.output()
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.layers.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.layers.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        if rows.is_empty() {
            return 0.0;
        }
        let batch = Batch { rows, located, x };
        self.pool.with(rows.len(), &self.layers.widths, |space| {
            self.forward(batch, space);
            let last = space.layers.last_mut().expect("a network has a last layer");
            let losses = self.head.slopes(rows, &last.outputs, &mut last.by_input);
            self.backward(batch, space, gradient);
            losses
        })
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if rows.is_empty() {
            return;
        }
        self.pool.with(rows.len(), &self.layers.widths, |space| {
            self.forward(Batch { rows, located, x }, space);
            let last = space.layers.last().expect("a network has a last layer");
            out.extend_from_slice(&last.outputs);
        });
    }

    fn losses(&self, rows: &Rows, located: &Located, x: &[f32]) -> f64 {
        self.plain_losses(Batch { rows, located, x })
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.head.of_scores(label, scores)
    }
}
