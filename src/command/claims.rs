//! `thalweg claims`: what papers say of training methods, and whether it is so here.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Ending, INTERRUPTED};
use crate::claims::{ClaimsOptions, claims};
use crate::train::listen_beside;

/// Arguments of `thalweg claims`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The claims to look at: all, if none is named.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Run as little as shows that everything runs; the verdicts then mean nothing.
    #[arg(long)]
    quick: bool,

    /// Where the files go; a folder of its own below `claims` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    /// For programs: print claims.json (docs/DELAY.md) instead of the tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let is_whole = claims(&ClaimsOptions {
        names: arguments.names.clone(),
        quick: arguments.quick,
        out: arguments.out.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
        interrupted: listen_beside(INTERRUPTED)?,
    })?;
    Ok(match is_whole {
        true => Ending::Done,
        false => Ending::Interrupted,
    })
}
