//! The course of a run: resolve, start, watch, finish.

use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail};
use thalweg_common::config::JobConfig;
use thalweg_proto::security::Credentials;

use super::divergence::DivergenceWatch;
use super::feed::Feeding;
use super::finish::finish;
use super::incidents::{self, Incidents, first_workers};
use super::input;
use super::interrupts::Interrupts;
use super::judge::Judge;
use super::options::{RunEnd, TrainOptions};
use super::resume::{self, Earlier};
use super::seat::Seat;
use super::stopping::Stopping;
use super::watch::{Watch, Watched};
use crate::job::{
    ResolvedJob, available, check_cluster_fits, check_server, resolve, runs_on_threads,
};
use crate::launch::{Crew, LocalCluster, ServersPlan, ThreadRun};
use crate::observe::Observer;
use crate::progress::{Display, Mode};
use crate::report::{ConditionsReport, RunFolder, RunFolderError, RunMark, check_report_path};

/// Runs a job to its end and writes the run folder.
///
/// # Errors
/// If the job cannot be resolved, the cluster does not start, or a file cannot be written. A job
/// that ends early is no error: its report says so.
pub async fn train(options: TrainOptions) -> Result<RunEnd> {
    let started = now();
    for path in options.report.iter().chain(&options.record) {
        check_report_path(path)?;
    }
    let Started {
        job,
        cluster,
        seat,
        folder,
        mark,
        feeding,
        earlier,
        notes,
    } = if options.join.is_empty() {
        start(&options).await?
    } else {
        join(&options).await?
    };
    let started = match &seat {
        Seat::Cluster(observer) if cluster.is_none() => begin_of(observer).await?,
        Seat::Cluster(_) | Seat::Threads(_) => started,
    };
    let mut display = Display::new(if options.quiet {
        Mode::Quiet
    } else {
        Mode::default()
    });
    let judge = Judge::new(job.clone())?;
    let warning = folder.warning().map(str::to_owned);
    for note in notes.into_iter().chain(job.notes()).chain(warning) {
        display.message(&format!("note: {note}"));
    }
    let resumed = resume::resumed(earlier.as_ref());
    let earlier = earlier.unwrap_or_default();
    for words in resume::passed_over(&folder, &earlier) {
        display.message(&words);
    }
    let Earlier { curve, lasted, .. } = earlier;
    let watch = Watch {
        // The run has lasted so long before it was interrupted.
        started: started.checked_sub(lasted).unwrap_or(started),
        interrupts: Interrupts::listen(options.exit_with_parent)?,
        at_once: false,
        display,
        metrics: match options.resume {
            Some(_) => folder.reopen_metrics()?,
            None => folder.open_metrics()?,
        },
        events: folder.open_events(wall_clock())?,
        judge,
        stopping: Stopping::new(job.blueprint.config.stop.clone()),
        best: None,
        curve,
        resumed,
        returns: Vec::new(),
        may_not_conclude: false,
        divergence: DivergenceWatch::default(),
        folder,
        cluster,
        ended_unseen: Vec::new(),
        incidents: Incidents::new(&options.conditions),
        conditions: ConditionsReport::of(&options.conditions),
        seat,
        feeding,
        stream_problem: None,
        job,
    };
    let watched: Watched = watch.run().await?;
    finish(watched, mark, &options).await
}

