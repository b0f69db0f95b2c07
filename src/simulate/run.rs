//! `thalweg simulate`: the course of a simulated run, from the job to its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use thalweg_common::config::JobConfig;

use super::memory::check_fits;
use super::{History, Moment, Physics, SimulateError, Simulation, Spectator};
use crate::job::{ResolvedJob, available, resolve, runs_on_threads};
use crate::progress::{Display, Mode, say_out};
use crate::report::{
    ConditionsReport, Counts, EvaluationPoint, Final, Outcome, Report, RunFolder, RunMark,
    RunStatus, SimulationReport, render_summary,
};
use crate::train::{Judge, RunEnd, Stopping, facts, provenance};
use crate::view::units::span;
use crate::view::{ClusterView, Look};

/// From one line of progress to the next.
const PACE: Duration = Duration::from_secs(2);

/// After so long without a line of progress it is told how far virtual time is.
const SILENCE: Duration = Duration::from_secs(10);

/// What a simulation is told.
#[derive(Clone, Debug)]
pub struct SimulateOptions {
    /// The job.
    pub config: JobConfig,
    /// What everything takes.
    pub physics: Physics,
    /// Where the run folder goes; `None` below `runs`.
    pub out: Option<PathBuf>,
    /// Whether to show no progress.
    pub quiet: bool,
    /// Whether to print the report as JSON instead of the summary.
    pub json: bool,
    /// True once the user wants no more: what there is by then is told.
    pub interrupted: Arc<AtomicBool>,
}

/// Runs a job in virtual time and writes a run folder.
///
/// # Errors
/// If the job cannot be resolved or simulated, or a file cannot be written.
pub fn simulate(options: &SimulateOptions) -> Result<RunEnd> {
    let begun = wall_clock();
    let job = resolve(options.config.clone(), Path::new("."))?;
    let config = &job.blueprint.config;
    check(&job, &options.physics)?;
    let estimate = check_fits(&job, available())?;
    let mut onlooker = Onlooker::new(&job, display(options.quiet))?.until(&options.interrupted);
    onlooker.display.message(&format!(
        "{} workers and {} servers in virtual time, at most about {} of memory beside the data",
        config.cluster.workers,
        config.cluster.servers,
        crate::view::units::bytes(estimate)
    ));
    if let Some(recorded) = options.physics.recorded_in_words() {
        onlooker.display.message(&recorded);
    }
    for note in job.notes() {
        onlooker.display.message(&format!("note: {note}"));
    }
    let folder = RunFolder::create(options.out.clone(), &config.name, begun)?;
    let mark = RunMark::begin(&folder, &config.name, begun)?;
    folder.write_job(&config.to_toml())?;
    let started = now();
    let played = play(&job, options.physics.clone(), &mut onlooker);
    let spent = now() - started;
    let simulating = spent.saturating_sub(onlooker.judge.spent());
    let history = match played {
        Ok(history) => history,
        Err(error) => {
            let end = match error.diverged() {
                true => (RunStatus::Diverged, RunEnd::Diverged),
                false => (RunStatus::Failed, RunEnd::Failed),
            };
            onlooker.display.finish();
            mark.settle(end.0)?;
            crate::progress::say_err(&format!("error: {error}"));
            return Ok(end.1);
        }
    };
    let spent = (spent, simulating);
    let end = finish(&job, onlooker, (&history, spent), (&folder, options))?;
    mark.settle(end.0)?;
    Ok(end.1)
}

fn display(quiet: bool) -> Display {
    Display::new(match quiet {
        true => Mode::Quiet,
        false => Mode::default(),
    })
}

/// Refuses what cannot be simulated.
fn check(job: &ResolvedJob, physics: &Physics) -> Result<()> {
    let config = &job.blueprint.config;
    if runs_on_threads(config) {
        bail!(
            "`method.name` = \"{}\" has threads that share a model, and no messages that virtual time could \
             order: run it with `thalweg train`",
            config.method.name
        );
    }
    if job.data.train.is_streamed() {
        bail!(
            "a stream flows in real time and cannot be simulated: write its rows to a file and name that"
        );
    }
    let cluster = &config.cluster;
    physics.check(cluster.workers, cluster.servers)?;
    Ok(())
}

/// Simulates a job before a spectator.
///
/// # Errors
/// As [`Simulation::run`].
pub(crate) fn play(
    job: &ResolvedJob,
    physics: Physics,
    spectator: &mut dyn Spectator,
) -> Result<History, SimulateError> {
    Simulation::new(job, physics)?.run_before(spectator)
}

/// Judges parameters at the moments that the job names, and ends it by its rules.
pub(crate) struct Onlooker<'a> {
    job: &'a ResolvedJob,
    judge: Judge,
    stopping: Stopping,
    pub(crate) curve: Vec<EvaluationPoint>,
    best: Option<EvaluationPoint>,
    stopped: Option<String>,
    display: Display,
    /// When progress was shown last.
    shown: Option<Instant>,
    problem: Option<anyhow::Error>,
    interrupted: Option<&'a AtomicBool>,
}

impl<'a> Onlooker<'a> {
    pub(crate) fn new(job: &'a ResolvedJob, display: Display) -> Result<Self> {
        let mut judge = Judge::new(job.clone())?;
        judge.check_metric()?;
        Ok(Self {
            job,
            judge,
            stopping: Stopping::new(job.blueprint.config.stop.clone()),
            curve: Vec::new(),
            best: None,
            stopped: None,
            display,
            shown: None,
            problem: None,
            interrupted: None,
        })
    }

    /// Looks on until this is true.
    pub(crate) fn until(self, interrupted: &'a AtomicBool) -> Self {
        Self {
            interrupted: Some(interrupted),
            ..self
        }
    }

