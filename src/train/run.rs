//! The course of a run: resolve, start, watch, finish.

use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};

use super::finish::finish;
use super::judge::Judge;
use super::options::{RunEnd, TrainOptions};
use super::watch::{Watch, Watched};
use crate::job::{ResolvedJob, resolve, server_plan};
use crate::launch::LocalCluster;
use crate::observe::Observer;
use crate::progress::{Display, Mode};
use crate::report::{RunFolder, check_report_path};

/// Runs a job to its end and writes the run folder.
///
/// # Errors
/// If the job cannot be resolved, the cluster does not start, or a file cannot be written. A job
/// that ends early is no error: its report says so.
pub async fn train(options: TrainOptions) -> Result<RunEnd> {
    let started = now();
    if let Some(report) = &options.report {
        check_report_path(report)?;
    }
    let (job, cluster, observer, folder, started) = if options.join.is_empty() {
        let (job, cluster, observer, folder) = start(&options).await?;
        (job, Some(cluster), observer, folder, started)
    } else {
        let (job, observer, folder) = join(&options).await?;
        let begun = begin_of(&observer).await?;
        (job, None, observer, folder, begun)
    };
    let watch = Watch {
        started,
        display: Display::new(if options.quiet {
            Mode::Quiet
        } else {
            Mode::default()
        }),
        metrics: folder.open_metrics()?,
        judge: Judge::new(job.clone())?,
        curve: Vec::new(),
        cluster,
        observer,
        job,
    };
    let watched: Watched = watch.run().await?;
    finish(watched, &folder, &options).await
}

/// When a joined run began: now, or when its servers dealt out the first data, if they have; so
/// that the whole run is never shorter than its training.
async fn begin_of(observer: &Observer) -> Result<Instant> {
    let statuses = observer.statuses().await?;
    let trained = statuses.iter().map(|status| status.trained).max();
    let now = now();
    Ok(trained
        .and_then(|trained| now.checked_sub(trained))
        .unwrap_or(now))
}

/// Starts a local cluster.
async fn start(options: &TrainOptions) -> Result<(ResolvedJob, LocalCluster, Observer, RunFolder)> {
    let job = resolve(options.config.clone(), Path::new("."))?;
    let config = &job.blueprint.config;
    for index in 0..job.blueprint.map.servers() {
        server_plan(&job.blueprint, index)?;
    }
    let folder = RunFolder::create(options.out.clone(), &config.name, wall_clock())?;
    folder.write_job(&config.to_toml())?;
    let patience = config.limits.connect_seconds.duration();
    let servers = config.cluster.servers;
    let (job_path, logs) = (folder.job_path(), folder.logs_path());
    let mut cluster = LocalCluster::start_servers(&job_path, servers, &logs, patience).await?;
    let observer = Observer::attach(cluster.addresses(), patience).await?;
    cluster.start_workers(config.cluster.workers)?;
    folder.write_processes(&cluster.processes())?;
    Ok((job, cluster, observer, folder))
}

/// Joins servers that run already: watches them, and starts nothing.
async fn join(options: &TrainOptions) -> Result<(ResolvedJob, Observer, RunFolder)> {
    let observer = Observer::attach(&options.join, options.patience).await?;
    let config = observer.blueprint().config.clone();
    let job = resolve(config, Path::new("."))
        .context("the servers' job cannot be evaluated with the data here")?;
    let name = &job.blueprint.config.name;
    let folder = RunFolder::create(options.out.clone(), name, wall_clock())?;
    folder.write_job(&job.blueprint.config.to_toml())?;
    Ok((job, observer, folder))
}

#[expect(clippy::disallowed_methods, reason = "a run measures its wall time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a run folder is named by the date"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
