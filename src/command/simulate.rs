//! `thalweg simulate`: a job in virtual time.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use thalweg_common::physics::Distribution;

use super::Ending;
use super::conditions::ConditionFlags;
use super::flags::JobFlags;
use super::options::JobOptions;
use crate::simulate::{Physics, SimulateOptions, simulate};
use crate::train::RunEnd;

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
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    servers: Option<u32>,

    /// Workers: the job's `cluster.workers`.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,

    /// What computing one batch takes, beside the job's `train.compute`: a delay, as --latency.
    #[arg(long, value_name = "DELAY", default_value = COMPUTE)]
    compute: Distribution,

    /// What serving one request of a worker takes: a delay, as --latency.
    #[arg(long, value_name = "DELAY", default_value = SERVE)]
    serve: Distribution,

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
    let sessions = arguments.workers.map(|n| (n.saturating_add(8)).max(256));
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
        physics: Physics {
            conditions: arguments.conditions.conditions(),
            compute: arguments.compute,
            serve: arguments.serve,
        },
        out: arguments.out.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
    };
    Ok(match simulate(&options)? {
        RunEnd::Done => Ending::Done,
        RunEnd::Diverged => Ending::Diverged,
        RunEnd::Failed => Ending::Failed,
        RunEnd::Interrupted => Ending::Interrupted,
    })
}
