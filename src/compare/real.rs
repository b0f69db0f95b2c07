//! Final runs with real processes: `thalweg train` as a child, whose report is read.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::result::{Measured, Run};
use crate::launch::output_of;
use crate::report::{Report, RunStatus};

/// Trains in processes, with these arguments after `thalweg train`, into the folder `out`.
pub(super) fn train_for_real(arguments: &[String], lr: f64, out: &Path) -> Result<Run> {
    let itself = std::env::current_exe().context("this program's own file is not known")?;
    let output = Command::new(itself)
        .arg("train")
        .args(arguments)
        .args(["--quiet", "--json", "--exit-with-parent", "--out"])
        .arg(out)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(output_of)
        .context("thalweg train cannot be started")?;
    let report: Report = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(_) => {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.lines().last().unwrap_or("it said nothing");
            return Ok(Run::failed(lr, last.to_owned()));
        }
    };
    Ok(run_of(&report, lr))
}

fn run_of(report: &Report, lr: f64) -> Run {
    let cause = report.cause.clone();
    let cause = || cause.unwrap_or_else(|| "it did not end as it should have".to_owned());
    Run::of(
        lr,
        Measured {
            scores: report.final_scores,
            curve: &report.curve,
            seconds: report.train_seconds,
            examples: report.examples,
            bytes: report.bytes_pushed + report.bytes_pulled,
            staleness_p50: report.staleness.p50,
            staleness_p99: report.staleness.p99,
            steps: 0,
            failed: match report.status {
                RunStatus::Done | RunStatus::Diverged => None,
                RunStatus::Failed | RunStatus::Interrupted => Some(cause()),
            },
        },
    )
}
