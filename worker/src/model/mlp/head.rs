//! What the last layer's numbers mean, and the loss of a row.

use std::cell::RefCell;

use crate::data::{Rows, Task};
use crate::model::{
    Output,
    linear::{mean_share, narrow},
    loss::{ScoreLoss, softmax},
};

thread_local! {
    /// The scores of one row. A model is shared by threads, and a batch must not allocate.
    static SCORES: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) task: Task,
}

impl Head {
    pub(super) fn output(self) -> Output {
        match self.task {
            Task::Binary => Output::Logit,
            Task::Real => Output::Value,
            Task::Classes(classes) => Output::Logits(classes),
        }
    }

    /// The loss of one row; turns `scores` into its derivative by each of them.
    pub(super) fn loss(self, label: f32, scores: &mut [f64]) -> f64 {
        let one = |loss: ScoreLoss, scores: &mut [f64]| {
            let at = loss.at(f64::from(label), scores[0]);
            scores[0] = at.slope;
            at.loss
        };
        match self.task {
            Task::Binary => one(ScoreLoss::Logistic, scores),
            Task::Real => one(ScoreLoss::Squared, scores),
            Task::Classes(_) => softmax(self.task.class(label), scores),
        }
    }

    /// The loss of one row with these scores.
    pub(super) fn of_scores(self, label: f32, scores: &[f32]) -> f64 {
        with_wide(scores, |scores| self.loss(label, scores))
    }

    /// The sum of the rows' weighted losses; replaces `slopes` by the derivatives of their mean by the
    /// scores.
    pub(super) fn slopes(self, rows: &Rows, scores: &[f32], slopes: &mut [f32]) -> f64 {
        let (width, share) = (self.output().scores_per_row(), mean_share(rows));
        let mut losses = 0.0;
        let pairs = scores.chunks(width).zip(slopes.chunks_mut(width));
        for (row, (scores, slopes)) in pairs.enumerate() {
            let weight = rows.weight(row);
            with_wide(scores, |scores| {
                losses += weight * self.loss(rows.labels()[row], scores);
                for (slope, own) in slopes.iter_mut().zip(scores) {
                    *slope = narrow(weight * *own * share);
                }
            });
        }
        losses
    }
}

fn with_wide<T>(scores: &[f32], then: impl FnOnce(&mut [f64]) -> T) -> T {
    SCORES.with_borrow_mut(|wide| {
        wide.clear();
        wide.extend(scores.iter().map(|score| f64::from(*score)));
        then(wide)
    })
}
