//! `thalweg train`: a job on a local cluster of real processes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_common::physics::Share;

use super::Ending;
use super::check;
use super::conditions::ConditionFlags;
use super::credentials::CredentialOptions;
use super::flags::JobFlags;
use super::options::{JobOptions, PATIENCE_SECONDS, patience};
use crate::launch::MetricsPlace;
use crate::report::RunFolder;
use crate::train::{TrainOptions, train};

/// Arguments of `thalweg train`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    #[command(flatten)]
    flags: JobFlags,

    /// Start nothing: print the resolved job and what its servers will need, as `thalweg check` does.
    #[arg(long, conflicts_with = "join")]
    dry_run: bool,

    #[command(flatten)]
    conditions: ConditionFlags,

    /// Server processes: the job's `cluster.servers`.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    servers: Option<u32>,

    /// Worker processes: the job's `cluster.workers`.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,

    /// Only server 0 reads the data, the workers take the training rows from it.
    #[arg(long, conflicts_with = "join")]
    data_from_server: bool,

    /// What to do when a worker is lost: the job's `cluster.on_worker_loss`.
    #[arg(long, value_name = "continue|stop", value_parser = ["continue", "stop"])]
    on_worker_loss: Option<String>,

    /// The run folder; below `runs` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on with the run in this folder, which was interrupted, from the checkpoints of its servers. The job
    /// is the folder's; --set may change what only concerns one process.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "join", "record", "dry_run", "job"])]
    resume: Option<PathBuf>,

    /// Copy the report there, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Record what every gradient and every request took there, for `thalweg simulate --replay`.
    #[arg(long, value_name = "FILE", conflicts_with = "join")]
    record: Option<PathBuf>,

    /// Where the job's status page for browsers is (docs/METRICS.md), and the servers' metrics for Prometheus:
    /// server 0 at this port, server 1 at the next.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "join")]
    metrics: Option<MetricsPlace>,

    /// Start nothing: watch, judge and record a job whose servers run already; name all of them, in
    /// any order. The job and its settings are then those of the servers.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    join: Vec<String>,

    /// With --join: how long to wait for servers that are not up yet, seconds.
    #[arg(long, value_name = "SECONDS", requires = "join", default_value_t = PATIENCE_SECONDS)]
    patience: f64,

    #[command(flatten)]
    credentials: CredentialOptions,

    /// Let the workers throw away this share of the acknowledgements of their pushes, to see that all goes well
    /// without them.
    #[arg(
        long,
        hide = true,
        value_name = "SHARE",
        default_value = "0",
        conflicts_with = "join"
    )]
    drop_acks: Share,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    /// For programs: print the report as JSON (docs/REPORT.md) instead of the summary; with --dry-run
    /// the resolved job.
    #[arg(long)]
    json: bool,

    /// End when standard input ends: whoever started this holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    refuse_settings_of_servers(arguments)?;
    refuse_credentials_for_nobody(arguments)?;
    if !arguments.join.is_empty() && !arguments.conditions.conditions().are_plain() {
        bail!(
            "--join starts nothing whose links or machines could be changed: leave the conditions out, and put \
             `thalweg proxy` between a worker and a server when they start"
        );
    }
    let flags = [
        ("servers", arguments.servers.map(|n| n.to_string())),
        ("workers", arguments.workers.map(|n| n.to_string())),
        ("on_worker_loss", arguments.on_worker_loss.clone()),
    ];
    let further: Vec<String> = flags
        .into_iter()
        .filter_map(|(key, value)| Some(format!("cluster.{key}={}", value?)))
        .collect();
    if arguments.dry_run {
        return check::show(
            arguments.job.config_with(&arguments.flags, &further)?,
            arguments.json,
        );
    }
    if arguments.resume.is_some() && !arguments.flags.given().is_empty() {
        bail!(
            "--resume takes the job from the run's folder: leave out {}",
            arguments.flags.given().join(", ")
        );
    }
    let options = TrainOptions {
        config: match (arguments.join.is_empty(), &arguments.resume) {
            (true, None) => arguments.job.config_with(&arguments.flags, &further)?,
            (true, Some(run)) => job_of_run(arguments, run)?.config(&further)?,
            (false, _) => arguments.job.config(&further)?,
        },
        join: arguments.join.clone(),
        credentials: arguments.credentials.load()?,
        patience: patience(arguments.patience)?,
        data_from_server: arguments.data_from_server,
        conditions: arguments.conditions.conditions(),
        drop_acks: arguments.drop_acks,
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        report: arguments.report.clone(),
        record: arguments.record.clone(),
        metrics: arguments.metrics.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
        exit_with_parent: arguments.exit_with_parent,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(train(options))?.into())
}

/// The job of a run that goes on.
fn job_of_run(arguments: &Arguments, run: &Path) -> Result<JobOptions> {
    let path = RunFolder::job_to_go_on(run.to_owned()).context("--resume")?;
    Ok(JobOptions {
        job: Some(path.display().to_string()),
        sets: arguments.job.sets.clone(),
    })
}

/// Servers that are started here are on loopback, which is open: whoever gives credentials expects more.
fn refuse_credentials_for_nobody(arguments: &Arguments) -> Result<()> {
    let given = arguments.credentials.given();
    if arguments.join.is_empty() && !given.is_empty() {
        bail!(
            "{}: expected --join HOST:PORT,… beside it, as credentials are shown to servers that run already; the \
             servers that this command starts are on loopback, which is open: leave it out, or start servers with \
             `thalweg server --certs`",
            given.join(", ")
        );
    }
    Ok(())
}

/// A joined job is the servers': what would change it here is refused, not passed over.
fn refuse_settings_of_servers(arguments: &Arguments) -> Result<()> {
    if arguments.join.is_empty() {
        return Ok(());
    }
    let given = [
        ("JOB", arguments.job.job.is_some()),
        ("--set", !arguments.job.sets.is_empty()),
        ("--servers", arguments.servers.is_some()),
        ("--workers", arguments.workers.is_some()),
        ("--on-worker-loss", arguments.on_worker_loss.is_some()),
    ];
    let given: Vec<_> = given
        .into_iter()
        .filter_map(|(word, is_given)| is_given.then_some(word))
        .chain(arguments.flags.given())
        .collect();
    if !given.is_empty() {
        bail!(
            "--join takes the job and its settings from the servers: leave out {}, or give it to \
             the servers when they start",
            given.join(", ")
        );
    }
    Ok(())
}
