//! The judge: scores of parameters on test and training data, on its own threads, its time apart
//! from training.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::ThreadPool;
use thalweg_worker::data::Dataset;
use thalweg_worker::evaluate::evaluate;

use crate::job::ResolvedJob;
use crate::report::{Final, Scores, TrainScores};

/// Scores parameters of one job.
#[derive(Debug)]
pub(super) struct Judge {
    job: ResolvedJob,
    pool: ThreadPool,
    spent: Duration,
}

impl Judge {
    /// A judge with a thread per core of its own.
    pub(super) fn new(job: ResolvedJob) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|i| format!("evaluate-{i}"))
            .build()
            .context("cannot start threads for evaluation")?;
        Ok(Self {
            job,
            pool,
            spent: Duration::ZERO,
        })
    }

    /// Time spent judging.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// Scores on the test data, if the job has some.
    pub(super) fn test(&mut self, parameters: &[f32]) -> Result<Option<Scores>> {
        let Some(test) = self.job.data.test.clone() else {
            return Ok(None);
        };
        self.scores(test.as_ref(), u64::MAX, parameters).map(Some)
    }

    /// The final scores: on all test data, and on the training data as far as the job says.
    pub(super) fn last(&mut self, parameters: &[f32]) -> Result<Final> {
        let test = self.test(parameters)?;
        let rows = match self.job.blueprint.config.evaluate.train_rows {
            0 => u64::MAX,
            rows => rows,
        };
        let train = self.job.data.train.clone();
        let scores = self.scores(train.as_ref(), rows, parameters)?;
        let blueprint = &self.job.blueprint;
        let layout = blueprint.model.layout();
        let penalty = blueprint.regularization.value(layout, parameters);
        let objective = scores.loss.map(|loss| loss + penalty);
        Ok(Final {
            train: Some(TrainScores { scores, objective }),
            test,
        })
    }

    fn scores(&mut self, data: &dyn Dataset, rows: u64, parameters: &[f32]) -> Result<Scores> {
        let begun = now();
        let model = self.job.blueprint.model.as_ref();
        let evaluation = evaluate(model, data, rows, parameters, &self.pool)?;
        self.spent += now() - begun;
        Ok(evaluation.scores)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "evaluation time is measured and reported apart"
)]
fn now() -> Instant {
    Instant::now()
}
