//! The end of a run: the last evaluation, the files, the end of the processes.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use thalweg_common::config::{JobConfig, Updates};
use thalweg_common::ids::Version;
use thalweg_common::message::WorkerState;

use super::divergence::advice;
use super::feed::Feeding;
use super::interrupts::Interrupts;
use super::options::{RunEnd, TrainOptions};
use super::references::references;
use super::seat::Seat;
use super::stopping::Stopping;
use super::watch::{Since, Watched};
use crate::job::{ResolvedJob, runs_on_threads};
use crate::launch::{LocalCluster, gather};
use crate::progress::{Display, say_out};
use crate::proxy::Carried;
use crate::report::{
    ConditionsReport, Counts, Divergence, EvaluationPoint, Facts, Final, Host, Outcome, Provenance,
    Report, RunFolder, RunMark, RunStatus, ThreadsReport, render_summary, write_report,
};
use crate::simulate::{Header, VERSION};
use crate::view::{ClusterView, Look, WorkerView};

/// How long processes may take to end once a server is gone, or the user's patience.
const LOST_CAUSE_PATIENCE: Duration = Duration::from_millis(500);

/// Judges the final parameters, writes the run folder and ends the processes.
pub(super) async fn finish(
    watched: Watched,
    mark: RunMark,
    options: &TrainOptions,
) -> Result<RunEnd> {
    let Watched {
        mut watch,
        end,
        cause,
        view,
        parameters,
    } = watched;
    let (mut final_scores, mut divergence) = (Final::default(), None);
    let (folder, model) = (watch.folder.clone(), watch.job.blueprint.model.clone());
    let layout = model.layout();
    let counts = parameters.as_ref().map(|x| Counts::of(layout, x));
    let feeding = watch.feeding.take().filter(|_| end == RunEnd::Done);
    feeding.into_iter().for_each(Feeding::clear);
    if let Some(parameters) = &parameters {
        folder.write_parameters(layout, parameters, &provenance(&watch.job, &view))?;
        if !watch.at_once {
            let point = watch.point(&view);
            final_scores = watch.judge.last(parameters)?;
            let test = final_scores.test;
            watch.add_point(EvaluationPoint { test, ..point }, parameters, &view)?;
        }
        let seen = std::mem::take(&mut watch.divergence);
        divergence = seen.judge(watch.epoch(&view), parameters, &final_scores);
    }
    watch.tell_what_did_not_happen();
    say_goodbye(&watch.seat, end == RunEnd::Done && parameters.is_some()).await;
    let threads = threads(&watch.seat, &watch.job.blueprint.config);
    drop(watch.seat);
    if let Some(cluster) = watch.cluster.take() {
        // Without its parameters nothing of the job can go on: workers would only try again.
        let patience = match watch.at_once || parameters.is_none() {
            true => LOST_CAUSE_PATIENCE,
            false => watch.job.blueprint.config.limits.stop_seconds.duration(),
        };
        let ear = (&mut watch.interrupts, &mut watch.display);
        let asked = (patience, end != RunEnd::Done);
        if let Some(carried) = end_processes((cluster, &view), asked, ear).await {
            folder.write_links(&carried)?;
        }
    }
    let config = &watch.job.blueprint.config;
    let (end, cause) = judged((end, cause), divergence.as_ref(), config);
    let outcome = Outcome {
        status: status_of(end),
        cause,
        stopped: (end == RunEnd::Done && !view.cause.is_empty()).then(|| view.cause.clone()),
        best: watch.best,
        divergence,
        wall: watch.started.since(),
        evaluate: watch.judge.spent(),
        curve: watch.curve,
        final_scores,
        parameters: counts,
    };
    let notes = notes(&outcome.final_scores, &watch.stopping);
    notes.for_each(|note| watch.display.message(&format!("note: {note}")));
    let report = Report {
        resumed: watch.resumed,
        server_returns: watch.returns,
        conditions: ConditionsReport::of(&options.conditions),
        threads,
        ..Report::new(&facts(&watch.job), outcome, &view)
    };
    watch.display.finish();
    tell(&report, &watch.job, (&folder, mark), options)?;
    // Last: a recording that cannot be written takes no report along.
    if let Some(path) = &options.record {
        record(&watch.job, &folder, path)?;
    }
    Ok(end)
}

/// Leaves the servers, which end when their last observer has.
async fn say_goodbye(seat: &Seat, has_read_the_model: bool) {
    if has_read_the_model {
        seat.tell_done().await;
    }
    // One that is gone needs no goodbye.
    seat.leave().await.ok();
}

/// What threads without a server did.
fn threads(seat: &Seat, config: &JobConfig) -> Option<ThreadsReport> {
    let loses = config.method.updates == Some(Updates::Lossy);
    Some(ThreadsReport::of(&seat.counts()?, loses))
}

