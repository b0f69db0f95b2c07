//! A run that goes on after it was interrupted: in its own folder, from its servers' checkpoints, with the
//! curve that it had.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use thalweg_common::config::JobConfig;
use thalweg_common::ids::ServerId;
use thalweg_common::message::Status;
use thalweg_server::checkpoint::{Number, folder_of};
use thalweg_worker::data::stream::is_stream;

use super::stopping::Stopping;
use super::watch::Watch;
use crate::job::runs_on_threads;
use crate::report::{EvaluationPoint, Resumed, RunFolder, RunState, StateWord};
use crate::view::ClusterView;
use crate::view::units::grouped;

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
}

/// A line of `metrics.jsonl`, as far as it is of use here.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Evaluation(Box<EvaluationPoint>),
    Status { seconds: f64 },
}

impl Earlier {
    /// Reads it from the run's folder, in which every server of `config` must have checkpoints.
    ///
    /// # Errors
    /// If one has none, or the folder is no run's, or that of a run with nothing left to do.
    pub(super) fn of(folder: &RunFolder, config: &JobConfig) -> Result<Self> {
        let state = RunState::of(folder.path()).map(|state| state.state);
        if matches!(state, Some(StateWord::Done | StateWord::Diverged)) {
            bail!(
                "--resume {}: the run has ended, and nothing of its job is left to train; start another, from its \
                 parameters if these are to go on (`model.init_from`)",
                folder.path().display()
            );
        }
        let checkpoints = folder.checkpoints_path();
        for server in (0..config.cluster.servers).map(ServerId) {
            let path = folder_of(&checkpoints, server);
            if !has_checkpoints(&path) {
                bail!(
                    "--resume: server {server} has no checkpoints in {}; it was to keep some there ([checkpoint] \
                     restarts above 0), and the job must have as many servers as it had",
                    path.display()
                );
            }
        }
        let path = folder.metrics_path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Self::read(&text))
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
                Line::Status { seconds } => seconds,
            };
            let lasted = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            earlier.lasted = earlier.lasted.max(lasted);
        }
        earlier
    }
}

fn has_checkpoints(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.any(|name| name.parse::<Number>().is_ok())
}

impl Watch {
    /// Says where a run goes on that was interrupted, and forgets what of its curve will come again.
    pub(super) fn go_on(&mut self, statuses: &[Status]) {
        let progress = ClusterView::from(statuses).progress;
        let Some(resumed) = &mut self.resumed else {
            return;
        };
        resumed.examples = progress;
        self.curve.retain(|point| point.examples <= progress);
        let mut stopping = Stopping::new(self.job.blueprint.config.stop.clone());
        for point in &self.curve {
            if stopping.look(point).is_best {
                self.best = Some(*point);
            }
        }
        self.stopping = stopping;
        self.display.message(&format!(
            "the run goes on after {} examples and {} evaluations",
            grouped(progress),
            self.curve.len()
        ));
    }
}

/// That a run was resumed, before its servers have said where.
pub(super) fn resumed(earlier: Option<&Earlier>) -> Option<Resumed> {
    earlier.map(|earlier| Resumed {
        examples: 0,
        seconds: earlier.lasted.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_and_the_time_are_read_and_a_torn_line_is_passed_over() {
        let text = "{\"kind\":\"status\",\"seconds\":1.0,\"phase\":\"training\"}\n\
                    {\"kind\":\"evaluation\",\"seconds\":2.5,\"train_seconds\":2.0,\"examples\":64,\"epoch\":0.5}\n\
                    {\"kind\":\"status\",\"seconds\":3.25}\n\
                    {\"kind\":\"evaluation\",\"sec";
        let earlier = Earlier::read(text);
        assert_eq!(earlier.lasted, Duration::from_millis(3_250));
        let examples: Vec<_> = earlier.curve.iter().map(|point| point.examples).collect();
        assert_eq!(examples, [64]);
    }
}
