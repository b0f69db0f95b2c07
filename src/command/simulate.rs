//! `thalweg simulate`: a job in virtual time.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use thalweg_common::physics::{Distribution, Straggler};

use super::conditions::ConditionFlags;
use super::flags::JobFlags;
use super::options::JobOptions;
use super::{Ending, INTERRUPTED};
use crate::simulate::{Physics, Recording, SimulateOptions, sessions_for, simulate};
use crate::train::listen_beside;

/// Computing one batch, if nothing else is said.
pub(super) const COMPUTE: &str = "1ms";

/// Serving one request, if nothing else is said.
pub(super) const SERVE: &str = "20us";

/// Arguments of `thalweg simulate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    #[command(flatten)]
    flags: JobFlags,

    #[command(flatten)]
    conditions: ConditionFlags,

    /// Servers: the job's `cluster.servers`.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    servers: Option<u32>,

    /// Workers: the job's `cluster.workers`.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,

    /// What computing one batch takes, beside the job's `train.compute`: a delay, as --latency; 1ms if
    /// nothing is said.
    #[arg(long, value_name = "DELAY", allow_hyphen_values = true)]
    compute: Option<Distribution>,

    /// What serving one request of a worker takes: a delay, as --latency.
    #[arg(long, value_name = "DELAY", default_value = SERVE, allow_hyphen_values = true)]
    serve: Distribution,

    /// A slow server, as --straggler is a slow worker: 1:10x (server 1 takes ten times as long for every
    /// request), any:10x:1% or 1:pause:2s:30s. May be given several times.
    #[arg(long, value_name = "STRAGGLER", allow_hyphen_values = true)]
    slow_server: Vec<Straggler>,

    /// Let gradients and messages take what they took in a real run, which `thalweg train --record`
    /// recorded; --compute and --latency say otherwise.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// The run folder; below `runs` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    /// For programs: print the report as JSON (docs/REPORT.md) instead of the summary.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    // Sessions of a simulation cost no socket.
    let sessions = arguments.workers.map(sessions_for);
    let flags = [
        ("cluster.servers", arguments.servers),
        ("cluster.workers", arguments.workers),
        ("limits.sessions_max", sessions),
    ];
    let further = flags
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    let further: Vec<String> = further.collect();
    let options = SimulateOptions {
        config: arguments.job.config_with(&arguments.flags, &further)?,
        physics: physics(arguments)?,
        out: arguments.out.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
        interrupted: listen_beside(INTERRUPTED)?,
    };
    Ok(simulate(&options)?.into())
}

/// What everything takes; flags come before a recording, and a recording before what is usual.
fn physics(arguments: &Arguments) -> Result<Physics> {
    let recording = match &arguments.replay {
        Some(path) => Some(Arc::new(Recording::open(path)?)),
        None => None,
    };
    let usual = || COMPUTE.parse().expect("the usual time is a delay");
    let links = recording.clone();
    Ok(Physics {
        conditions: arguments.conditions.conditions(),
        compute: arguments.compute.unwrap_or_else(usual),
        serve: arguments.serve,
        slow_servers: arguments.slow_server.clone(),
        recorded_compute: recording.filter(|_| arguments.compute.is_none()),
        recorded_links: links.filter(|_| !arguments.conditions.says_latency()),
    })
}
