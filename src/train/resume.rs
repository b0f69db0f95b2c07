//! A run that goes on after it was interrupted: in its own folder, from its servers' checkpoints, with the
//! curve that it had.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use thalweg_common::config::{JobConfig, Stop};
use thalweg_common::ids::ServerId;
use thalweg_common::message::Status;
use thalweg_server::checkpoint::{CheckpointError, Number, PASSED_OVER, folder_of, hold};
use thalweg_worker::data::stream::is_stream;

use super::run::now;
use super::stopping::Stopping;
use super::watch::Watch;
use crate::job::{REGISTRIES, draft_with, runs_on_threads};
use crate::report::{EvaluationPoint, FileError, Resumed, RunFolder, RunState, StateWord};
use crate::view::ClusterView;
use crate::view::units::grouped;

/// How long the processes of a launcher that was killed may take to notice and to end.
const ORPHANS_END_WITHIN: Duration = Duration::from_secs(15);

/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(200);

/// Refuses a job that cannot go on.
pub(super) fn check(config: &JobConfig) -> Result<()> {
    if is_stream(&config.data.name) {
        bail!(
            "--resume cannot go with `data.name` = \"{}\": what standard input brought is gone; start the job \
             anew",
            config.data.name
        );
    }
    if runs_on_threads(config) {
        bail!(
            "--resume cannot go with `method.name` = \"{}\": threads without a server keep no checkpoints",
            config.method.name
        );
    }
    Ok(())
}

/// What there was of a run before it was interrupted.
#[derive(Clone, Debug, Default)]
pub(super) struct Earlier {
    pub(super) curve: Vec<EvaluationPoint>,
    /// How long it had lasted.
    pub(super) lasted: Duration,
    /// Examples that it had committed by its last sign.
    pub(super) examples: u64,
    /// How long the log of each server was, bytes.
    logs: Vec<u64>,
}

/// A line of `metrics.jsonl`, as far as it is of use here.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Evaluation(Box<EvaluationPoint>),
    Status { seconds: f64, examples: u64 },
}

impl Earlier {
    /// Reads it from the run's folder, in which every server of `config` must have checkpoints.
    ///
    /// # Errors
    /// If one has none, or the folder is no run's, or that of a run with nothing left to do.
    pub(super) async fn of(folder: &RunFolder, config: &JobConfig) -> Result<Self> {
        judge_job(folder, config)?;
        let state = RunState::of(folder.path()).map(|state| state.state);
        if state == Some(StateWord::Diverged) {
            bail!(
                "--resume {}: the training of the run diverged, and would again from there; start another with a lower \
                 `optimizer.lr`, or from its best parameters (`model.init_from`)",
                folder.path().display()
            );
        }
        if state == Some(StateWord::Done) {
            bail!(
                "--resume {}: the run has ended, and nothing of its job is left to train; start another, from its \
                 parameters if these are to go on (`model.init_from`)",
                folder.path().display()
            );
        }
        let checkpoints = folder.checkpoints_path();
        let is_there = |path: &Path| path.try_exists().unwrap_or(true);
        if !is_there(&checkpoints) && !is_there(&log_of(folder, ServerId(0))) {
            bail!(
                "--resume {}: the run started no servers of its own, but joined some; these go on from the checkpoints \
                 where they keep them, when they are started again with the same command, and so does their job: \
                 join them again",
                folder.path().display()
            );
        }
        for server in (0..config.cluster.servers).map(ServerId) {
            let path = folder_of(&checkpoints, server);
            if !has_checkpoints(&path) {
                bail!(
                    "--resume: server {server} has no checkpoints in {}; it was to keep some there ([checkpoint] \
                     restarts above 0), and the job must have as many servers as it had",
                    path.display()
                );
            }
            wait_for_its_end(&path).await?;
        }
        let path = folder.metrics_path();
        let text = match fs::read_to_string(&path) {
            // A run that was killed at its very beginning had none yet.
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| path.display().to_string())?,
        };
        let servers = (0..config.cluster.servers).map(ServerId);
        let lengths =
            servers.map(|server| fs::metadata(log_of(folder, server)).map_or(0, |file| file.len()));
        Ok(Self {
            logs: lengths.collect(),
            ..Self::read(&text)
        })
    }

    fn read(text: &str) -> Self {
        let mut earlier = Self::default();
        for line in text.lines() {
            // A killed launcher may have left a piece of a line.
            let Ok(line) = serde_json::from_str(line) else {
                continue;
            };
            let seconds = match line {
                Line::Evaluation(point) => {
                    earlier.curve.push(*point);
                    point.seconds
                }
                Line::Status { seconds, examples } => {
                    earlier.examples = examples;
                    seconds
                }
            };
            let lasted = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            earlier.lasted = earlier.lasted.max(lasted);
        }
        earlier
    }
}