    /// Judges the final parameters; answers their scores, and the curve with them at its end.
    pub(crate) fn finish(
        mut self,
        history: &History,
        view: &ClusterView,
    ) -> Result<(Final, Vec<EvaluationPoint>)> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        self.note(history.virtual_time, &history.parameters, view)?;
        Ok((self.judge.last(&history.parameters)?, self.curve))
    }

    /// Judges these parameters, and notes the point of the curve.
    fn note(
        &mut self,
        at: Duration,
        parameters: &[f32],
        view: &ClusterView,
    ) -> Result<Option<String>> {
        #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
        let epoch = view.progress as f64 / self.job.blueprint.resolved.rows as f64;
        let point = EvaluationPoint {
            seconds: at.as_secs_f64(),
            train_seconds: view.trained.as_secs_f64(),
            examples: view.progress,
            epoch,
            train_loss: view.train_loss,
            ..EvaluationPoint::default()
        };
        let point = self.judge.point(point, parameters)?;
        let seen = self.stopping.look(&point);
        if seen.is_best {
            self.best = Some(point);
        }
        self.curve.push(point);
        let shown = self.shown.get_or_insert_with(now);
        // Virtual time runs so fast that not every point is worth a line.
        if PACE <= now() - *shown {
            *shown = now();
            self.display.update(view, self.curve.last());
        }
        Ok(seen.enough)
    }
}

impl Spectator for Onlooker<'_> {
    fn look(&mut self, moment: &Moment<'_>) -> Option<String> {
        let view = ClusterView::from(&moment.statuses()[..]);
        match self.note(moment.at, &moment.parameters(), &view) {
            Ok(enough) => {
                self.stopped.clone_from(&enough);
                enough
            }
            Err(error) => {
                let why = error.to_string();
                self.problem = Some(error);
                Some(why)
            }
        }
    }

    fn goes_on(&mut self, at: Duration, events: u64) -> bool {
        let shown = *self.shown.get_or_insert_with(now);
        if SILENCE <= now() - shown && self.display.tells() {
            self.shown = Some(now());
            self.display.message(&format!(
                "{} of virtual time so far, {events} events",
                span(at)
            ));
        }
        !self
            .interrupted
            .is_some_and(|interrupted| interrupted.load(Ordering::Relaxed))
    }
}

/// Judges the final parameters, writes the files and prints the summary.
fn finish(
    job: &ResolvedJob,
    mut onlooker: Onlooker<'_>,
    (history, (spent, simulating)): (&History, (Duration, Duration)),
    (folder, options): (&RunFolder, &SimulateOptions),
) -> Result<(RunStatus, RunEnd)> {
    if let Some(problem) = onlooker.problem.take() {
        return Err(problem);
    }
    let mut view = ClusterView::from(&history.statuses[..]);
    view.bytes_pushed = history.usage.pushed_bytes;
    view.bytes_pulled = history.usage.pulled_bytes;
    let (layout, parameters) = (job.blueprint.model.layout(), &history.parameters);
    onlooker.note(history.virtual_time, parameters, &view)?;
    let final_scores = onlooker.judge.last(parameters)?;
    let finite = parameters.iter().all(|x| x.is_finite());
    let (status, end, cause) = match (history.fault(), finite) {
        (Some(cause), _) if history.interrupted => {
            (RunStatus::Interrupted, RunEnd::Interrupted, Some(cause))
        }
        (Some(cause), _) => (RunStatus::Failed, RunEnd::Failed, Some(cause)),
        (None, true) => (RunStatus::Done, RunEnd::Done, None),
        (None, false) => {
            let advice = format!(
                "a parameter is no finite number; try an [optimizer] lr below {}",
                job.blueprint.config.optimizer.lr
            );
            (RunStatus::Diverged, RunEnd::Diverged, Some(advice))
        }
    };
    let missed = onlooker.stopping.missed();
    for note in notes(history, &options.physics).into_iter().chain(missed) {
        onlooker.display.message(&format!("note: {note}"));
    }
    let evaluate = onlooker.judge.spent();
    let outcome = Outcome {
        status,
        cause,
        stopped: onlooker.stopped,
        best: onlooker.best,
        divergence: None,
        wall: spent,
        evaluate,
        curve: onlooker.curve,
        final_scores,
        parameters: Some(Counts::of(layout, parameters)),
    };
    folder.write_parameters(layout, parameters, &provenance(job, &view))?;
    let mut report = Report::new(&facts(job), outcome, &view);
    let simulation = SimulationReport::new(history, simulating, &options.physics);
    report.socket.received = history.usage.to_servers_bytes;
    report.socket.sent = history.usage.to_workers_bytes;
    report.conditions = ConditionsReport::in_virtual_time(&options.physics);
    report.simulation = Some(simulation);
    onlooker.display.finish();
    folder.write_report(&report)?;
    folder.write_page(&report, &job.blueprint.config.to_toml())?;
    let files = [folder.path().to_owned()];
    say_out(&match options.json {
        true => serde_json::to_string_pretty(&report)?,
        false => render_summary(&report, &files, Look::of_stdout()),
    });
    Ok((status, end))
}

/// What went otherwise than was asked for.
fn notes(history: &History, physics: &Physics) -> Vec<String> {
    let conditions = &physics.conditions;
    let planned = conditions.kills.iter().chain(&conditions.joins);
    let late = planned.filter(|fault| history.virtual_time < fault.at.0);
    let late = late.map(|fault| format!("{fault} did not happen: the job had ended before"));
    let failures = history.failures.iter().map(ToString::to_string);
    late.chain(failures).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long simulating takes is measured, and decides nothing"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the run folder is named by the time"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
