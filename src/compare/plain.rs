//! One thread without any network: the honest first row. How many workers does it take until they beat it?
//!
//! Source: McSherry, Isard, Murray, *Scalability! But at what COST?*, HotOS 2015.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use thalweg_common::optimizer::{GradientView, Reader, StepContext};
use thalweg_common::permutation::Permutation;
use thalweg_worker::data::Rows;
use thalweg_worker::model::{Coverage, Located};

use super::result::{Point, Run};
use crate::job::{ResolvedJob, plain_optimizer};
use crate::report::EvaluationPoint;
use crate::train::Judge;

/// Trains a job in a loop over its batches: gradient, step. In virtual time every batch takes `compute`.
pub(super) fn train_plain(job: &ResolvedJob, compute: Option<Duration>) -> Result<Run> {
    let blueprint = &job.blueprint;
    let (model, data) = (&blueprint.model, &job.data.train);
    let config = &blueprint.config;
    let (mut store, rate) = plain_optimizer(blueprint)?;
    let elements =
        usize::try_from(blueprint.map.elements()).context("the model fits the memory")?;
    let coverage = Coverage::Whole(blueprint.map.elements());
    let (mut rows, mut located) = (Rows::new(), Located::default());
    let (mut x, mut gradient) = (Vec::new(), vec![0.0_f32; elements]);
    let mut bytes = Vec::new();
    let batch = config.train.batch_size.rows();
    let (total, step) = (
        blueprint.examples_total(),
        blueprint.examples_between_evaluations(),
    );
    let mut judge = Judge::new(job.clone())?;
    let mut curve = Vec::new();
    let (mut done, mut spent, mut next, mut count) = (0, Duration::ZERO, 0, 0);
    while done < total {
        if step != 0 && next <= done {
            next = (done / step + 1) * step;
            curve.push(point(job, &mut judge, (done, spent), store.columns()[0])?);
        }
        let begun = now();
        let (epoch, position) = (done / data.rows(), done % data.rows());
        let order = Permutation::new(config.seed, epoch, data.rows());
        let end = (position + batch)
            .min(data.rows())
            .min(position + total - done);
        let numbers: Vec<u64> = (position..end)
            .map(|position| order.row(position))
            .collect();
        data.fill(&numbers, &mut rows);
        model.locate(&rows, &coverage, &mut located)?;
        bytes.clear();
        let whole = store.read_range(Reader::Worker, 0..elements, &mut bytes);
        whole.context("the range is all of it")?;
        x.clear();
        x.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|value| f32::from_le_bytes(*value)),
        );
        gradient.fill(0.0);
        model.gradient(&rows, &located, &x, &mut gradient);
        let context = StepContext {
            lr: rate(done),
            share: 1.0,
            count: count + 1,
            progress: done,
            staleness: 0,
            worker: 0,
        };
        bytes.clear();
        bytes.extend(gradient.iter().flat_map(|g| g.to_le_bytes()));
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        store
            .step(&context, view, 1.0)
            .context("the gradient fits")?;
        count += 1;
        done += end - position;
        spent += compute.unwrap_or_else(|| now() - begun) + config.train.compute.0;
    }
    let last = point(job, &mut judge, (done, spent), store.columns()[0])?;
    curve.push(last);
    let scores = judge.last(store.columns()[0])?;
    let loss = scores.test.and_then(|test| test.loss);
    let loss = loss.or(scores.train.and_then(|train| train.scores.loss));
    Ok(Run {
        lr: config.optimizer.lr,
        loss: loss.filter(|loss| loss.is_finite()),
        scores: scores.test,
        seconds: spent.as_secs_f64(),
        curve,
        failed: None,
        ..Run::failed(0.0, String::new())
    })
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
