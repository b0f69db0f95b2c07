//! What the sparse linear objectives share: a loss of one score per row, and an L2 term that is dealt
//! out to the rows so that it stays as sparse as they are.
//!
//! ```text
//! f(x) = Σ_α c_α [ ℓ(y_α, x·z_α) ] + Σ_α λ Σ_{u ∈ e_α} x_u² / d_u
//! ∂f_α/∂x_u = c_α ℓ'(y_α, x·z_α) z_αu + 2 λ x_u / d_u        u ∈ e_α
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | `z_α`, `y_α` | a row of [`SparseRows`] and its label | features; ±1, or a number |
//! | `c_α` | the row's weight | 1 unless the data say otherwise |
//! | `e_α` | the features of the row | |
//! | `d_u` | `degrees` | rows that have the feature u |
//! | λ | `lambda` | ≥ 0, loss per parameter²; over all rows the terms add up to λ‖x‖² |
//! | ℓ | [`RowLoss`] | loss of a row by its label and score |
//!
//! A bias, where there is one, has no L2 term.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2, equation 3.

use std::fmt::Debug;
use std::marker::PhantomData;

use super::HogwildError;
use super::objective::{Objective, Point};
use super::rows::{Bias, Row, SparseRows, expect_task};
use crate::data::{Dataset, Task};

/// A loss of one score.
pub trait RowLoss: Copy + Debug + Send + Sync + 'static {
    /// The name in messages.
    const NAME: &'static str;

    /// What labels it is for.
    const TASK: Task;

    /// Its derivative by the score.
    fn slope(label: f32, score: f32) -> f32;

    /// Its value, in f64.
    fn value(label: f64, score: f64) -> f64;
}

/// Rows, a loss of their scores, and an L2 term.
#[derive(Clone, Debug)]
pub struct LinearTerms<L> {
    rows: SparseRows,
    lambda: f64,
    /// `2λ/d_u`; empty if λ is 0.
    pull: Vec<f32>,
    /// `λ/d_u`, for the value; empty if λ is 0.
    share: Vec<f64>,
    loss: PhantomData<L>,
}

impl<L: RowLoss> LinearTerms<L> {
    /// The objective of these data.
    ///
    /// # Errors
    /// When labels are not those of the loss, λ is not a finite number from 0, or the rows cannot be held.
    pub fn of(data: &dyn Dataset, bias: Bias, lambda: f64) -> Result<Self, HogwildError> {
        expect_task(data.task(), L::TASK, L::NAME)?;
        Self::new(SparseRows::of(data, bias)?, bias, lambda)
    }

