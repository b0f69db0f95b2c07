//! What several commands have in common: which job, and what to change in it.

use anyhow::{Result, anyhow};
use clap::Args;
use thalweg_common::config::JobConfig;

use super::say_error;
use crate::job::{REGISTRIES, check_method, draft_with};

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
    /// The checked job, with `further` assignments after those of the command line.
    pub(super) fn config(&self, further: &[String]) -> Result<JobConfig> {
        let assignments = [&self.sets, further].concat();
        let (draft, note) = draft_with(self.job.as_deref(), &assignments)?;
        if let Some(note) = note {
            say_error(&format!("note: {note}"));
        }
        let config = draft.check(&REGISTRIES)?;
        check_method(&config).map_err(|words| anyhow!("{words}"))?;
        Ok(config)
    }
}
