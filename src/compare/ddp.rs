//! Rows of torch beside ours: `DistributedDataParallel` over gloo, and local SGD by the same all-reduce, on the
//! same rows from the same start, where a Python has torch.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use thalweg_common::config::JobConfig;
use thalweg_common::permutation::Permutation;
use thalweg_common::physics::{Conditions, Straggler, Who};
use thalweg_worker::data::{Dataset, Rows};

use super::contest::Arena;
use super::result::{Point, Run};
use crate::job::{ResolvedJob, plain_optimizer};

/// What the processes run.
const SCRIPT: &str = include_str!("ddp.py");

/// Rows that are read at once.
const CHUNK: u64 = 4_096;

/// The most rows that are written for torch, which holds them in every process.
const ROWS_MAX: u64 = 2_000_000;

/// The most visits of rows in a job, whose order each process holds.
const VISITS_MAX: u64 = 50_000_000;

/// How torch trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A step of all processes by the mean of their gradients.
    Ddp,
    /// Steps of each process by itself, and then the mean of their parameters.
    LocalSgd,
}

/// What a run of the script is told.
#[derive(Debug, Serialize)]
struct Spec<'a> {
    mode: &'a str,
    processes: u32,
    batch: u64,
    every: u64,
    period: u64,
    lr: f64,
    l2: f64,
    optimizer: &'a str,
    options: &'a toml::Table,
    activation: &'a str,
    classes: u32,
    tensors: Vec<TensorSpec<'a>>,
    /// Seconds.
    compute: f64,
    /// Seconds, one way.
    latency: f64,
    /// By the number of a process.
    slow: std::collections::BTreeMap<String, f64>,
}

#[derive(Debug, Serialize)]
struct TensorSpec<'a> {
    name: &'a str,
    shape: &'a [u64],
}

/// What it answers.
#[derive(Debug, Deserialize)]
struct Answer {
    curve: Vec<AnswerPoint>,
}

#[derive(Debug, Deserialize)]
struct AnswerPoint {
    seconds: f64,
    epoch: f64,
    bytes: u64,
    loss: f64,
}

impl Peer {
    pub(super) const ALL: [Self; 2] = [Self::Ddp, Self::LocalSgd];

    /// Its name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ddp => "torch DDP, gloo",
            Self::LocalSgd => "torch local SGD, gloo",
        }
    }

    /// The method of ours that does the same, whose rate it takes.
    pub(super) fn counterpart(self) -> &'static str {
        match self {
            Self::Ddp => "synchronous",
            Self::LocalSgd => "local_sgd",
        }
    }

    /// Trains a job of the counterpart in an arena.
    pub(super) fn train(self, python: &str, job: &ResolvedJob, arena: &Arena) -> Result<Run> {
        let folder = tempfile::tempdir().context("no folder for torch's rows")?;
        write(job, folder.path())?;
        let spec = serde_json::to_vec(&self.spec(job, arena))?;
        fs::write(folder.path().join("spec.json"), spec).context("the specification for torch")?;
        let script = folder.path().join("ddp.py");
        fs::write(&script, SCRIPT).context("the script for torch")?;
        let output = Command::new(python)
            .arg(&script)
            .arg(folder.path())
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("`{python}` cannot be started"))?;
        let lr = job.blueprint.config.optimizer.lr;
        let Ok(answer) = serde_json::from_slice::<Answer>(&output.stdout) else {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.lines().last().unwrap_or("it said nothing");
            return Ok(Run::failed(lr, format!("torch: {last}")));
        };
        Ok(run_of(answer, lr))
    }

    fn spec<'a>(self, job: &'a ResolvedJob, arena: &Arena) -> Spec<'a> {
        let blueprint = &job.blueprint;
        let config = &blueprint.config;
        let conditions = &arena.physics.conditions;
        let slow = conditions.stragglers.iter().filter_map(|slow| match slow {
            Straggler::Always {
                who: Who::Worker(worker),
                factor,
            } => Some((worker.to_string(), *factor)),
            _ => None,
        });
        Spec {
            mode: match self {
                Self::Ddp => "ddp",
                Self::LocalSgd => "local_sgd",
            },
            processes: arena.workers,
            batch: config.train.batch_size.rows(),
            every: blueprint.examples_between_evaluations(),
            period: config.method.communication_period,
            lr: config.optimizer.lr,
            l2: config.regularizer.l2,
            optimizer: &config.optimizer.name,
            options: &config.optimizer.options,
            activation: activation(config),
            classes: job.data.train.task().classes(),
            tensors: blueprint
                .model
                .layout()
                .spans()
                .map(|(_, tensor)| TensorSpec {
                    name: &tensor.name,
                    shape: &tensor.shape,
                })
                .collect(),
            compute: config.train.compute.0.as_secs_f64(),
            latency: conditions.link.latency.mean().as_secs_f64(),
            slow: slow.collect(),
        }
    }
}

/// Whether a Python has torch.
///
/// # Errors
/// One line: why not.
pub(super) fn find_torch(python: &str) -> Result<(), String> {
    let asked = Command::new(python)
        .args([
            "-c",
            "import torch.distributed as d; assert d.is_gloo_available()",
        ])
        .stdin(Stdio::null())
        .output();
    match asked {
        Err(error) => Err(format!("`{python}` cannot be started ({error})")),
        Ok(output) if !output.status.success() => Err(format!("`{python}` has no torch with gloo")),
        Ok(_) => Ok(()),
    }
}

