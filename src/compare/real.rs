//! Final runs with real processes: `thalweg train` as a child, whose report is read.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::result::{Point, Run};
use crate::report::{EvaluationPoint, Report, RunStatus};

/// Trains in processes, with these arguments after `thalweg train`, into the folder `out`.
pub(super) fn train_for_real(arguments: &[String], lr: f64, out: &Path) -> Result<Run> {
    let itself = std::env::current_exe().context("this program's own file is not known")?;
    let output = Command::new(itself)
        .arg("train")
        .args(arguments)
        .args(["--quiet", "--json", "--out"])
        .arg(out)
        .stdin(Stdio::null())
        .output()
        .context("thalweg train cannot be started")?;
    let report: Report = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(_) => {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.lines().last().unwrap_or("it said nothing");
            return Ok(Run::failed(lr, last.to_owned()));
        }
    };
    if report.status == RunStatus::Interrupted {
        bail!("interrupted");
    }
    Ok(run_of(&report, lr))
}

fn run_of(report: &Report, lr: f64) -> Run {
    let scores = report.final_scores.test;
    let loss = scores.and_then(|test| test.loss);
    let loss = loss.or(report
        .final_scores
        .train
        .and_then(|train| train.scores.loss));
    let bytes = report.bytes_pushed + report.bytes_pulled;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count of bytes"
    )]
    let bytes_at = |point: &EvaluationPoint| {
        (bytes as f64 * point.examples as f64 / report.examples.max(1) as f64) as u64
    };
    let points = report.curve.iter().filter_map(|point| {
        Some(Point {
            seconds: point.train_seconds,
            epoch: point.epoch,
            bytes: bytes_at(point),
            loss: point.test.and_then(|test| test.loss).or(point.train_loss)?,
        })
    });
    Run {
        lr,
        loss: loss.filter(|loss| loss.is_finite() && report.status == RunStatus::Done),
        scores,
        seconds: report.train_seconds,
        seconds_to_target: None,
        bytes,
        staleness_p50: report.staleness.p50,
        staleness_p99: report.staleness.p99,
        curve: points.collect(),
        failed: (report.status != RunStatus::Done).then(|| {
            let cause = report.cause.clone();
            cause.unwrap_or_else(|| "it did not end as it should have".to_owned())
        }),
    }
}
