//! What the factorisation models share: a bias, then a weight for each feature, then a row of factors
//! for each feature; which of them a batch touches, and where they lie.

use thalweg_common::layout::ParameterLayout;

use super::{Coverage, Located, ModelError};
use crate::data::Rows;

/// A layout of 1 + features + features · rank elements, whatever tensors it is cut into.
#[derive(Clone, Debug)]
pub(super) struct FactorLayout {
    pub(super) layout: ParameterLayout,
    /// The flat index of the first factor.
    factors: u64,
    rank: u64,
}

/// The non-zeros of one row: their values, and the places of their weights and factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) values: &'a [f32],
    pub(super) weights: &'a [u32],
    pub(super) factors: &'a [u32],
}

impl FactorLayout {
    pub(super) fn new(layout: ParameterLayout, features: u64, rank: u32) -> Self {
        let (factors, rank) = (1 + features, u64::from(rank));
        assert_eq!(
            layout.elements(),
            factors + features * rank,
            "a bias, and a weight and factors per feature"
        );
        Self {
            layout,
            factors,
            rank,
        }
    }

    /// As [`super::Model::touched`].
    pub(super) fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        out.clear();
        if rows.is_empty() {
            return;
        }
        out.push(0);
        // The weight of a feature lies right behind the bias, at 1 + feature.
        out.extend(
            rows.features()
                .iter()
                .map(|feature| 1 + u64::from(*feature)),
        );
        out.sort_unstable();
        out.dedup();
        for place in 1..out.len() {
            let first = self.factors + (out[place] - 1) * self.rank;
            out.extend(first..first + self.rank);
        }
    }

    /// As [`super::Model::locate`].
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
        out.tensors.push(coverage.find(0, 1, 0)?);
        for row in 0..rows.len() {
            let (mut weight, mut factors) = (0, 0);
            for feature in rows.row(row).0 {
                let feature = u64::from(*feature);
                weight = coverage.find(1 + feature, 1, weight)?;
                out.features.push(weight);
                factors = coverage.find(self.factors + feature * self.rank, self.rank, factors)?;
                out.factors.push(factors);
            }
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    /// The non-zeros `span` of a located batch.
    pub(super) fn of(rows: &'a Rows, located: &'a Located, span: std::ops::Range<usize>) -> Self {
        Self {
            values: &rows.values()[span.clone()],
            weights: &located.features[span.clone()],
            factors: &located.factors[span],
        }
    }

    /// Value, place of the weight and place of the factors of each non-zero.
    pub(super) fn each(self) -> impl Iterator<Item = (f64, usize, usize)> {
        let places = self.weights.iter().zip(self.factors);
        places.zip(self.values).map(|((weight, factors), value)| {
            (f64::from(*value), *weight as usize, *factors as usize)
        })
    }

    /// Σ value · weight; adds Σ value · factors to `sums`.
    pub(super) fn sum(self, x: &[f32], sums: &mut [f64]) -> f64 {
        let mut weighted = 0.0;
        for (value, weight, factors) in self.each() {
            weighted += value * f64::from(x[weight]);
            for (sum, factor) in sums.iter_mut().zip(&x[factors..]) {
                *sum += value * f64::from(*factor);
            }
        }
        weighted
    }
}
