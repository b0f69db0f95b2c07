//! One thread without any network: the honest first row. How many workers does it take until they beat it?
//!
//! Source: F. `McSherry`, M. Isard, D. Murray, *Scalability! But at what cost?*, `HotOS` 2015.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use thalweg_common::optimizer::{GradientView, Reader, StepContext, Store};
use thalweg_common::permutation::Permutation;
use thalweg_server::shard::Rate;
use thalweg_worker::data::Rows;
use thalweg_worker::model::{Coverage, Located};

use super::result::{Point, Run};
use crate::job::{ResolvedJob, plain_optimizer};
use crate::report::EvaluationPoint;
use crate::train::Judge;

/// Trains a job in a loop over its batches: gradient, step. In virtual time every batch takes `compute`.
pub(super) fn train_plain(job: &ResolvedJob, compute: Option<Duration>) -> Result<Run> {
    let blueprint = &job.blueprint;
    let config = &blueprint.config;
    let mut plain = Loop::new(job)?;
    let mut judge = Judge::new(job.clone())?;
    let (total, every) = (
        blueprint.examples_total(),
        blueprint.examples_between_evaluations(),
    );
    let (mut curve, mut spent, mut next) = (Vec::new(), Duration::ZERO, 0);
    while plain.done < total {
        if every != 0 && next <= plain.done {
            next = (plain.done / every + 1) * every;
            curve.push(point(job, &mut judge, (plain.done, spent), plain.x())?);
        }
        let begun = now();
        plain.step(total)?;
        spent += compute.unwrap_or_else(|| now() - begun) + config.train.compute.0;
    }
    let done = (plain.done, spent);
    curve.push(point(job, &mut judge, done, plain.x())?);
    let scores = judge.last(plain.x())?;
    Ok(Run {
        lr: config.optimizer.lr,
        loss: scores.loss().filter(|loss| loss.is_finite()),
        scores: scores.test,
        seconds: spent.as_secs_f64(),
        curve,
        failed: None,
        ..Run::failed(0.0, String::new())
    })
}

/// A model, its optimizer, and buffers that are used again and again.
struct Loop<'a> {
    job: &'a ResolvedJob,
    store: Box<dyn Store<f32>>,
    rate: Rate,
    coverage: Coverage,
    rows: Rows,
    located: Located,
    x: Vec<f32>,
    gradient: Vec<f32>,
    bytes: Vec<u8>,
    /// Examples that were stepped on, in `count` steps.
    done: u64,
    count: u64,
}

impl<'a> Loop<'a> {
    fn new(job: &'a ResolvedJob) -> Result<Self> {
        let elements = job.blueprint.map.elements();
        let (store, rate) = plain_optimizer(&job.blueprint)?;
        let len = usize::try_from(elements).context("the model fits the memory")?;
        Ok(Self {
            job,
            store,
            rate,
            coverage: Coverage::Whole(elements),
            rows: Rows::new(),
            located: Located::default(),
            x: Vec::new(),
            gradient: vec![0.0; len],
            bytes: Vec::new(),
            done: 0,
            count: 0,
        })
    }

    /// The parameters.
    fn x(&mut self) -> &[f32] {
        self.store.columns()[0]
    }

    /// The next batch of the epoch, of at most what is left of the job.
    fn step(&mut self, total: u64) -> Result<()> {
        let blueprint = &self.job.blueprint;
        let (model, data) = (&blueprint.model, &self.job.data.train);
        let (epoch, position) = (self.done / data.rows(), self.done % data.rows());
        let order = Permutation::new(blueprint.config.seed, epoch, data.rows());
        let batch = blueprint.config.train.batch_size.rows();
        let end = (position + batch.min(total - self.done)).min(data.rows());
        let numbers: Vec<u64> = (position..end)
            .map(|position| order.row(position))
            .collect();
        data.fill(&numbers, &mut self.rows);
        model.locate(&self.rows, &self.coverage, &mut self.located)?;
        self.bytes.clear();
        let whole = 0..self.gradient.len();
        let read = self
            .store
            .read_range(Reader::Worker, whole, &mut self.bytes);
        read.context("the range is all of it")?;
        self.x.clear();
        let values = self.bytes.as_chunks().0.iter();
        self.x
            .extend(values.map(|value| f32::from_le_bytes(*value)));
        self.gradient.fill(0.0);
        model.gradient(&self.rows, &self.located, &self.x, &mut self.gradient);
        let context = StepContext {
            lr: (self.rate)(self.done),
            share: 1.0,
            count: self.count + 1,
            progress: self.done,
            staleness: 0,
            worker: 0,
        };
        self.bytes.clear();
        self.bytes
            .extend(self.gradient.iter().flat_map(|g| g.to_le_bytes()));
        let view = GradientView::Dense {
            start: 0,
            segments: &[&self.bytes],
        };
        self.store
            .step(&context, view, 1.0)
            .context("the gradient fits")?;
        self.count += 1;
        self.done += end - position;
        Ok(())
    }
}

fn point(
    job: &ResolvedJob,
    judge: &mut Judge,
    (done, spent): (u64, Duration),
    x: &[f32],
) -> Result<Point> {
    let judged = judge.point(EvaluationPoint::default(), x)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
    let epoch = done as f64 / job.blueprint.resolved.rows as f64;
    Ok(Point {
        seconds: spent.as_secs_f64(),
        epoch,
        bytes: 0,
        loss: judged.test.and_then(|test| test.loss).unwrap_or(f64::NAN),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the loop is timed, and its time decides nothing"
)]
fn now() -> Instant {
    Instant::now()
}
