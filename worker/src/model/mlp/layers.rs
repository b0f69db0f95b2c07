//! The tensors of a perceptron, named as torch names those of a list `layers` of linear layers; which
//! elements a batch touches, and where they lie: of the first layer the rows of its features, of all
//! others everything.

use thalweg_common::layout::{ParameterLayout, Tensor};

use super::keys::Keys;
use crate::data::Rows;
use crate::model::{Coverage, Located, ModelError, linear::spread};

#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) layout: ParameterLayout,
    pub(super) features: u64,
    /// Outputs of each layer, the last of which are the scores.
    pub(super) widths: Vec<usize>,
}

impl Layers {
    pub(super) fn new(keys: &Keys, features: u64, scores: u32) -> Result<Self, ModelError> {
        let (mut tensors, mut widths, mut inputs) = (Vec::new(), Vec::new(), features);
        for (layer, outputs) in keys.hidden.iter().chain([&scores]).enumerate() {
            let wide = u64::from(*outputs);
            let name = |part: &str| format!("layers.{layer}.{part}");
            let mut weight = Tensor::trainable(name("weight"), vec![inputs, wide]).by_input();
            weight.init = keys.weights(inputs, wide);
            tensors.push(weight);
            tensors.push(Tensor::trainable(name("bias"), vec![wide]).unregularized());
            widths.push(*outputs as usize);
            inputs = wide;
        }
        Ok(Self {
            layout: ParameterLayout::new(tensors)?,
            features,
            widths,
        })
    }

    /// Outputs of the first layer: elements per feature.
    fn width(&self) -> u64 {
        self.widths[0] as u64
    }

    /// As [`crate::model::Model::touched`].
    pub(super) fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        out.clear();
        if rows.is_empty() {
            return;
        }
        distinct(rows.features(), self.features, out);
        for feature in &mut *out {
            *feature *= self.width();
        }
        spread(out, self.width());
        out.extend(self.features * self.width()..self.layout.elements());
    }

    /// As [`crate::model::Model::locate`]. The tensors are located in layout order, without the first.
    pub(super) fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        coverage.check_size()?;
        out.clear();
        if rows.is_empty() {
            return Ok(());
        }
        for row in 0..rows.len() {
            let mut from = 0;
            for feature in rows.row(row).0 {
                from = coverage.find(u64::from(*feature) * self.width(), self.width(), from)?;
                out.features.push(from);
            }
        }
        for (span, _) in self.layout.spans().skip(1) {
            let place = coverage.find(span.start, span.end - span.start, 0)?;
            out.tensors.push(place);
        }
        Ok(())
    }

    /// The biases of a layer among the values of a replica.
    pub(super) fn bias(&self, layer: usize, located: &Located) -> std::ops::Range<usize> {
        let place = located.tensors[2 * layer] as usize;
        place..place + self.widths[layer]
    }

    /// The weights of a layer that is not the first.
    pub(super) fn weight(&self, layer: usize, located: &Located) -> std::ops::Range<usize> {
        let place = located.tensors[2 * layer - 1] as usize;
        place..place + self.widths[layer - 1] * self.widths[layer]
    }
}

/// Replaces `out` by the distinct numbers among `features`, all below `count`, in rising order.
fn distinct(features: &[u32], count: u64, out: &mut Vec<u64>) {
    if (features.len() as u64) < count {
        out.extend(features.iter().map(|feature| u64::from(*feature)));
        out.sort_unstable();
        return out.dedup();
    }
    // With as many non-zeros as features, marks are cheaper than sorting.
    out.resize(
        features.iter().max().map_or(0, |last| *last as usize + 1),
        0,
    );
    for feature in features {
        out[*feature as usize] = 1;
    }
    let mut kept = 0;
    for (place, feature) in (0..out.len()).zip(0..) {
        if out[place] == 1 {
            out[kept] = feature;
            kept += 1;
        }
    }
    out.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn marking_finds_the_features_that_sorting_finds() {
        for features in [
            &[][..],
            &[0],
            &[5, 2, 5, 1, 2],
            &[0, 1, 0, 9, 1, 0, 3, 1, 9, 9],
        ] {
            let (mut sorted, mut marked) = (vec![], vec![]);
            distinct(features, u64::MAX, &mut sorted);
            distinct(features, 0, &mut marked);
            assert_eq!(sorted, marked);
            assert!(sorted.is_sorted_by(|a, b| a < b));
        }
    }
}
