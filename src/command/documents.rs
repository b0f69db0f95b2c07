//! `thalweg completions` and `thalweg man`: what shells and readers of manuals need, from the definition
//! of the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Ending, say};

/// Arguments of `thalweg completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// The shell.
    shell: Shell,
}

/// Arguments of `thalweg man`.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The folder in which the pages are written, one per command.
    #[arg(long, value_name = "DIR", default_value = "man")]
    out: PathBuf,
}

/// Prints completions.
pub(super) fn completions(arguments: &CompletionArguments) -> Result<Ending> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "thalweg", &mut text);
    say(String::from_utf8_lossy(&text).trim_end());
    Ok(Ending::Done)
}

/// Writes manual pages.
pub(super) fn man(arguments: &ManArguments) -> Result<Ending> {
    let folder = &arguments.out;
    let place = || folder.display().to_string();
    std::fs::create_dir_all(folder).with_context(place)?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(place)?;
    say(&format!(
        "manual pages are in {}: man -l {}",
        folder.display(),
        folder.join("thalweg.1").display()
    ));
    Ok(Ending::Done)
}
