//! `metrics.jsonl`: what was measured, one line as soon as it is known, so that a run can be
//! followed, and judged even if it is killed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thalweg_common::ids::WorkerId;
use thalweg_common::message::{Phase, WorkerState};

use super::atomic::write_whole;
use super::{EvaluationPoint, FileError};
use crate::view::{ClusterView, Staleness};

/// The growing file. Every line goes to the system whole, at once.
#[derive(Debug)]
pub struct MetricsLog {
    file: File,
    path: PathBuf,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Evaluation(&'a EvaluationPoint),
    Status(StatusSample),
}

/// Of a line that was written before, what says where in the run it belongs.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Written {
    Evaluation {
        examples: u64,
    },
    #[serde(other)]
    Other,
}

#[derive(Serialize)]
struct StatusSample {
    seconds: f64,
    train_seconds: f64,
    phase: Phase,
    examples: u64,
    examples_total: u64,
    train_loss: Option<f64>,
    rate_factor: f64,
    staleness: StalenessSample,
    bytes_pushed: u64,
    bytes_pulled: u64,
    workers: Vec<WorkerSample>,
}

#[derive(Serialize)]
struct StalenessSample {
    p50: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize)]
struct WorkerSample {
    worker: WorkerId,
    state: WorkerState,
    clock: u64,
    examples: u64,
    waits_on: Vec<WorkerId>,
    waits_seconds: f64,
}

impl MetricsLog {
    pub(super) fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create(path).map_err(FileError::at(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Opens one at its end, on a line of its own. A run that was killed at its very beginning had none yet.
    pub(super) fn reopen(path: &Path) -> Result<Self, FileError> {
        let mut options = File::options();
        let file = options
            .append(true)
            .create(true)
            .open(path)
            .map_err(FileError::at(path))?;
        let mut log = Self {
            file,
            path: path.to_owned(),
        };
        let text = fs::read(path).map_err(FileError::at(path))?;
        if text.last().is_some_and(|last| *last != b'\n') {
            log.file.write_all(b"\n").map_err(FileError::at(path))?;
        }
        Ok(log)
    }

    /// Drops the evaluations after so many committed examples: the run goes on from there, and what comes is to
    /// follow on what is left. How things stood stays: it says how long the run has lasted and how far it had come.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read or replaced.
    pub fn forget_after(&mut self, examples: u64) -> Result<(), FileError> {
        let text = fs::read(&self.path).map_err(FileError::at(&self.path))?;
        let is_lost = |line: &[u8]| {
            matches!(
                serde_json::from_slice::<Written>(line),
                Ok(Written::Evaluation { examples: at }) if examples < at
            )
        };
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let kept: Vec<_> = lines.filter(|line| !is_lost(line)).collect();
        let kept = kept.concat();
        if kept.len() < text.len() {
            write_whole(&self.path, |file| file.write_all(&kept))?;
            // What is open is the file that was replaced.
            *self = Self::reopen(&self.path)?;
        }
        Ok(())
    }

    /// Adds an evaluation.
    ///
    /// # Errors
    /// [`FileError`] if the line cannot be written.
    pub fn evaluation(&mut self, point: &EvaluationPoint) -> Result<(), FileError> {
        self.line(&Line::Evaluation(point))
    }

    /// Adds how things stood `seconds` after the run began.
    ///
    /// # Errors
    /// [`FileError`] if the line cannot be written.
    pub fn status(&mut self, seconds: f64, view: &ClusterView) -> Result<(), FileError> {
        self.line(&Line::Status(StatusSample::new(seconds, view)))
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), FileError> {
        let mut text = serde_json::to_vec(line).expect("plain numbers and words are JSON");
        text.push(b'\n');
        self.file
            .write_all(&text)
            .map_err(FileError::at(&self.path))
    }
}

impl StatusSample {
    fn new(seconds: f64, view: &ClusterView) -> Self {
        let staleness = Staleness::from(&view.staleness);
        let workers = view.workers.iter().map(|row| WorkerSample {
            worker: row.worker,
            state: row.state,
            clock: row.clock.0,
            examples: row.examples,
            waits_on: row
                .wait
                .as_ref()
                .map_or_else(Vec::new, |wait| wait.on.clone()),
            waits_seconds: row
                .wait
                .as_ref()
                .map_or(0.0, |wait| wait.since.as_secs_f64()),
        });
        Self {
            seconds,
            train_seconds: view.trained.as_secs_f64(),
            phase: view.phase,
            examples: view.progress,
            examples_total: view.examples_total,
            train_loss: view.train_loss,
            rate_factor: view.rate_factor,
            staleness: StalenessSample {
                p50: staleness.p50,
                p99: staleness.p99,
                max: staleness.max,
            },
            bytes_pushed: view.bytes_pushed,
            bytes_pulled: view.bytes_pulled,
            workers: workers.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;
    use crate::report::fixtures::point;
    use crate::view::fixtures::two_servers;

    #[test]
    fn every_line_is_there_as_soon_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::create(&path).unwrap();
        let lines = || -> Vec<Value> {
            let text = fs::read_to_string(&path).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        log.status(5.5, &ClusterView::from(&two_servers()[..]))
            .unwrap();
        assert_eq!(lines()[0]["kind"], "status");
        assert_eq!(lines()[0]["workers"][2]["waits_on"][0], 0);
        log.evaluation(&point()).unwrap();
        assert_eq!(lines()[1]["kind"], "evaluation");
        assert_eq!(lines()[1]["test"]["auc"], 0.7291);
        log.status(0.0, &ClusterView::of_nobody()).unwrap();
        assert_eq!(lines().len(), 3);
    }

    #[test]
    fn a_log_that_was_never_begun_is_begun_when_its_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        MetricsLog::reopen(&path)
            .unwrap()
            .evaluation(&point())
            .unwrap();
        MetricsLog::reopen(&path)
            .unwrap()
            .evaluation(&point())
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn evaluations_that_were_lost_are_forgotten_and_all_the_rest_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let evaluation =
            |examples| format!("{{\"kind\":\"evaluation\",\"examples\":{examples}}}\n");
        let status = |examples| format!("{{\"kind\":\"status\",\"examples\":{examples}}}\n");
        let torn = "{\"kind\":\"evaluation\",\"exam";
        let before = [evaluation(64), status(96), evaluation(128), status(130)].concat();
        fs::write(&path, format!("{before}{}{torn}", evaluation(129))).unwrap();
        let mut log = MetricsLog::reopen(&path).unwrap();
        log.forget_after(128).unwrap();
        log.evaluation(&EvaluationPoint {
            examples: 160,
            ..point()
        })
        .unwrap();
        let after = fs::read_to_string(&path).unwrap();
        let added = after.strip_prefix(&format!("{before}{torn}\n")).unwrap();
        let added: Value = serde_json::from_str(added).unwrap();
        assert_eq!(added["examples"], 160);
        log.forget_after(160).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
