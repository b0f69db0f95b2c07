//! Beside the way of a gradient: how good parameters are on a data set.
//!
//! Rows are judged in fixed blocks on a pool that the caller owns, and the blocks' sums are added in
//! block order: the result has the same bits on any number of threads.

pub mod auc;
mod f1;
mod calibration;
mod regression;
mod gradient_norm;
mod scores;

use rayon::{
    ThreadPool,
    iter::{IntoParallelIterator, ParallelIterator},
};

pub use self::{auc::auc, gradient_norm::gradient_norm, scores::Scores};
use self::{calibration::Calibration, regression::Errors};
use crate::{
    data::{Dataset, Rows, Task},
    model::{
        Coverage, Located, Model, ModelError, Output,
        loss::{logistic, softmax},
    },
};

/// Rows per block: fixed, since it decides the order of the sums.
const BLOCK_ROWS: u64 = 1_024;

/// What one set of parameters is worth on one data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Rows that were judged.
    pub rows: u64,
    /// Their scores.
    pub scores: Scores,
}

/// Judges the parameters `x` (one per element of the layout) on the first `rows_max` rows at most.
///
/// Costs 16 bytes per row of a binary task, for the exact AUC, and 12 per row of any classes, for F1.
///
/// # Errors
/// [`ModelError::ReplicaTooLarge`], or [`ModelError::NotCovered`] when the data has features that
/// the model was not made for.
///
/// # Panics
/// When there are no rows or `x` is not as long as the layout.
pub fn evaluate(
    model: &dyn Model,
    data: &dyn Dataset,
    rows_max: u64,
    x: &[f32],
    pool: &ThreadPool,
) -> Result<Evaluation, ModelError> {
    let rows = data.rows().min(rows_max);
    assert!(0 < rows, "an evaluation needs rows");
    assert_eq!(
        x.len() as u64,
        model.layout().elements(),
        "one value per element"
    );
    let judge = Judge {
        model,
        data,
        x,
        coverage: Coverage::Whole(x.len() as u64),
    };
    let blocks = pool.install(|| {
        (0..rows.div_ceil(BLOCK_ROWS))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, block| {
                let start = block * BLOCK_ROWS;
                judge.block(start..rows.min(start + BLOCK_ROWS), scratch)
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut total = Sums::default();
    blocks.into_iter().for_each(|block| total.add(block));
    Ok(total.finish((rows, data.label_unit()), model.output(), data.task()))
}

#[derive(Debug, Default)]
struct Scratch {
    numbers: Vec<u64>,
    rows: Rows,
    located: Located,
    scores: Vec<f32>,
    wide: Vec<f64>,
}

#[derive(Debug)]
struct Judge<'a> {
    model: &'a dyn Model,
    data: &'a dyn Dataset,
    x: &'a [f32],
    coverage: Coverage,
}

impl Judge<'_> {
    fn block(
        &self,
        numbers: std::ops::Range<u64>,
        scratch: &mut Scratch,
    ) -> Result<Sums, ModelError> {
        let Scratch {
            numbers: list,
            rows,
            located,
            scores,
            wide,
        } = scratch;
        list.clear();
        list.extend(numbers);
        self.data.fill(list, rows);
        self.model.locate(rows, &self.coverage, located)?;
        self.model.scores(rows, located, self.x, scores);
        let mut sums = Sums::default();
        let width = self.model.output().scores_per_row();
        let labels = rows.labels().iter().enumerate();
        for ((row, label), scores) in labels.zip(scores.chunks_exact(width)) {
            // What training minimises is weighted; what compares models is not.
            sums.loss += rows.weight(row) * self.model.loss(*label, scores);
            match self.model.output() {
                Output::Logit => sums.judge_logit(*label, scores[0]),
                Output::Margin => {
                    sums.judge_margin(*label, scores[0]);
                }
                Output::Logits(_) => {
                    sums.judge_classes(self.data.task().class(*label), scores, wide);
                }
                Output::Value => sums.errors.judge(*label, scores[0]),
            }
        }
        Ok(sums)
    }
}

#[derive(Debug, Default)]
struct Sums {
    loss: f64,
    log_loss: f64,
    right: u64,
    errors: Errors,
    calibration: Calibration,
    scored: Vec<(f64, bool)>,
    judged: Vec<f1::Judged>,
}

impl Sums {
    fn judge_logit(&mut self, label: f32, score: f32) {
        let is_right = self.judge_margin(label, score);
        self.log_loss += logistic(f64::from(label), f64::from(score)).loss;
        let confidence = 1.0 / (1.0 + (-f64::from(score).abs()).exp());
        self.calibration.judge(confidence, is_right);
    }

    /// Whether the row was put on its side of 0.
    fn judge_margin(&mut self, label: f32, score: f32) -> bool {
        let is_positive = 0.0 < label;
        let held_for = (!score.is_nan()).then_some(0.0 < score);
        self.scored.push((f64::from(score), is_positive));
        self.judge_class(u32::from(is_positive), held_for.map(u32::from))
    }

    fn judge_class(&mut self, class: u32, held_for: Option<u32>) -> bool {
        let is_right = held_for == Some(class);
        self.right += u64::from(is_right);
        self.judged.push((class, held_for));
        is_right
    }

    fn judge_classes(&mut self, class: usize, scores: &[f32], wide: &mut Vec<f64>) {
        let number = |class: usize| u32::try_from(class).expect("classes have 32 bits");
        let mut likeliest = 0;
        for (class, score) in scores.iter().enumerate() {
            if scores[likeliest] < *score {
                likeliest = class;
            }
        }
        let is_prediction = !scores.iter().any(|score| score.is_nan());
        let held_for = is_prediction.then_some(number(likeliest));
        let is_right = self.judge_class(number(class), held_for);
        wide.clear();
        wide.extend(scores.iter().map(|score| f64::from(*score)));
        if let [zero, one] = wide[..] {
            self.scored.push((one - zero, class == 1));
        }
        self.log_loss += softmax(class, wide);
        // The derivative of the loss is the probability, less 1 for the row's own class.
        let confidence = wide[likeliest] + if likeliest == class { 1.0 } else { 0.0 };
        self.calibration.judge(confidence, is_right);
    }

    fn add(&mut self, block: Self) {
        self.loss += block.loss;
        self.log_loss += block.log_loss;
        self.right += block.right;
        self.errors.add(block.errors);
        self.calibration.add(&block.calibration);
        self.scored.extend(block.scored);
        self.judged.extend(block.judged);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of rows stay below 2^53")]
    fn finish(mut self, (rows, unit): (u64, f64), output: Output, task: Task) -> Evaluation {
        let mean = |sum: f64| sum / rows as f64;
        let is_class = task != Task::Real && output != Output::Value;
        let has_odds = is_class && output != Output::Margin;
        let is_value = output == Output::Value;
        let scores = Scores {
            loss: Some(mean(self.loss)),
            log_loss: has_odds.then(|| mean(self.log_loss)),
            accuracy: is_class.then(|| mean(self.right as f64)),
            auc: auc(&mut self.scored),
            f1: is_class.then(|| f1::f1(&self.judged, task.classes())),
            calibration_error: has_odds.then(|| self.calibration.error()),
            rmse: is_value.then(|| unit * self.errors.rmse()),
            mae: is_value.then(|| unit * self.errors.mae()),
            r2: is_value.then(|| self.errors.r2()),
        };
        Evaluation { rows, scores }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rayon::{ThreadPool, ThreadPoolBuilder};

    use super::{Scores, evaluate};
    use crate::{
        data::{
            Dataset, InMemory, Rows, Task, Weighted,
            steady::{Steady, SteadyKeys},
        },
        model::{Shape, build},
    };

    fn pool(threads: usize) -> ThreadPool {
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    }

    fn evaluated(model: &str, rows: &[(f32, &[f32])], task: Task, x: &[f32]) -> Scores {
        let mut batch = Rows::new();
        for (number, (label, values)) in (0..).zip(rows) {
            batch.push(number, *label, &[0, 1][..values.len()], values);
        }
        let data = InMemory::from_rows(&batch, 2, task);
        let model = build(model, &"bias = false".parse().unwrap(), &Shape::of(&data)).unwrap();
        let evaluation = evaluate(&*model, &data, u64::MAX, x, &pool(1)).unwrap();
        assert_eq!(evaluation.rows, data.rows());
        evaluation.scores
    }

    fn near(found: Option<f64>, expected: f64) {
        assert!(
            found.is_some_and(|found| (found - expected).abs() < 1e-6),
            "{found:?}, {expected}"
        );
    }

    #[test]
    fn two_classes_have_log_loss_accuracy_and_auc() {
        let rows: &[(f32, &[f32])] = &[(1.0, &[2.0]), (-1.0, &[1.0]), (-1.0, &[-1.0]), (-1.0, &[])];
        let found = evaluated("logistic_regression", rows, Task::Binary, &[1.0, 0.0]);
        let loss = |z: f64| (1.0 + (-z).exp()).ln();
        let expected = (loss(2.0) + loss(-1.0) + loss(1.0) + loss(0.0)) / 4.0;
        near(found.loss, expected);
        near(found.log_loss, expected);
        near(found.accuracy, 0.75);
        near(found.auc, 1.0);
        assert_eq!((found.rmse, found.mae, found.r2), (None, None, None));
    }

    #[test]
    fn margins_have_accuracy_auc_and_f1_and_no_log_loss() {
        let rows: &[(f32, &[f32])] = &[
            (1.0, &[2.0]),
            (-1.0, &[0.5]),
            (-1.0, &[-3.0]),
            (1.0, &[-1.0]),
        ];
        let found = evaluated("linear_svm", rows, Task::Binary, &[1.0, 0.0]);
        near(found.loss, (0.0 + 1.5 + 0.0 + 2.0) / 4.0);
        near(found.accuracy, 0.5);
        near(found.auc, 0.75);
        near(found.f1, 0.5);
        assert_eq!((found.log_loss, found.calibration_error), (None, None));
    }

    /// By numpy, with `conf` the probability of the likelier class and
    /// `bins = np.minimum((conf * 15).astype(int), 14)`:
    /// `sum(abs((right - conf)[bins == b].sum()) for b in range(15)) / 5`.
    #[test]
    fn calibration_is_that_of_its_definition() {
        let rows: &[(f32, &[f32])] = &[
            (1.0, &[2.0]),
            (-1.0, &[1.9]),
            (-1.0, &[-0.1]),
            (-1.0, &[0.2]),
            (1.0, &[9.0]),
        ];
        let found = evaluated("logistic_regression", rows, Task::Binary, &[1.0, 0.0]);
        near(found.calibration_error, 0.355_133_361_604_881_8);
        let wide = [0.0, 1.0, 0.0, 0.0];
        let two = evaluated("softmax_regression", rows, Task::Binary, &wide);
        near(two.calibration_error, found.calibration_error.unwrap());
        near(two.f1, found.f1.unwrap());
    }

    #[test]
    fn weights_count_in_the_loss_and_in_no_other_score() {
        let mut batch = Rows::new();
        batch.push(0, 1.0, &[0], &[2.0]);
        batch.push(1, -1.0, &[0], &[1.0]);
        let data: Arc<dyn Dataset> = Arc::new(InMemory::from_rows(&batch, 2, Task::Binary));
        let model = build(
            "logistic_regression",
            &"bias = false".parse().unwrap(),
            &Shape::of(&*data),
        )
        .unwrap();
        let judged = |data: &dyn Dataset| {
            let evaluation = evaluate(&*model, data, u64::MAX, &[1.0, 0.0], &pool(1));
            evaluation.unwrap().scores
        };
        let plain = judged(&*data);
        let weighted = judged(&Weighted::new(data, Arc::new([3.0, 0.5])));
        let loss = |z: f64| (1.0 + (-z).exp()).ln();
        near(weighted.loss, (0.5 * loss(2.0) + 3.0 * loss(-1.0)) / 2.0);
        let without_loss = |scores| Scores {
            loss: None,
            ..scores
        };
        assert_eq!(without_loss(weighted), without_loss(plain));
    }

    #[test]
    fn classes_have_log_loss_and_accuracy() {
        let rows: &[(f32, &[f32])] = &[(0.0, &[1.0]), (1.0, &[1.0]), (2.0, &[0.0, 1.0])];
        let x = [2.0, 1.0, 0.0, 0.0, 0.0, 3.0];
        let found = evaluated("softmax_regression", rows, Task::Classes(3), &x);
        let sum = |scores: [f64; 3]| scores.iter().map(|score| score.exp()).sum::<f64>().ln();
        let expected = (2.0 * sum([2.0, 1.0, 0.0]) - 3.0 + sum([0.0, 0.0, 3.0]) - 3.0) / 3.0;
        near(found.log_loss, expected);
        near(found.accuracy, 2.0 / 3.0);
        assert_eq!((found.auc, found.rmse), (None, None));
    }

    #[test]
    fn softmax_over_two_classes_is_judged_as_logistic_regression_is() {
        let rows: &[(f32, &[f32])] = &[
            (1.0, &[2.0]),
            (-1.0, &[1.0]),
            (1.0, &[0.5, 1.0]),
            (-1.0, &[]),
        ];
        let one = evaluated("logistic_regression", rows, Task::Binary, &[0.5, -1.0]);
        let two = evaluated(
            "softmax_regression",
            rows,
            Task::Binary,
            &[0.25, 0.75, 1.0, 0.0],
        );
        near(two.log_loss, one.loss.unwrap());
        assert_eq!((two.accuracy, two.auc), (one.accuracy, one.auc));
    }

    #[test]
    fn a_prediction_that_is_no_number_is_wrong_in_every_class() {
        let x = [f32::NAN, 1.0];
        let rows: &[(f32, &[f32])] = &[(1.0, &[1.0]), (-1.0, &[1.0]), (1.0, &[0.0, 1.0])];
        let found = evaluated("logistic_regression", rows, Task::Binary, &x);
        near(found.accuracy, 0.0);
        assert!(found.auc.unwrap().is_nan() && found.log_loss.unwrap().is_nan());
        let x = [f32::NAN, 0.0, 0.0, 0.0, 1.0, 0.0];
        let rows: &[(f32, &[f32])] = &[(0.0, &[1.0]), (1.0, &[0.0, 1.0])];
        let found = evaluated("softmax_regression", rows, Task::Classes(3), &x);
        near(found.accuracy, 0.0);
        assert!(found.loss.unwrap().is_nan());
    }

    #[test]
    fn infinite_logits_are_sure_and_not_diverged() {
        let rows: &[(f32, &[f32])] = &[(1.0, &[1.0]), (-1.0, &[-1.0])];
        let found = evaluated(
            "logistic_regression",
            rows,
            Task::Binary,
            &[f32::INFINITY, 0.0],
        );
        near(found.accuracy, 1.0);
        near(found.auc, 1.0);
    }

    #[test]
    fn real_labels_have_rmse() {
        let rows: &[(f32, &[f32])] = &[(1.0, &[1.0]), (5.0, &[1.0])];
        let found = evaluated("linear_regression", rows, Task::Real, &[2.0, 0.0]);
        near(found.loss, 2.5);
        near(found.rmse, 5_f64.sqrt());
        near(found.mae, 2.0);
        near(found.r2, -0.25);
        assert_eq!(
            (found.log_loss, found.accuracy, found.auc),
            (None, None, None)
        );
    }

    #[test]
    fn one_and_several_threads_give_the_same_bits() {
        let keys = SteadyKeys {
            test_rows: 5_000,
            features: 500,
            ..SteadyKeys::default()
        };
        let data = Steady::test(&keys);
        let model = build(
            "logistic_regression",
            &toml::Table::new(),
            &Shape::of(&data),
        )
        .unwrap();
        let x: Vec<f32> = (0..501_u16)
            .map(|element| (f32::from(element) * 0.7).sin())
            .collect();
        let one = evaluate(&*model, &data, u64::MAX, &x, &pool(1)).unwrap();
        let three = evaluate(&*model, &data, u64::MAX, &x, &pool(3)).unwrap();
        assert_eq!(one, three);
        assert_eq!(one.rows, data.rows());
        assert_eq!(
            evaluate(&*model, &data, 700, &x, &pool(2)).unwrap().rows,
            700
        );
    }
}
