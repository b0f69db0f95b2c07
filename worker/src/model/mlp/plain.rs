//! The formula as it is written, one row after the other in f64: what gradients are checked with.

use super::{Batch, Mlp};

impl Mlp {
    /// The sum of the weighted losses.
    pub(super) fn plain_losses(&self, batch: Batch<'_>) -> f64 {
        let mut losses = 0.0;
        for (row, label) in batch.rows.labels().iter().enumerate() {
            let mut outputs = self.plain_first(batch, row);
            for layer in 1..self.layers.widths.len() {
                for output in &mut outputs {
                    *output = self.activation.plain(*output);
                }
                outputs = self.plain_layer(batch, layer, &outputs);
            }
            losses += batch.rows.weight(row) * self.head.loss(*label, &mut outputs);
        }
        losses
    }

    fn plain_first(&self, batch: Batch<'_>, row: usize) -> Vec<f64> {
        let mut outputs = self.plain_bias(batch, 0);
        let span = batch.rows.span(row);
        let places = &batch.located.features[span.clone()];
        for (place, value) in places.iter().zip(&batch.rows.values()[span]) {
            add(&mut outputs, f64::from(*value), &batch.x[*place as usize..]);
        }
        outputs
    }

    fn plain_layer(&self, batch: Batch<'_>, layer: usize, inputs: &[f64]) -> Vec<f64> {
        let mut outputs = self.plain_bias(batch, layer);
        let weights = &batch.x[self.layers.weight(layer, batch.located)];
        for (input, weights) in inputs.iter().zip(weights.chunks_exact(outputs.len())) {
            add(&mut outputs, *input, weights);
        }
        outputs
    }

    fn plain_bias(&self, batch: Batch<'_>, layer: usize) -> Vec<f64> {
        let bias = &batch.x[self.layers.bias(layer, batch.located)];
        bias.iter().map(|bias| f64::from(*bias)).collect()
    }
}

fn add(outputs: &mut [f64], input: f64, weights: &[f32]) {
    for (output, weight) in outputs.iter_mut().zip(weights) {
        *output += input * f64::from(*weight);
    }
}
