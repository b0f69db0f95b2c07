//! What a run is told, and how it can end.

use std::path::PathBuf;
use std::time::Duration;

use thalweg_common::config::JobConfig;
use thalweg_common::physics::{Conditions, Share};

use crate::launch::MetricsPlace;

/// What a run is told beside its job.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// The job.
    pub config: JobConfig,
    /// Servers that run already; empty starts a local cluster.
    pub join: Vec<String>,
    /// How long these are waited for if they are not up yet.
    pub patience: Duration,
    /// Whether workers take the training rows from server 0 instead of reading the data.
    pub data_from_server: bool,
    /// What the links take, which machines are slow, and what happens to processes.
    pub conditions: Conditions,
    /// The share of the acknowledgements of pushes that workers throw away.
    pub drop_acks: Share,
    /// Where the run folder goes; `None` below `runs`.
    pub out: Option<PathBuf>,
    /// Where the report is to be copied.
    pub report: Option<PathBuf>,
    /// Where the timings of the run are to be recorded.
    pub record: Option<PathBuf>,
    /// Where the servers that are started tell their metrics, if anywhere.
    pub metrics: Option<MetricsPlace>,
    /// Whether to show no progress.
    pub quiet: bool,
    /// Whether to print the report as JSON instead of the summary.
    pub json: bool,
    /// Whether the end of standard input ends the run, as Ctrl-C does: whoever started it holds the other end.
    pub exit_with_parent: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All examples are committed, or a rule said that it is enough.
    Done,
    /// All examples are committed, and the model they made is worth nothing.
    Diverged,
    /// The job ended early.
    Failed,
    /// The user stopped it.
    Interrupted,
}
