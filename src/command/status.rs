//! `thalweg status`: who waits for whom, since when, and why.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{Ending, say};
use crate::observe::{Glance, glance, latest_servers};
use crate::view::{ClusterView, Look, render_status};

/// How long to wait for an answer of a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where `thalweg server` listens if it is told nothing else.
const USUAL: &str = "127.0.0.1:7700";

/// Where `thalweg train` notes its last run.
const LATEST: &str = "runs/latest";

/// Arguments of `thalweg status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Servers that do not answer are named with the cause. The exit code is 0 if \
                        at least one answered, else 1."
)]
pub(super) struct Arguments {
    /// The servers of the job, in any order. Not given: those of the run that `thalweg train`
    /// started last below this folder (runs/latest), else 127.0.0.1:7700.
    #[arg(value_name = "HOST:PORT,…", value_delimiter = ',')]
    servers: Vec<String>,

    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let seen = runtime.block_on(look(&arguments.servers))?;
    let view = ClusterView::from(&seen);
    if arguments.json {
        say(&serde_json::to_string_pretty(&view)?);
    } else {
        say(&render_status(&view, Look::of_stdout()));
    }
    Ok(Ending::Done)
}

/// Looks at the servers that were named, or at those that can be guessed; at least one answers.
async fn look(named: &[String]) -> Result<Glance> {
    if !named.is_empty() {
        let seen = glance(named, PATIENCE).await;
        if seen.statuses.is_empty() {
            bail!("no server answers: {}", seen.silent.join("; "));
        }
        return Ok(seen);
    }
    let latest = latest_servers(Path::new(LATEST));
    let seen = glance(&latest, PATIENCE).await;
    if !seen.statuses.is_empty() {
        return Ok(seen);
    }
    let usual = glance(&[USUAL.to_owned()], PATIENCE).await;
    if !usual.statuses.is_empty() {
        return Ok(usual);
    }
    let latest = if latest.is_empty() {
        format!("{LATEST} lists no servers (a job on threads has none)")
    } else {
        format!("the run in {LATEST} is over ({})", latest.join(", "))
    };
    bail!(
        "no job is running here: {latest}, and nobody serves at {USUAL}; name the servers: thalweg \
         status HOST:PORT,…"
    )
}
