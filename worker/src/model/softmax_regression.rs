//! Softmax regression: k classes, k weights per feature.
//!
//! ```text
//! sᵢ = bᵢ + Σⱼ wⱼᵢ vⱼ      P(i) = e^sᵢ / Σₖ e^sₖ      loss = −ln P(label)
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | tensor `weight` | [features, classes]: the weights of one feature lie together |
//! | b | tensor `bias`, not regularized | one per class |
//! | v | the values of a row | sparse |
//!
//! Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
//! Neurocomputing, NATO ASI 68 (1990).

use std::{cell::RefCell, sync::Arc};

use thalweg_common::layout::ParameterLayout;

use super::{
    Coverage, Located, Model, ModelEntry, ModelError, Output, Shape,
    linear::{LinearLayout, mean_share, narrow},
    loss::softmax,
    registry::{Laws, LinearKeys, read_keys},
};
use crate::data::{Rows, Task};

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["bias = true", "bias = false"]),
    about: "k classes, k weights per feature, cross entropy",
    source: "Bridle, Neurocomputing, NATO ASI 68 (1990)",
    keys: "bias = true",
    check: |keys| read_keys::<LinearKeys>(NAME, keys).map(drop),
    build,
};

const NAME: &str = "softmax_regression";

thread_local! {
    /// The scores of one row. A model is shared by threads, and a batch must not allocate.
    static SCORES: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys: LinearKeys = read_keys(NAME, keys)?;
    if shape.task == Task::Real {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "classes",
            found: shape.task,
            mend: "set `classes` in [data], or use linear_regression for real labels",
        });
    }
    let linear = LinearLayout::table(shape.features, shape.task.classes(), keys.bias.into())?;
    Ok(Arc::new(SoftmaxRegression {
        linear,
        task: shape.task,
    }))
}

#[derive(Clone, Debug)]
struct SoftmaxRegression {
    linear: LinearLayout,
    task: Task,
}

impl SoftmaxRegression {
    /// Calls `each` with every row's number and scores.
    fn with_scores(
        &self,
        rows: &Rows,
        located: &Located,
        x: &[f32],
        mut each: impl FnMut(usize, &mut [f64]),
    ) {
        let width = self.output().scores_per_row();
        SCORES.with_borrow_mut(|scores| {
            scores.resize(width, 0.0);
            for row in 0..rows.len() {
                scores.fill(0.0);
                for bias in &located.tensors {
                    add(scores, 1.0, &x[*bias as usize..][..width]);
                }
                let span = rows.span(row);
                for (place, value) in located.features[span.clone()]
                    .iter()
                    .zip(&rows.values()[span])
                {
                    add(scores, f64::from(*value), &x[*place as usize..][..width]);
                }
                each(row, scores);
            }
        });
    }
}

impl Model for SoftmaxRegression {
    fn layout(&self) -> &ParameterLayout {
        &self.linear.layout
    }

    fn output(&self) -> Output {
        Output::Logits(self.task.classes())
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
        let width = self.output().scores_per_row();
        let share = mean_share(rows);
        let mut losses = 0.0;
        self.with_scores(rows, located, x, |row, scores| {
            let weight = rows.weight(row);
            losses += weight * softmax(self.task.class(rows.labels()[row]), scores);
            scores.iter_mut().for_each(|slope| *slope *= weight * share);
            let span = rows.span(row);
            for (place, value) in located.features[span.clone()]
                .iter()
                .zip(&rows.values()[span])
            {
                let part = &mut gradient[*place as usize..][..width];
                for (element, slope) in part.iter_mut().zip(&*scores) {
                    *element += narrow(*slope) * value;
                }
            }
            for bias in &located.tensors {
                let part = &mut gradient[*bias as usize..][..width];
                for (element, slope) in part.iter_mut().zip(&*scores) {
                    *element += narrow(*slope);
                }
            }
        });
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        self.with_scores(rows, located, x, |_, scores| {
            out.extend(scores.iter().map(|score| narrow(*score)));
        });
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        SCORES.with_borrow_mut(|wide| {
            wide.clear();
            wide.extend(scores.iter().map(|score| f64::from(*score)));
            softmax(self.task.class(label), wide)
        })
    }
}

fn add(scores: &mut [f64], value: f64, weights: &[f32]) {
    for (score, weight) in scores.iter_mut().zip(weights) {
        *score += value * f64::from(*weight);
    }
}
