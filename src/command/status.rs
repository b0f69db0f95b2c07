//! `thalweg status`: who waits for whom, since when, and why; and what happened before.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{HISTORY_TOLD_MAX, StatusRequest};

use super::{Ending, say};
use crate::observe::{Glance, glance, latest_servers};
use crate::view::units::counted;
use crate::view::{ClusterView, Look, history, render_history, render_status};

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

    /// What happened instead of how things stand: the last N events of all servers, 20 if no N is given. Half of
    /// them may be joins, losses, fences and refusals, however many pushes came after.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20", value_parser = events)]
    history: Option<u32>,

    /// Only what happened to worker K.
    #[arg(long, value_name = "K", requires = "history")]
    worker: Option<u32>,

    /// Print as JSON; the history beside how things stand.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let asked = StatusRequest {
        history: arguments.history.unwrap_or(0),
        worker: arguments.worker.map(WorkerId),
    };
    let seen = runtime.block_on(look(&arguments.servers, asked))?;
    if let Some(worker) = asked.worker {
        judge_worker(worker, &seen)?;
    }
    let last = arguments.history.map(|last| last as usize);
    let view = ClusterView {
        history: last.map(|last| history(&seen.statuses, last)),
        ..ClusterView::from(&seen)
    };
    let text = match (arguments.json, last) {
        (true, _) => serde_json::to_string_pretty(&view)?,
        (false, None) => render_status(&view, Look::of_stdout()),
        (false, Some(_)) => render_history(&view, Look::of_stdout()),
    };
    say(&text);
    Ok(Ending::Done)
}

fn events(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|events| (1..=HISTORY_TOLD_MAX).contains(events))
        .ok_or_else(|| {
            format!(
                "expected a number of events, 1 to {HISTORY_TOLD_MAX}; name servers before --history"
            )
        })
}

/// Servers tell of every slot of the job.
fn judge_worker(worker: WorkerId, seen: &Glance) -> Result<()> {
    let slots = seen.statuses.iter().map(|status| status.workers.len());
    let slots = slots.max().unwrap_or(0);
    if slots <= worker.0 as usize {
        bail!(
            "--worker {worker}: the job has {}, numbered from 0",
            counted(slots as u64, "worker")
        );
    }
    Ok(())
}

/// Looks at the servers that were named, or at those that can be guessed; at least one answers.
async fn look(named: &[String], asked: StatusRequest) -> Result<Glance> {
    if !named.is_empty() {
        let seen = glance(named, asked, PATIENCE).await;
        if seen.statuses.is_empty() {
            bail!("no server answers: {}", seen.silent.join("; "));
        }
        return Ok(seen);
    }
    let latest = latest_servers(Path::new(LATEST));
    let seen = glance(&latest, asked, PATIENCE).await;
    if !seen.statuses.is_empty() {
        return Ok(seen);
    }
    let usual = glance(&[USUAL.to_owned()], asked, PATIENCE).await;
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
