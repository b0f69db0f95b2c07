//! Keeps a shard's optimizer at the hyper-parameters of its progress.
//!
//! A job without schedules on them has none, and costs a shard one look at an empty option.

use std::sync::Arc;

use thalweg_common::optimizer::Store;
use thalweg_common::schedule::Lengths;
use thalweg_common::tuning::{Tuning, same};

/// The hyper-parameters that move, and the values that the store has now.
#[derive(Clone, Debug, Default)]
pub struct Tuner {
    moving: Option<Moving>,
}

#[derive(Clone, Debug)]
struct Moving {
    tuning: Arc<Tuning>,
    lengths: Lengths,
    now: Vec<f64>,
}

impl Tuner {
    /// Follows `tuning` through a job that is so long.
    #[must_use]
    pub fn new(tuning: Tuning, lengths: Lengths) -> Self {
        let moving = (!tuning.is_empty()).then(|| Moving {
            tuning: Arc::new(tuning),
            lengths,
            now: Vec::new(),
        });
        Self { moving }
    }

    /// Gives `store` the values after `progress` committed examples, if they are others than before.
    pub(super) fn follow(&mut self, progress: u64, store: &mut dyn Store<f32>) {
        let Some(moving) = &mut self.moving else {
            return;
        };
        let values: Vec<f64> = moving.tuning.values(progress, &moving.lengths).collect();
        if same(&moving.now, &values) {
            return;
        }
        // The job was judged before it began, if a long one not at every step. Should that have missed
        // a value that is not permitted, the last one that was stays.
        if let Ok(rule) = moving.tuning.rule(&values) {
            store.retune(rule).ok();
        }
        moving.now = values;
    }
}