/// Whether torch can train the same: the reason if not.
pub(super) fn refusal(job: &ResolvedJob, conditions: &Conditions) -> Option<String> {
    let config = &job.blueprint.config;
    let model = config.model.name.as_str();
    if !matches!(model, "logistic_regression" | "softmax_regression" | "mlp") {
        return Some(format!("its script has no model \"{model}\""));
    }
    if !matches!(activation(config), "relu" | "tanh") {
        return Some(format!(
            "its script has no activation \"{}\"",
            activation(config)
        ));
    }
    let rule = config.optimizer.name.as_str();
    if !matches!(rule, "sgd" | "momentum" | "adagrad" | "adam") {
        return Some(format!("its script has no optimizer \"{rule}\""));
    }
    if config.schedule.name != "constant" || !config.schedules.is_empty() {
        return Some("its script has no learning rate that moves".to_owned());
    }
    if config
        .regularizer
        .chosen()
        .iter()
        .any(|term| term.name != "l2" || term.tensors.is_some())
    {
        return Some("its script has no regularizer but l2".to_owned());
    }
    let data = &job.data;
    let Some(test) = &data.test else {
        return Some("there are no test rows to judge it by".to_owned());
    };
    if data.train.task().classes() == 0 {
        return Some("its script has no real labels".to_owned());
    }
    if ROWS_MAX < data.train.rows() + test.rows() || VISITS_MAX < job.blueprint.examples_total() {
        return Some(format!(
            "every process would hold more than {ROWS_MAX} rows, or the order of more than {VISITS_MAX} visits"
        ));
    }
    let link = &conditions.link;
    let has_more = !link.jitter.is_zero() || link.bandwidth.is_some() || 0.0 < link.loss.get();
    let has_faults = !conditions.kills.is_empty() || !conditions.joins.is_empty();
    let is_always = |slow: &Straggler| {
        matches!(
            slow,
            Straggler::Always {
                who: Who::Worker(_),
                ..
            }
        )
    };
    (has_more || has_faults || !conditions.stragglers.iter().all(is_always)).then(|| {
        "gloo can be given a latency and workers that are always slow, and no other condition"
            .to_owned()
    })
}

/// The activation of a perceptron; of a model of one layer any will do.
fn activation(config: &JobConfig) -> &str {
    let named = config.model.options.get("activation");
    named.and_then(toml::Value::as_str).unwrap_or("relu")
}

fn run_of(answer: Answer, lr: f64) -> Run {
    let curve: Vec<Point> = answer
        .curve
        .into_iter()
        .map(
            |AnswerPoint {
                 seconds,
                 epoch,
                 bytes,
                 loss,
             }| Point {
                seconds,
                epoch,
                bytes,
                loss,
            },
        )
        .collect();
    let Some(last) = curve.last().copied() else {
        return Run::failed(lr, "torch judged nothing".to_owned());
    };
    let is_finite = last.loss.is_finite();
    Run {
        loss: is_finite.then_some(last.loss),
        seconds: last.seconds,
        bytes: last.bytes,
        curve,
        failed: (!is_finite).then(|| "diverged".to_owned()),
        ..Run::failed(lr, String::new())
    }
}

/// Writes rows and start as the script reads them.
fn write(job: &ResolvedJob, folder: &Path) -> Result<()> {
    write_rows(job.data.train.as_ref(), folder, "train")?;
    let test = job.data.test.as_ref().context("there are test rows")?;
    write_rows(test.as_ref(), folder, "test")?;
    let (mut store, _) = plain_optimizer(&job.blueprint)?;
    let rows = job.data.train.rows();
    let (mut order, mut left) = (Vec::new(), job.blueprint.examples_total());
    for epoch in 0.. {
        let taken = left.min(rows);
        let of_epoch = Permutation::new(job.blueprint.config.seed, epoch, rows);
        for position in 0..taken {
            let row =
                i32::try_from(of_epoch.row(position)).context("rows have numbers of 32 bits")?;
            order.extend(row.to_le_bytes());
        }
        left -= taken;
        if left == 0 {
            break;
        }
    }
    fs::write(folder.join("order"), order).context("the order of rows for torch")?;
    let start = store.columns()[0].iter().flat_map(|x| x.to_le_bytes());
    fs::write(folder.join("start"), start.collect::<Vec<u8>>()).context("the start for torch")
}

fn write_rows(data: &dyn Dataset, folder: &Path, name: &str) -> Result<()> {
    let mut rows = Rows::new();
    let (mut ends, mut end) = (0_i64.to_le_bytes().to_vec(), 0_i64);
    let (mut features, mut values, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    while first < data.rows() {
        let last = (first + CHUNK).min(data.rows());
        data.fill(&(first..last).collect::<Vec<_>>(), &mut rows);
        if rows.weights().is_some() {
            bail!("torch's script knows no weights of rows");
        }
        for row in 0..rows.len() {
            end += i64::try_from(rows.row(row).0.len()).context("a row fits")?;
            ends.extend(end.to_le_bytes());
        }
        features.extend(
            rows.features()
                .iter()
                .flat_map(|feature| feature.to_le_bytes()),
        );
        values.extend(rows.values().iter().flat_map(|value| value.to_le_bytes()));
        labels.extend(rows.labels().iter().flat_map(|label| label.to_le_bytes()));
        first = last;
    }
    for (part, bytes) in [
        ("ends", ends),
        ("features", features),
        ("values", values),
        ("labels", labels),
    ] {
        fs::write(folder.join(format!("{name}.{part}")), bytes).context("rows for torch")?;
    }
    Ok(())
}
