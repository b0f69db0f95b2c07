//! How a job is run: honestly, or with one of three planted cheats. The cheats act through the
//! public traits `Dataset` and `Model`; no production code knows of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thalweg_common::layout::ParameterLayout;
use thalweg_worker::data::{Dataset, Ideal, Loaded, Rows, Task};
use thalweg_worker::model::{Coverage, Located, Model, ModelError, Output};

use crate::bench::{Bench, run};

/// Workers of the table's distributed runs, and shares of a cheat.
const WORKERS: u64 = 4;

/// A way to get final parameters from a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// As the job says.
    Honest,
    /// One worker trains alone on its quarter of the rows, for as many examples as the whole job.
    AloneOnAQuarter,
    /// Four workers train on a quarter each, never pull each other's work, and are averaged.
    AveragedAtTheEnd,
    /// Every second push is acknowledged and counted, but has no effect.
    EverySecondPushDropped,
}

impl Run {
    /// The cheats.
    pub(crate) const CHEATS: [Self; 3] = [
        Self::AloneOnAQuarter,
        Self::AveragedAtTheEnd,
        Self::EverySecondPushDropped,
    ];

    /// The final parameters of the job with these changes.
    pub(crate) fn train(self, bench: &Bench, sets: &[&str], latency: Duration) -> Vec<f32> {
        match self {
            Self::Honest => run(&bench.job(sets), latency).parameters,
            Self::AloneOnAQuarter => on_a_quarter(bench, sets, latency, 0, Length::Repeated),
            Self::AveragedAtTheEnd => {
                let quarters: Vec<_> = (0..WORKERS)
                    .map(|share| on_a_quarter(bench, sets, latency, share, Length::Once))
                    .collect();
                mean(&quarters)
            }
            Self::EverySecondPushDropped => every_second_push_dropped(bench, sets, latency),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Honest => "honest",
            Self::AloneOnAQuarter => "CHEAT one alone on its quarter",
            Self::AveragedAtTheEnd => "CHEAT four averaged at the end",
            Self::EverySecondPushDropped => "CHEAT every second push dropped",
        })
    }
}

fn on_a_quarter(
    bench: &Bench,
    sets: &[&str],
    latency: Duration,
    share: u64,
    length: Length,
) -> Vec<f32> {
    let whole = bench.data.train.clone();
    let data = Loaded {
        train: Arc::new(Quarter {
            whole,
            share,
            length,
        }),
        test: bench.data.test.clone(),
        notes: Vec::new(),
        encoding: None,
    };
    let job = bench.job_on(&[sets, &["cluster.workers=1"]].concat(), data);
    run(&job, latency).parameters
}

fn mean(runs: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0; runs[0].len()];
    for run in runs {
        for (sum, value) in sum.iter_mut().zip(run) {
            *sum += value * 0.25;
        }
    }
    sum
}

/// A dropped gradient leaves the regularizer's own step. With half the λ for twice the steps, the
/// regularizer does what it would if whole pushes were dropped: the hardest form to see.
fn every_second_push_dropped(bench: &Bench, sets: &[&str], latency: Duration) -> Vec<f32> {
    let half = format!(
        "regularizer.l2={:?}",
        bench.config(sets).regularizer.l2 / 2.0
    );
    let mut job = bench.job(&[sets, &[half.as_str()]].concat());
    job.blueprint.model = Arc::new(Dropping {
        model: job.blueprint.model.clone(),
        gradients: AtomicU64::new(0),
    });
    let history = run(&job, latency);
    let counted = history.statuses[0].progress;
    assert_eq!(
        counted,
        job.blueprint.examples_total(),
        "what is dropped is counted all the same"
    );
    history.parameters
}

/// How many rows a quarter claims to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// Its own.
    Once,
    /// Those of the whole: each of its rows stands for four.
    Repeated,
}

/// Every fourth row of a data set.
#[derive(Debug)]
struct Quarter {
    whole: Arc<dyn Dataset>,
    share: u64,
    length: Length,
}

impl Dataset for Quarter {
    fn rows(&self) -> u64 {
        match self.length {
            Length::Once => self.whole.rows() / WORKERS,
            Length::Repeated => self.whole.rows(),
        }
    }

    fn features(&self) -> u64 {
        self.whole.features()
    }

    fn task(&self) -> Task {
        self.whole.task()
    }

    fn fill(&self, rows: &[u64], out: &mut Rows) {
        let own = self.whole.rows() / WORKERS;
        let rows: Vec<u64> = rows
            .iter()
            .map(|row| row % own * WORKERS + self.share)
            .collect();
        self.whole.fill(&rows, out);
    }

    fn content_hash(&self) -> u64 {
        self.whole.content_hash()
    }

    fn memory_bytes(&self) -> u64 {
        self.whole.memory_bytes()
    }

    fn ideal(&self) -> Option<Ideal> {
        None
    }
}

/// A model whose every second gradient is zero.
#[derive(Debug)]
struct Dropping {
    model: Arc<dyn Model>,
    gradients: AtomicU64,
}

impl Model for Dropping {
    fn layout(&self) -> &ParameterLayout {
        self.model.layout()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.model.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.model.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let number = self.gradients.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(2) {
            return self.model.gradient(rows, located, x, gradient);
        }
        let mut dropped = vec![0.0; gradient.len()];
        self.model.gradient(rows, located, x, &mut dropped)
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        self.model.scores(rows, located, x, out);
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.model.loss(label, scores)
    }
}
