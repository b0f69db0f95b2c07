//! `thalweg demo`: a race of training methods, about a minute long.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Ending;
use crate::demo::{DemoOptions, demo};

/// Arguments of `thalweg demo`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the files go; a folder of its own below `demos` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// For programs: print the result as JSON (demo.json).
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let all_done = demo(&DemoOptions {
        out: arguments.out.clone(),
        json: arguments.json,
    })?;
    Ok(match all_done {
        true => Ending::Done,
        false => Ending::Failed,
    })
}
