//! What the linear models share: one weight per feature (or per feature and class), a bias, and the
//! way from rows to their places.

use thalweg_common::layout::{ParameterLayout, Tensor};

use super::{Coverage, Located, Model, ModelError, Output, loss::ScoreLoss};
use crate::data::Rows;

/// The tensors `weight` and, if asked for, `bias`, addressed in groups of `width` elements.
#[derive(Clone, Debug)]
pub(super) struct LinearLayout {
    pub(super) layout: ParameterLayout,
    /// Elements per feature, and of the bias.
    width: u64,
    /// First element of the bias, if there is one.
    bias: Option<u64>,
}

impl LinearLayout {
    /// One element per feature.
    pub(super) fn vector(features: u64, has_bias: HasBias) -> Result<Self, ModelError> {
        Self::new(vec![features], 1, has_bias)
    }

    /// One row of `classes` elements per feature.
    pub(super) fn table(
        features: u64,
        classes: u32,
        has_bias: HasBias,
    ) -> Result<Self, ModelError> {
        let width = u64::from(classes);
        Self::new(vec![features, width], width, has_bias)
    }

    fn new(weight: Vec<u64>, width: u64, has_bias: HasBias) -> Result<Self, ModelError> {
        let mut tensors = vec![Tensor::trainable("weight", weight).by_input()];
        if has_bias == HasBias::Yes {
            tensors.push(Tensor::trainable("bias", vec![width]).unregularized());
        }
        let layout = ParameterLayout::new(tensors)?;
        let bias = layout.span("bias").map(|span| span.start);
        Ok(Self {
            layout,
            width,
            bias,
        })
    }

    /// As [`Model::touched`].
    pub(super) fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        out.clear();
        out.extend(
            rows.features()
                .iter()
                .map(|feature| u64::from(*feature) * self.width),
        );
        out.sort_unstable();
        out.dedup();
        // The bias lies behind all weights.
        out.extend(self.bias.filter(|_| !rows.is_empty()));
        spread(out, self.width);
    }

    /// As [`Model::locate`].
    pub(super) fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        coverage.check_size()?;
        out.clear();
        if let Some(bias) = self.bias.filter(|_| !rows.is_empty()) {
            out.tensors.push(coverage.find(bias, self.width, 0)?);
        }
        for row in 0..rows.len() {
            let mut from = 0;
            for feature in &rows.features()[rows.span(row)] {
                from = coverage.find(u64::from(*feature) * self.width, self.width, from)?;
                out.features.push(from);
            }
        }
        Ok(())
    }
}

/// Whether a model has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HasBias {
    Yes,
    No,
}

impl From<bool> for HasBias {
    fn from(bias: bool) -> Self {
        if bias { Self::Yes } else { Self::No }
    }
}

/// Replaces each first element by the `width` elements that start there, in place.
pub(super) fn spread(firsts: &mut Vec<u64>, width: u64) {
    if width == 1 {
        return;
    }
    let step = usize::try_from(width).expect("a width is a number of classes");
    let count = firsts.len();
    firsts.resize(count * step, 0);
    // From the back: a group never lies before the first element that it comes from.
    for place in (0..count).rev() {
        let first = firsts[place];
        for (element, offset) in firsts[place * step..][..step].iter_mut().zip(0..) {
            *element = first + offset;
        }
    }
}

/// A linear model with one score per row.
#[derive(Clone, Debug)]
pub(super) struct OneScore {
    linear: LinearLayout,
    output: Output,
    loss: ScoreLoss,
}

impl OneScore {
    pub(super) fn new(linear: LinearLayout, output: Output, loss: ScoreLoss) -> Self {
        Self {
            linear,
            output,
            loss,
        }
    }
}

impl Model for OneScore {
    fn layout(&self) -> &ParameterLayout {
        &self.linear.layout
    }

    fn output(&self) -> Output {
        self.output
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.linear.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.linear.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let share = mean_share(rows);
        let mut losses = 0.0;
        for (row, label) in rows.labels().iter().enumerate() {
            let span = rows.span(row);
            let (places, values) = (&located.features[span.clone()], &rows.values()[span]);
            let at = self
                .loss
                .at(f64::from(*label), score(located, places, values, x));
            let weight = rows.weight(row);
            losses += weight * at.loss;
            let slope = narrow(weight * at.slope * share);
            for (place, value) in places.iter().zip(values) {
                gradient[*place as usize] += slope * value;
            }
            for bias in &located.tensors {
                gradient[*bias as usize] += slope;
            }
        }
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend((0..rows.len()).map(|row| {
            let span = rows.span(row);
            narrow(score(
                located,
                &located.features[span.clone()],
                &rows.values()[span],
                x,
            ))
        }));
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.loss.at(f64::from(label), f64::from(scores[0])).loss
    }
}

/// Bias first, then the non-zeros in their order.
fn score(located: &Located, places: &[u32], values: &[f32], x: &[f32]) -> f64 {
    let mut score = located
        .tensors
        .first()
        .map_or(0.0, |bias| f64::from(x[*bias as usize]));
    for (place, value) in places.iter().zip(values) {
        score += f64::from(*value) * f64::from(x[*place as usize]);
    }
    score
}

/// One row's share of a mean over its batch.
#[expect(
    clippy::cast_precision_loss,
    reason = "a batch has less than 2^53 rows"
)]
pub(super) fn mean_share(rows: &Rows) -> f64 {
    1.0 / rows.batch_rows() as f64
}

/// Parameters, gradients and scores are f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
pub(super) fn narrow(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn groups_spread_in_order_and_in_place() {
        let mut firsts = vec![0, 3, 9];
        spread(&mut firsts, 3);
        assert_eq!(firsts, [0, 1, 2, 3, 4, 5, 9, 10, 11]);
        spread(&mut firsts, 1);
        assert_eq!(firsts.len(), 9);
        let mut none = vec![];
        spread(&mut none, 5);
        assert!(none.is_empty());
    }
}