/// Gathers what the workers recorded, once they have ended.
fn record(job: &ResolvedJob, folder: &RunFolder, path: &Path) -> Result<()> {
    let config = &job.blueprint.config;
    let header = Header {
        schema_version: VERSION,
        job: config.name.clone(),
        fingerprint: config.fingerprint().to_string(),
        workers: config.cluster.workers,
        servers: config.cluster.servers,
    };
    Ok(gather(&folder.records_path(), header, path)?)
}

/// Brings every process to an end within the user's patience and the given one; those that go by themselves
/// need not be asked.
async fn end_processes(
    (mut cluster, view): (LocalCluster, &ClusterView),
    (patience, ask_first): (Duration, bool),
    (interrupts, display): (&mut Interrupts, &mut Display),
) -> Option<Carried> {
    give_up_the_lost(&mut cluster, view);
    tokio::select! {
        carried = cluster.end(patience, ask_first) => carried,
        // What has not ended by then is killed.
        by = interrupts.next() => {
            display.message(&format!("{by}: ending at once"));
            None
        }
    }
}

/// How a run ended whose model may be worth nothing. A job that ended early has a cause of its own.
fn judged(
    (end, cause): (RunEnd, Option<String>),
    divergence: Option<&Divergence>,
    config: &JobConfig,
) -> (RunEnd, Option<String>) {
    match divergence {
        Some(divergence) if end == RunEnd::Done => {
            (RunEnd::Diverged, Some(advice(divergence, config)))
        }
        Some(_) | None => (end, cause),
    }
}

/// What of the model is to be told that the report does not say.
fn notes(scores: &Final, stopping: &Stopping) -> impl Iterator<Item = String> {
    let notes = [worse_than_the_mean(scores), stopping.missed()];
    notes.into_iter().flatten()
}

/// A word on a model that predicts worse than one number would, though training went to its end.
fn worse_than_the_mean(scores: &Final) -> Option<String> {
    let test = scores.test.and_then(|test| test.r2);
    let r2 = test.or(scores.train.and_then(|train| train.scores.r2))?;
    (r2 < 0.0).then(|| {
        format!(
            "R² is {r2:.2}, below 0: the mean of the labels would predict better; bring labels and \
             columns to one size (target_scale and scale = \"standard\" of [data]), or try another \
             optimizer.lr or more epochs"
        )
    })
}

/// Writes the report in every form that it has.
fn tell(
    report: &Report,
    job: &ResolvedJob,
    (folder, mark): (&RunFolder, RunMark),
    options: &TrainOptions,
) -> Result<()> {
    folder.write_report(report)?;
    folder.write_page(report, &job.blueprint.config.to_toml())?;
    mark.settle(report.status)?;
    let mut files = vec![folder.path().to_owned()];
    if let Some(path) = &options.report {
        write_report(path, report)?;
        files.push(path.clone());
    }
    say_out(&match options.json {
        true => serde_json::to_string_pretty(report)?,
        false => render_summary(report, &files, Look::of_stdout()),
    });
    Ok(())
}

fn status_of(end: RunEnd) -> RunStatus {
    match end {
        RunEnd::Done => RunStatus::Done,
        RunEnd::Diverged => RunStatus::Diverged,
        RunEnd::Failed => RunStatus::Failed,
        RunEnd::Interrupted => RunStatus::Interrupted,
    }
}

fn give_up_the_lost(cluster: &mut LocalCluster, view: &ClusterView) {
    let lost = |row: &&WorkerView| row.state == WorkerState::Lost;
    for row in view.workers.iter().filter(lost) {
        cluster.give_up(row.worker);
    }
}

pub(crate) fn provenance(job: &ResolvedJob, view: &ClusterView) -> Provenance {
    let versions = view.servers.iter().flat_map(|server| &server.shards);
    Provenance {
        job: job.blueprint.config.name.clone(),
        model: job.blueprint.config.model.name.clone(),
        fingerprint: job.blueprint.config.fingerprint(),
        shard_version_min: versions
            .map(|shard| shard.version)
            .min()
            .unwrap_or(Version(0)),
    }
}

/// What is known of a job's run before it begins.
pub(crate) fn facts(job: &ResolvedJob) -> Facts {
    let config = &job.blueprint.config;
    Facts {
        job: config.name.clone(),
        fingerprint: config.fingerprint(),
        method: config.method.name.clone(),
        optimizer: config.optimizer.name.clone(),
        regularizers: config
            .regularizer
            .chosen()
            .into_iter()
            .map(|chosen| chosen.name)
            .collect(),
        seed: config.seed,
        servers: match runs_on_threads(config) {
            true => 0,
            false => config.cluster.servers,
        },
        workers: config.cluster.workers,
        consistency: config.consistency.model.to_string(),
        rows: job.blueprint.resolved.rows,
        streamed: job.data.train.is_streamed(),
        references: references(config),
        host: Host::here(),
    }
}