    /// The objective of these rows; with [`Bias::Added`] the last coordinate is one.
    ///
    /// # Errors
    /// When λ is not a finite number from 0.
    pub fn new(rows: SparseRows, bias: Bias, lambda: f64) -> Result<Self, HogwildError> {
        if !(0.0 <= lambda && lambda.is_finite()) {
            return Err(HogwildError::Problem(format!(
                "`lambda` is {lambda}, but must be a finite number of at least 0"
            )));
        }
        let mut share = Vec::new();
        if 0.0 < lambda {
            let degrees = rows.degrees().into_iter();
            share = degrees.map(|d| lambda / f64::from(d.max(1))).collect();
            if bias == Bias::Added
                && let Some(last) = share.last_mut()
            {
                *last = 0.0;
            }
        }
        Ok(Self {
            rows,
            lambda,
            pull: share.iter().map(|s| super::single(2.0 * s)).collect(),
            share,
            loss: PhantomData,
        })
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &SparseRows {
        &self.rows
    }

    /// λ.
    #[must_use]
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// x·z of a row.
    #[must_use]
    #[inline]
    pub fn score<P: Point>(&self, row: usize, point: &P) -> f32 {
        match self.rows.row(row) {
            Row::Narrow(features, values) => dot(features, values, point),
            Row::Wide(features, values) => dot(features, values, point),
        }
    }

    /// Gives the point the slopes of a row; returns how many there are.
    #[inline]
    fn slopes_of<F: Copy + Into<u32>, P: Point>(
        &self,
        row: usize,
        (features, values): (&[F], &[f32]),
        point: &mut P,
    ) -> usize {
        let score = dot(features, values, point);
        let slope = self.rows.weight(row) * L::slope(self.rows.label(row), score);
        if self.pull.is_empty() {
            if slope == 0.0 {
                return 0;
            }
            spread(slope, (features, values), point);
        } else {
            for (feature, value) in features.iter().zip(values) {
                let v = coordinate(*feature);
                point.slope(v, slope * value + self.pull[v] * point.read(v));
            }
        }
        features.len()
    }
}

/// The place of a feature's coordinate.
#[inline]
fn coordinate<F: Into<u32>>(feature: F) -> usize {
    feature.into() as usize
}

/// Σ value · x, in four sums: one alone waits for each addition to end.
#[inline]
fn dot<F: Copy + Into<u32>, P: Point>(features: &[F], values: &[f32], point: &P) -> f32 {
    let (features, features_left) = features.as_chunks::<4>();
    let (values, values_left) = values.as_chunks::<4>();
    let mut sums = [0.0_f32; 4];
    for (features, values) in features.iter().zip(values) {
        for lane in 0..4 {
            sums[lane] += values[lane] * point.read(coordinate(features[lane]));
        }
    }
    for (lane, (feature, value)) in features_left.iter().zip(values_left).enumerate() {
        sums[lane] += value * point.read(coordinate(*feature));
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// Gives the point `slope · value` for every feature, in their order. Four are computed before the first of them is
/// written: for all the compiler knows, a write could change the values, and it would multiply one by one.
#[inline]
fn spread<F: Copy + Into<u32>, P: Point>(
    slope: f32,
    (features, values): (&[F], &[f32]),
    point: &mut P,
) {
    let (features, features_left) = features.as_chunks::<4>();
    let (values, values_left) = values.as_chunks::<4>();
    for (features, values) in features.iter().zip(values) {
        let gradients = values.map(|value| slope * value);
        for lane in 0..4 {
            point.slope(coordinate(features[lane]), gradients[lane]);
        }
    }
    for (feature, value) in features_left.iter().zip(values_left) {
        point.slope(coordinate(*feature), slope * value);
    }
}

impl<L: RowLoss> Objective for LinearTerms<L> {
    const PROJECTED: bool = false;

    fn coordinates(&self) -> usize {
        self.rows.coordinates()
    }

    fn terms(&self) -> usize {
        self.rows.len()
    }

    fn size(&self, term: usize) -> usize {
        self.rows.row(term).len()
    }

    fn touched(&self, term: usize, out: &mut Vec<u32>) {
        out.clear();
        out.extend(self.rows.row(term).features());
        // Renumbered rows do not rise.
        if !out.is_sorted() {
            out.sort_unstable();
        }
    }

    #[inline]
    fn slopes<P: Point>(&self, term: usize, point: &mut P) -> usize {
        match self.rows.row(term) {
            Row::Narrow(features, values) => self.slopes_of(term, (features, values), point),
            Row::Wide(features, values) => self.slopes_of(term, (features, values), point),
        }
    }

    fn loss(&self, term: usize, x: &dyn Fn(usize) -> f64) -> f64 {
        let (mut score, mut penalty) = (0.0, 0.0);
        self.rows.row(term).each(|v, value| {
            let x = x(v);
            score += x * f64::from(value);
            penalty += self.share.get(v).map_or(0.0, |share| share * x * x);
        });
        let loss = L::value(f64::from(self.rows.label(term)), score);
        f64::from(self.rows.weight(term)) * loss + penalty
    }

    fn start(&self, _seed: u64) -> Vec<f32> {
        vec![0.0; self.coordinates()]
    }

    fn renumbered(&self, places: &[u32]) -> Option<Self> {
        let mut moved = Self {
            rows: self.rows.clone().renumbered(places),
            ..self.clone()
        };
        for (v, place) in places.iter().enumerate().take(self.pull.len()) {
            moved.pull[*place as usize] = self.pull[v];
            moved.share[*place as usize] = self.share[v];
        }
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::seed::{mix, normal};

    use super::RowLoss;
    use crate::hogwild::objective::{Objective, Point};
    use crate::hogwild::rows::{Bias, SparseRows};
    use crate::hogwild::single;
    use crate::hogwild::sparse_logistic::{Logistic, SparseLogistic};

    /// Writes every slope down and leaves the coordinates as they are.
    struct Listed(Vec<f32>, Vec<(usize, u32)>);

    impl Point for Listed {
        fn read(&self, v: usize) -> f32 {
            self.0[v]
        }

        fn slope(&mut self, v: usize, gradient: f32) {
            self.1.push((v, gradient.to_bits()));
        }

        fn slopes_on_simplex(&mut self, _: usize, _: &[f32], _: &[f32]) {
            unreachable!("linear terms are not projected");
        }
    }

    #[test]
    fn slopes_are_those_of_the_plain_formula_in_the_order_of_the_features_at_every_length() {
        let draw = |number: u64| single(normal(1.0, mix(number)));
        for coordinates in [1_u32 << 16, (1 << 16) + 1] {
            let x: Vec<f32> = (0..coordinates).map(|v| draw(v.into())).collect();
            for length in 0..=13_u32 {
                // Neither in order nor all below 2¹⁵.
                let features: Vec<u32> = (0..length)
                    .map(|k| (k + 1) * 40_503 % coordinates)
                    .collect();
                let values: Vec<f32> = (0..length).map(|k| draw(1 << 40 | u64::from(k))).collect();
                let mut rows = SparseRows::new(coordinates);
                rows.push(-1.0, &features, &values);
                for lambda in [0.0, 0.5] {
                    let terms = SparseLogistic::new(rows.clone(), Bias::Absent, lambda).unwrap();
                    let mut point = Listed(x.clone(), Vec::new());
                    let given = terms.slopes(0, &mut point);
                    assert_eq!(given, features.len());
                    let mut sums = [0.0_f32; 4];
                    for (k, (feature, value)) in features.iter().zip(&values).enumerate() {
                        sums[k % 4] += value * x[*feature as usize];
                    }
                    let slope = Logistic::slope(-1.0, (sums[0] + sums[1]) + (sums[2] + sums[3]));
                    let expected = features.iter().zip(&values).map(|(feature, value)| {
                        let v = *feature as usize;
                        let pull = if lambda == 0.0 { 0.0 } else { x[v] };
                        (v, (slope * value + pull).to_bits())
                    });
                    assert!(expected.eq(point.1), "{coordinates}, {length}, {lambda}");
                }
            }
        }
    }
}
