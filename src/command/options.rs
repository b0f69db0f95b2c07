//! What several commands have in common: which job, and what to change in it.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use thalweg_common::config::JobConfig;

use super::flags::JobFlags;
use super::say_error;
use crate::job::{REGISTRIES, draft_with};

/// How long servers that are not up yet are waited for, if nothing else is said.
pub(super) const PATIENCE_SECONDS: f64 = 30.0;

/// The value of `--patience`.
pub(super) fn patience(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .with_context(|| format!("--patience {seconds}: expected seconds"))
}

/// A job and changes to it.
#[derive(Clone, Debug, Args)]
pub(super) struct JobOptions {
    /// A job file, or the name of a shipped job; the default is the job `flights`, or, if --set
    /// brings other data, a job of default values.
    pub(super) job: Option<String>,

    /// Set a key of the job: section.key=value. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}

impl JobOptions {
    /// The checked job, with what `flags` say under the assignments of the command line.
    pub(super) fn config_with(&self, flags: &JobFlags, further: &[String]) -> Result<JobConfig> {
        let (first, notes) = flags.assignments(&self.sets)?;
        for note in notes {
            say_error(&format!("note: {note}"));
        }
        let with_flags = Self {
            job: self.job.clone(),
            sets: [first, self.sets.clone()].concat(),
        };
        with_flags.config(further)
    }

    /// The checked job, with `further` assignments after those of the command line.
    pub(super) fn config(&self, further: &[String]) -> Result<JobConfig> {
        let assignments = [&self.sets, further].concat();
        let (draft, notes) = draft_with(self.job.as_deref(), &assignments)?;
        for note in notes {
            say_error(&format!("note: {note}"));
        }
        Ok(draft.check(&REGISTRIES)?)
    }
}