/// Refuses another job than that of the run's folder: its checkpoints are of that one.
fn judge_job(folder: &RunFolder, config: &JobConfig) -> Result<()> {
    let path = folder.job_path();
    let path = path.display().to_string();
    let (draft, _) = draft_with(Some(&path), &[])?;
    let differences = config.differences(&draft.check(&REGISTRIES)?);
    if !differences.is_empty() {
        bail!(
            "--resume goes on with the job of the run's folder, and this one has {}; only what concerns one \
             process alone may change (docs/JOB.md, \"The fingerprint\"): leave the others out, or start another \
             run",
            differences.join(", ")
        );
    }
    Ok(())
}

/// Servers of a launcher that was killed end by themselves a moment later.
async fn wait_for_its_end(folder: &Path) -> Result<()> {
    let by = now() + ORPHANS_END_WITHIN;
    loop {
        match hold(folder) {
            Err(CheckpointError::InUse { .. }) if now() < by => pause(LOOK).await,
            held => return held.map(drop).context("--resume"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the launcher bounds what it waits for"
)]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// What the servers said of checkpoints that they passed over when they returned.
pub(super) fn passed_over(folder: &RunFolder, earlier: &Earlier) -> Vec<String> {
    let mut told = Vec::new();
    for (server, length) in (0..).map(ServerId).zip(&earlier.logs) {
        let bytes = fs::read(log_of(folder, server)).unwrap_or_default();
        let since =
            usize::try_from(*length).map_or(&[][..], |length| bytes.get(length..).unwrap_or(&[]));
        let lines = String::from_utf8_lossy(since);
        let lines = lines.lines().filter(|line| line.contains(PASSED_OVER));
        told.extend(lines.map(|line| format!("server {server}: {line}")));
    }
    told
}

/// What a server of the run has said, if the run started it.
fn log_of(folder: &RunFolder, server: ServerId) -> PathBuf {
    folder.logs_path().join(format!("server-{server}.log"))
}

fn has_checkpoints(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.any(|name| name.parse::<Number>().is_ok())
}

impl Watch {
    /// Says where a run goes on that was interrupted, and forgets what of its curve will come again.
    ///
    /// # Errors
    /// [`FileError`] if the folder of the run keeps what is to be forgotten.
    pub(super) fn go_on(&mut self, statuses: &[Status]) -> Result<(), FileError> {
        let progress = ClusterView::from(statuses).progress;
        let Some(resumed) = &mut self.resumed else {
            return Ok(());
        };
        resumed.examples = progress;
        let before = resumed.examples_before;
        let curve = std::mem::take(&mut self.curve);
        let rules = &self.job.blueprint.config.stop;
        let rest = Rest::of(curve, progress, (rules, &self.folder))?;
        // After the best parameters: the curve says whose they are, also to who is killed between the two.
        self.metrics.forget_after(progress)?;
        (self.curve, self.stopping, self.best) = (rest.curve, rest.stopping, rest.best);
        self.display.message(&format!(
            "the run goes on after {} examples and {} evaluations; {} when it was last seen",
            grouped(progress),
            self.curve.len(),
            grouped(before)
        ));
        for status in statuses.iter().filter(|status| status.progress != progress) {
            self.display.message(&format!(
                "server {} goes on after {} examples: each returns to a checkpoint of its own",
                status.server,
                grouped(status.progress)
            ));
        }
        Ok(())
    }
}

/// What is left of a curve where its run goes on.
#[derive(Debug)]
struct Rest {
    curve: Vec<EvaluationPoint>,
    stopping: Stopping,
    /// The evaluation whose parameters are in the run's folder.
    best: Option<EvaluationPoint>,
}

impl Rest {
    /// Cuts a curve after so many committed examples. If the best of it goes, so do its parameters: those of the best
    /// that is left were written over, so that none is named until a better one comes.
    fn of(
        mut curve: Vec<EvaluationPoint>,
        progress: u64,
        (rules, folder): (&Stop, &RunFolder),
    ) -> Result<Self, FileError> {
        let (_, best) = judge_again(&curve, rules);
        if best.is_some_and(|best| progress < best.examples) {
            folder.remove_best()?;
        }
        curve.retain(|point| point.examples <= progress);
        let (stopping, best) = judge_again(&curve, rules);
        Ok(Self {
            best: best.filter(|_| folder.has_best()),
            stopping,
            curve,
        })
    }
}

/// What the rules have seen after a curve, and its best evaluation.
fn judge_again(curve: &[EvaluationPoint], rules: &Stop) -> (Stopping, Option<EvaluationPoint>) {
    let mut stopping = Stopping::new(rules.clone());
    let mut best = None;
    for point in curve {
        if stopping.look(point).is_best {
            best = Some(*point);
        }
    }
    (stopping, best)
}

/// That a run was resumed, before its servers have said where.
pub(super) fn resumed(earlier: Option<&Earlier>) -> Option<Resumed> {
    earlier.map(|earlier| Resumed {
        examples: 0,
        examples_before: earlier.examples,
        seconds: earlier.lasted.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use thalweg_worker::evaluate::Scores;

    use super::*;

    fn scored(examples: u64, loss: f64) -> EvaluationPoint {
        EvaluationPoint {
            examples,
            test: Some(Scores {
                loss: Some(loss),
                ..Scores::default()
            }),
            ..EvaluationPoint::default()
        }
    }

    /// A run that had kept its best parameters, and what is left of its curve after so many examples.
    fn rest_of(losses: &[(u64, f64)], progress: u64) -> (tempfile::TempDir, RunFolder, Rest) {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(Some(base.path().join("run")), "job", UNIX_EPOCH).unwrap();
        fs::write(folder.best_path(), "the best").unwrap();
        let curve = losses.iter().map(|(at, loss)| scored(*at, *loss)).collect();
        let rest = Rest::of(curve, progress, (&Stop::default(), &folder)).unwrap();
        (base, folder, rest)
    }

    #[test]
    fn a_best_that_is_left_is_named_and_its_parameters_stay() {
        let (_base, folder, rest) = rest_of(&[(0, 0.7), (64, 0.5), (128, 0.6)], 100);
        let examples: Vec<_> = rest.curve.iter().map(|point| point.examples).collect();
        assert_eq!(examples, [0, 64]);
        assert_eq!(rest.best.map(|best| best.examples), Some(64));
        assert!(folder.has_best());
    }

    #[test]
    fn a_best_that_was_lost_takes_its_parameters_along_and_none_is_named_for_it() {
        let (_base, folder, mut rest) = rest_of(&[(0, 0.7), (64, 0.6), (128, 0.5)], 100);
        assert!(!folder.has_best());
        assert_eq!(rest.best, None);
        // It still is what others must beat.
        assert!(!rest.stopping.look(&scored(128, 0.65)).is_best);
        assert!(rest.stopping.look(&scored(192, 0.55)).is_best);
        // Nor is one named by a run that goes on again before that.
        let rules = (&Stop::default(), &folder);
        let again = Rest::of(rest.curve, 100, rules).unwrap();
        assert_eq!(again.best, None);
    }

    #[test]
    fn the_curve_and_the_time_are_read_and_a_torn_line_is_passed_over() {
        let text = "{\"kind\":\"status\",\"seconds\":1.0,\"phase\":\"training\",\"examples\":64}\n\
                    {\"kind\":\"evaluation\",\"seconds\":2.5,\"train_seconds\":2.0,\"examples\":64,\"epoch\":0.5}\n\
                    {\"kind\":\"status\",\"seconds\":3.25,\"examples\":96}\n\
                    {\"kind\":\"evaluation\",\"sec";
        let earlier = Earlier::read(text);
        assert_eq!(earlier.lasted, Duration::from_millis(3_250));
        assert_eq!(earlier.examples, 96);
        let examples: Vec<_> = earlier.curve.iter().map(|point| point.examples).collect();
        assert_eq!(examples, [64]);
    }
}
