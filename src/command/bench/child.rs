//! Another command of this program, as a process of its own, whose report is read.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::launch::output_of;
use crate::report::Report;

/// Runs `thalweg COMMAND ARGUMENTS` into the folder `out`; `what` names it in errors.
///
/// # Errors
/// If it cannot be started, ends otherwise than well, or prints no report.
pub(super) fn report_of<A: AsRef<OsStr>>(
    command: &str,
    arguments: impl IntoIterator<Item = A>,
    (out, what): (&Path, &str),
) -> anyhow::Result<Report> {
    let this = env::current_exe().context("cannot find this program")?;
    let ends_with_us = (command == "train").then_some("--exit-with-parent");
    let output = Command::new(this)
        .arg(command)
        .args(ends_with_us)
        .args(arguments)
        .args(["--quiet", "--json", "--out"])
        .arg(out)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .and_then(output_of)
        .with_context(|| format!("cannot start {what}"))?;
    if !output.status.success() {
        bail!("{what} ended ({})", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{what} printed no report"))
}