/// A run that is about to be watched.
struct Started {
    job: ResolvedJob,
    cluster: Option<LocalCluster>,
    seat: Seat,
    folder: RunFolder,
    mark: RunMark,
    /// The stream that the job trains on.
    feeding: Option<Feeding>,
    /// What there was of the run before it was interrupted.
    earlier: Option<Earlier>,
    /// What the user is told first.
    notes: Vec<String>,
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
async fn start(options: &TrainOptions) -> Result<Started> {
    let mut config = options.config.clone();
    check_wishes(options, &config)?;
    let begun = wall_clock();
    let new_folder = |config: &JobConfig| folder_of(options, config, begun);
    let (mut early, mut feed, mut notes) = (None, None, Vec::new());
    if input::is_wanted(&config) {
        let folder = new_folder(&config)?;
        let taken = input::take(config, folder.path())?;
        notes.extend(taken.note);
        (config, feed) = (taken.config, taken.feed);
        early = Some(folder);
    }
    let job = resolve(config, Path::new("."))?;
    Judge::new(job.clone())?.check_metric()?;
    let config = &job.blueprint.config;
    // Before threads are given their model.
    check_cluster_fits(&job.blueprint, available())?;
    let threads = match runs_on_threads(config) {
        true => Some(prepare_threads(&job, options)?),
        false => {
            check_servers(&job)?;
            None
        }
    };
    let feeding = match (feed, &job.data.encoding) {
        (Some(feed), Some(encoding)) => {
            feed.check_bound(config)?;
            Some(feed.go_on(job.data.train.as_ref(), encoding)?)
        }
        _ => None,
    };
    let folder = match early {
        Some(folder) => folder,
        None => new_folder(config)?,
    };
    // Nothing of an earlier run is touched before it is known to go on.
    let earlier = match options.resume {
        Some(_) => Some(Earlier::of(&folder, config).await?),
        None => None,
    };
    let mark = RunMark::begin(&folder, &config.name, begun)?;
    folder.write_job(&config.to_toml())?;
    write_encoding(&folder, &job)?;
    let (cluster, seat) = match threads {
        Some(run) => {
            run.begin();
            (None, Seat::Threads(run))
        }
        None => {
            let (cluster, observer) = start_cluster(config, &folder, options).await?;
            (Some(cluster), Seat::Cluster(Box::new(observer)))
        }
    };
    Ok(Started {
        job,
        cluster,
        seat,
        folder,
        mark,
        feeding,
        earlier,
        notes,
    })
}

/// Refuses what was asked for beside the job and cannot be had with it.
fn check_wishes(options: &TrainOptions, config: &JobConfig) -> Result<()> {
    if options.resume.is_some() {
        resume::check(config)?;
    }
    incidents::check(&options.conditions, config)?;
    match &options.metrics {
        Some(metrics) => {
            let checked = metrics.check(config.cluster.servers);
            checked.map_err(anyhow::Error::msg)
        }
        None => Ok(()),
    }
}

/// The folder of a run: another one, or that of the run that goes on.
fn folder_of(
    options: &TrainOptions,
    config: &JobConfig,
    begun: SystemTime,
) -> Result<RunFolder, RunFolderError> {
    match &options.resume {
        Some(path) => RunFolder::reopen(path.clone()),
        None => RunFolder::create(options.out.clone(), &config.name, begun),
    }
}

fn check_servers(job: &ResolvedJob) -> Result<()> {
    for index in 0..job.blueprint.map.servers() {
        check_server(&job.blueprint, index)?;
    }
    Ok(())
}

/// Threads that wait for the run to begin.
fn prepare_threads(job: &ResolvedJob, options: &TrainOptions) -> Result<ThreadRun> {
    if options.data_from_server {
        bail!(
            "--data-from-server cannot go with `method.name` = \"{}\", which has no server: leave it out",
            job.blueprint.config.method.name
        );
    }
    if options.record.is_some() {
        bail!(
            "--record cannot go with `method.name` = \"{}\", whose threads send no messages: leave it out",
            job.blueprint.config.method.name
        );
    }
    if options.metrics.is_some() {
        bail!(
            "--metrics cannot go with `method.name` = \"{}\", which has no server that could tell any: leave it \
             out",
            job.blueprint.config.method.name
        );
    }
    ThreadRun::prepare(job.clone())
}

/// Processes of servers and workers, and an observer of them.
async fn start_cluster(
    config: &JobConfig,
    folder: &RunFolder,
    options: &TrainOptions,
) -> Result<(LocalCluster, Observer)> {
    let patience = config.limits.connect_seconds.duration();
    let servers = config.cluster.servers;
    let restarts = config.checkpoint.restarts;
    let mut cluster = LocalCluster::start_servers(ServersPlan {
        job: folder.job_path(),
        servers,
        logs: folder.logs_path(),
        patience: match options.resume {
            Some(_) => config.limits.retry_total_seconds.duration().max(patience),
            None => patience,
        },
        metrics: options.metrics.clone(),
        checkpoints: (0 < restarts || options.resume.is_some()).then(|| folder.checkpoints_path()),
        restarts,
    })
    .await?;
    let observer = Observer::attach(cluster.addresses(), &Credentials::none(), patience).await?;
    let mut further: Vec<String> = Vec::new();
    if options.data_from_server {
        further.push("--data-from-server".to_owned());
    }
    if 0.0 < options.drop_acks.get() {
        further.extend(["--drop-acks".to_owned(), options.drop_acks.to_string()]);
    }
    if options.record.is_some() {
        let records = folder.make_records()?;
        further.extend(["--record".to_owned(), records.display().to_string()]);
    }
    let (conditions, workers) = (&options.conditions, config.cluster.workers);
    let under = (conditions, config.seed);
    let crew = Crew::new(further, under, workers, cluster.addresses());
    cluster.hire(crew.context("the links between workers and servers cannot be made")?);
    for worker in first_workers(conditions, workers) {
        cluster.start_worker(worker)?;
    }
    folder.write_processes(&cluster.processes())?;
    Ok((cluster, observer))
}

/// Other files can then be read as those of the run were.
fn write_encoding(folder: &RunFolder, job: &ResolvedJob) -> Result<()> {
    match &job.data.encoding {
        Some(encoding) => Ok(folder.write_encoding(encoding)?),
        None => Ok(()),
    }
}

/// Joins servers that run already: watches them, and starts nothing.
async fn join(options: &TrainOptions) -> Result<Started> {
    let observer = Observer::attach(&options.join, &options.credentials, options.patience).await?;
    let config = observer.blueprint().config.clone();
    let job = resolve(config, Path::new("."))
        .context("the servers' job cannot be evaluated with the data here")?;
    let name = &job.blueprint.config.name;
    let begun = wall_clock();
    let folder = RunFolder::create(options.out.clone(), name, begun)?;
    let mark = RunMark::begin(&folder, name, begun)?;
    folder.write_job(&job.blueprint.config.to_toml())?;
    write_encoding(&folder, &job)?;
    Ok(Started {
        job,
        cluster: None,
        seat: Seat::Cluster(Box::new(observer)),
        folder,
        mark,
        feeding: None,
        earlier: None,
        notes: Vec::new(),
    })
}

#[expect(clippy::disallowed_methods, reason = "a run measures its wall time")]
pub(in crate::train) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a run folder is named by the date"
)]
pub(super) fn wall_clock() -> SystemTime {
    SystemTime::now()
}
