//! `thalweg checkpoint`: lets the servers of a job write checkpoints now, or removes those of jobs that are
//! over.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_server::checkpoint::{Forgotten, Number, forget};
use thalweg_worker::transport::ask_for_checkpoint;

use super::credentials::CredentialOptions;
use super::options::patience;
use super::{Ending, say, say_error};
use crate::view::units::{bytes, counted};

/// How long a server may take to write a checkpoint, if nothing else is said.
const PATIENCE_SECONDS: f64 = 120.0;

/// Arguments of `thalweg checkpoint`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The servers of the job, or some of them. Each keeps checkpoints: it was started with --checkpoints.
    #[arg(
        long,
        required_unless_present = "forget",
        value_name = "HOST:PORT,…",
        value_delimiter = ','
    )]
    join: Vec<String>,

    /// Ask nobody: remove the checkpoints below this folder, which servers got as --checkpoints, so that their
    /// next job begins anew. As long as one of these servers runs, all stay.
    #[arg(long, conflicts_with = "join", value_name = "DIR")]
    forget: Option<PathBuf>,

    #[command(flatten)]
    credentials: CredentialOptions,

    /// How long each may take, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_SECONDS)]
    patience: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    match &arguments.forget {
        Some(folder) => forget_in(folder),
        None => ask(arguments),
    }
}

fn forget_in(folder: &Path) -> Result<Ending> {
    let forgotten = forget(folder).context("--forget")?;
    if forgotten.is_empty()
        && let Some(meant) = meant_by(folder)
    {
        bail!(
            "--forget {}: expected the folder that servers got as --checkpoints, which is {}",
            folder.display(),
            meant.display()
        );
    }
    if forgotten.is_empty() && !folder.is_dir() {
        bail!(
            "--forget {}: expected a folder that servers got as --checkpoints, found none",
            folder.display()
        );
    }
    if forgotten.is_empty() {
        say(&format!(
            "{}: no server keeps checkpoints there",
            folder.display()
        ));
    }
    for Forgotten { folder, removed } in &forgotten {
        say(&match removed {
            Some(removed) => format!(
                "{}: {} removed",
                folder.display(),
                counted(*removed as u64, "checkpoint")
            ),
            None => format!("{}: stays, as a server of its job runs", folder.display()),
        });
    }
    Ok(Ending::Done)
}

/// The folder that was meant where that of one server, a checkpoint or a run is named.
fn meant_by(folder: &Path) -> Option<PathBuf> {
    let is_of_a_server = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("server-"))
    };
    let below = folder.join("checkpoints");
    if below.is_dir() {
        return Some(below);
    }
    let above = folder
        .ancestors()
        .take(2)
        .find(|path| is_of_a_server(path))?;
    Some(
        above
            .parent()
            .filter(|path| *path != Path::new(""))
            .unwrap_or(Path::new("."))
            .to_owned(),
    )
}

fn ask(arguments: &Arguments) -> Result<Ending> {
    let patience = patience(arguments.patience)?;
    let credentials = arguments.credentials.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut ending = Ending::Done;
    for address in &arguments.join {
        match runtime.block_on(ask_for_checkpoint(address, &credentials, patience)) {
            Ok(written) => say(&format!(
                "{address}: {}, {} in {:.2} s",
                Number(written.number),
                bytes(written.bytes),
                written.took.as_secs_f64()
            )),
            Err(error) => {
                say_error(&format!("error: {error}"));
                ending = Ending::Failed;
            }
        }
    }
    Ok(ending)
}
