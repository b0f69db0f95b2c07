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
use super::rows::{Bias, SparseRows, expect_task};
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
        let (features, values) = self.rows.row(row);
        dot(features, values, point)
    }
}

/// Σ value · x, in four sums: one alone waits for each addition to end.
#[inline]
fn dot<P: Point>(features: &[u32], values: &[f32], point: &P) -> f32 {
    let (features, features_left) = features.as_chunks::<4>();
    let (values, values_left) = values.as_chunks::<4>();
    let mut sums = [0.0_f32; 4];
    for (features, values) in features.iter().zip(values) {
        for lane in 0..4 {
            sums[lane] += values[lane] * point.read(features[lane] as usize);
        }
    }
    for (lane, (feature, value)) in features_left.iter().zip(values_left).enumerate() {
        sums[lane] += value * point.read(*feature as usize);
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
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
        self.rows.row(term).0.len()
    }

    fn touched(&self, term: usize, out: &mut Vec<u32>) {
        out.clear();
        out.extend_from_slice(self.rows.row(term).0);
        // Renumbered rows do not rise.
        if !out.is_sorted() {
            out.sort_unstable();
        }
    }

    #[inline]
    fn slopes<P: Point>(&self, term: usize, point: &mut P) -> usize {
        let (features, values) = self.rows.row(term);
        let score = dot(features, values, point);
        let slope = self.rows.weight(term) * L::slope(self.rows.label(term), score);
        if self.pull.is_empty() {
            if slope == 0.0 {
                return 0;
            }
            for (feature, value) in features.iter().zip(values) {
                point.slope(*feature as usize, slope * value);
            }
        } else {
            for (feature, value) in features.iter().zip(values) {
                let v = *feature as usize;
                point.slope(v, slope * value + self.pull[v] * point.read(v));
            }
        }
        features.len()
    }

    fn loss(&self, term: usize, x: &dyn Fn(usize) -> f64) -> f64 {
        let (features, values) = self.rows.row(term);
        let (mut score, mut penalty) = (0.0, 0.0);
        for (feature, value) in features.iter().zip(values) {
            let v = *feature as usize;
            let x = x(v);
            score += x * f64::from(*value);
            penalty += self.share.get(v).map_or(0.0, |share| share * x * x);
        }
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
