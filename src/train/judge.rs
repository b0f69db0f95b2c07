//! The judge: scores of parameters on test and training data, on its own threads, its time apart
//! from training.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rayon::ThreadPool;
use thalweg_worker::data::Dataset;
use thalweg_worker::evaluate::{evaluate, gradient_norm};

use crate::job::ResolvedJob;
use crate::report::{EvaluationPoint, Final, Scores, TrainScores};

/// Scores parameters of one job.
#[derive(Debug)]
pub(crate) struct Judge {
    job: ResolvedJob,
    pool: ThreadPool,
    spent: Duration,
}

impl Judge {
    /// A judge with a thread per core of its own.
    pub(crate) fn new(job: ResolvedJob) -> Result<Self> {
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
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }

    /// Scores on the test data, if the job has some.
    pub(crate) fn test(&mut self, parameters: &[f32]) -> Result<Option<Scores>> {
        let Some(test) = self.job.data.test.clone() else {
            return Ok(None);
        };
        self.scores(test.as_ref(), u64::MAX, parameters).map(Some)
    }

    /// The point with everything that the job wants to know of parameters during the run.
    pub(crate) fn point(
        &mut self,
        point: EvaluationPoint,
        parameters: &[f32],
    ) -> Result<EvaluationPoint> {
        let rules = &self.job.blueprint.config.stop;
        let (tolerance, norm) = (rules.tolerance.is_some(), rules.gradient_norm.is_some());
        let test = self.test(parameters)?;
        let objective = match tolerance {
            true => self.train(parameters)?.objective,
            false => None,
        };
        let gradient_norm = match norm {
            true => Some(self.gradient_norm(parameters)?),
            false => None,
        };
        Ok(EvaluationPoint {
            test,
            objective,
            gradient_norm,
            ..point
        })
    }

    /// The final scores: on all test data, and on the training data as far as the job says.
    pub(crate) fn last(&mut self, parameters: &[f32]) -> Result<Final> {
        let test = self.test(parameters)?;
        let train = Some(self.train(parameters)?);
        Ok(Final { train, test })
    }

    /// Scores on the training data as far as the job says.
    fn train(&mut self, parameters: &[f32]) -> Result<TrainScores> {
        let train = self.job.data.train.clone();
        let scores = self.scores(train.as_ref(), self.train_rows(), parameters)?;
        let blueprint = &self.job.blueprint;
        let layout = blueprint.model.layout();
        let penalty = blueprint.regularization.value(layout, parameters);
        let objective = scores.loss.map(|loss| loss + penalty);
        Ok(TrainScores { scores, objective })
    }

    fn train_rows(&self) -> u64 {
        match self.job.blueprint.config.evaluate.train_rows {
            0 => u64::MAX,
            rows => rows,
        }
    }

    fn gradient_norm(&mut self, parameters: &[f32]) -> Result<f64> {
        let begun = now();
        let train = self.job.data.train.as_ref();
        let model = self.job.blueprint.model.as_ref();
        let norm = gradient_norm(model, train, self.train_rows(), parameters)?;
        self.spent += now() - begun;
        Ok(norm)
    }

    /// Refuses a metric of `[stop]` that this model does not have on these data, before anything
    /// starts.
    pub(crate) fn check_metric(&mut self) -> Result<()> {
        let metric = &self.job.blueprint.config.stop.metric;
        let Some(test) = self.job.data.test.clone().filter(|_| metric != "loss") else {
            return Ok(());
        };
        let elements = self.job.blueprint.model.layout().elements();
        let nothing = vec![0.0; usize::try_from(elements).context("parameters fit the memory")?];
        let scores = self.scores(test.as_ref(), u64::MAX, &nothing)?;
        let metric = &self.job.blueprint.config.stop.metric;
        if scores.of(metric).is_none() {
            let known: Vec<_> = scores.named().map(|(name, _)| name).collect();
            bail!(
                "[stop] metric = \"{metric}\": this model has no such score on these data; it has: {}",
                known.join(", ")
            );
        }
        Ok(())
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
