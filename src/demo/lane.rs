//! One method of the race: `thalweg train` as a process of its own, watched through the metrics that it writes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::report::{Report, RunStatus};

/// A method in the race, and what it stands on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Racer {
    pub(super) method: &'static str,
    /// Whether its workers wait for each other.
    pub(super) waits: bool,
    /// What it sets in the job, beside its name.
    pub(super) sets: &'static [&'static str],
}

/// A racer under way.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) racer: Racer,
    folder: PathBuf,
    child: Child,
    stdout: Option<ChildStdout>,
    /// Bytes of the metrics that were read.
    read: u64,
    /// Seconds of training, and test loss.
    pub(super) curve: Vec<(f64, f64)>,
    pub(super) end: Option<End>,
}

/// How a racer ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    /// Whether it trained to its end.
    pub(super) done: bool,
    /// Of training.
    pub(super) seconds: f64,
    pub(super) loss: Option<f64>,
    /// Whether the books have every row exactly once.
    pub(super) every_row_once: bool,
    pub(super) workers_lost: usize,
    /// Why it did not end as it should have.
    pub(super) cause: Option<String>,
}

#[derive(Deserialize)]
struct MetricsLine {
    kind: String,
    train_seconds: Option<f64>,
    test: Option<TestLoss>,
}

#[derive(Deserialize)]
struct TestLoss {
    loss: Option<f64>,
}

impl Lane {
    /// Starts a racer, whose run goes into `folder`.
    pub(super) fn start(racer: Racer, arguments: &[String], folder: PathBuf) -> Result<Self> {
        let itself = std::env::current_exe().context("this program's own file is not known")?;
        let mut command = Command::new(itself);
        command.arg("train").args(arguments);
        command.args(["--method", racer.method]);
        for set in racer.sets {
            command.args(["--set", set]);
        }
        let child = command
            .args(["--quiet", "--json", "--exit-with-parent", "--out"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.context("thalweg train cannot be started")?;
        Ok(Self {
            racer,
            folder,
            stdout: child.stdout.take(),
            child,
            read: 0,
            curve: Vec::new(),
            end: None,
        })
    }

    /// Takes in what has been written since the last look.
    pub(super) fn look(&mut self) -> Result<()> {
        // The end first: what was written before it is then seen, too.
        let ended = self.end.is_none() && self.child.try_wait()?.is_some();
        self.read_metrics(&self.folder.join("metrics.jsonl"));
        if ended {
            self.end = Some(self.read_report());
        }
        Ok(())
    }

    /// A file that is not there yet has nothing to tell; neither has a line that is not whole.
    fn read_metrics(&mut self, path: &Path) {
        let Ok(mut file) = File::open(path) else {
            return;
        };
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return;
        }
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while let Ok(length) = lines.read_line(&mut line)
            && line.ends_with('\n')
        {
            self.read += length as u64;
            self.curve.extend(point(&line));
            line.clear();
        }
    }

    fn read_report(&mut self) -> End {
        let mut text = String::new();
        let read = self
            .stdout
            .take()
            .map(|mut pipe| pipe.read_to_string(&mut text));
        let report: Option<Report> = read.and_then(|_| serde_json::from_str(&text).ok());
        let Some(report) = report else {
            return End {
                done: false,
                seconds: 0.0,
                loss: None,
                every_row_once: false,
                workers_lost: 0,
                cause: Some(format!(
                    "no report; see {}",
                    self.folder.join("logs").display()
                )),
            };
        };
        End {
            done: report.status == RunStatus::Done,
            seconds: report.train_seconds,
            loss: report.final_scores.test.and_then(|test| test.loss),
            every_row_once: !report.epochs_used.is_empty()
                && report.epochs_used.iter().all(|epoch| epoch.complete),
            workers_lost: report.lost_workers.len(),
            cause: report.cause,
        }
    }

    /// When the target was reached, if it was.
    pub(super) fn reached(&self, target: f64) -> Option<f64> {
        let reached = self.curve.iter().find(|(_, loss)| *loss <= target);
        reached.map(|(seconds, _)| *seconds)
    }

    /// Ends the process at once.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself meanwhile.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.kill();
        }
    }
}

/// The point of the curve that a line tells of, if it does.
fn point(line: &str) -> Option<(f64, f64)> {
    let line: MetricsLine = serde_json::from_str(line).ok()?;
    if line.kind != "evaluation" {
        return None;
    }
    Some((line.train_seconds?, line.test?.loss?))
}

#[cfg(test)]
mod tests {
    use super::point;

    #[test]
    fn only_evaluations_are_points_of_the_curve() {
        let line = |kind: &str| {
            format!(
                r#"{{"kind":"{kind}","seconds":9.0,"train_seconds":1.5,"test":{{"loss":0.25,"auc":1}}}}"#
            )
        };
        assert_eq!(point(&line("evaluation")), Some((1.5, 0.25)));
        assert_eq!(point(&line("status")), None);
        assert_eq!(point(r#"{"kind":"evaluation","train_seconds":1.5}"#), None);
        assert_eq!(point("{"), None);
    }
}
