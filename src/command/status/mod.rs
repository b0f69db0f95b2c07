//! `thalweg status`: who waits for whom, since when, and why; and what happened before. Once, or again and again
//! until the job ends.

mod screen;
mod watch;

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{HISTORY_TOLD_MAX, StatusRequest};
use thalweg_proto::security::Credentials;

use super::credentials::CredentialOptions;
use super::options::{PATIENCE_SECONDS, patience};
use super::{Ending, say};
use crate::observe::{Glance, glance, latest_servers};
use crate::view::units::counted;
use crate::view::{ClusterView, Look, history, render_history, render_status};

/// How long to wait for an answer of a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two pages, seconds: from what can be read to what is still a watch.
const INTERVALS: RangeInclusive<f64> = 0.1..=3_600.0;

/// Where `thalweg server` listens if it is told nothing else.
const USUAL: &str = "127.0.0.1:7700";

/// Where `thalweg train` notes its last run.
const LATEST: &str = "runs/latest";

/// Arguments of `thalweg status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Servers that do not answer are named with the cause. The exit code is 0 if \
                        at least one answered, else 1. With --watch it is 0 when the job has ended, 1 when no \
                        server answered for --patience, 130 after Ctrl-C."
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

    /// Show it again every so many seconds, 1 if no number is given, until the job ends: in place on a terminal, else
    /// page after page. A server that stops answering is shown as such.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = interval)]
    watch: Option<Duration>,

    /// Watching ends when no server has answered for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_SECONDS, requires = "watch")]
    patience: f64,

    #[command(flatten)]
    credentials: CredentialOptions,

    /// Print as JSON; the history beside how things stand. With --watch one document per line.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// What servers are asked.
    fn asked(&self) -> StatusRequest {
        StatusRequest {
            history: self.history.unwrap_or(0),
            worker: self.worker.map(WorkerId),
        }
    }

    /// What was seen, as it is shown.
    fn view(&self, seen: &Glance) -> ClusterView {
        let last = self.history.map(|last| last as usize);
        ClusterView {
            history: last.map(|last| history(&seen.statuses, last)),
            ..ClusterView::from(seen)
        }
    }

    /// The page of a view for people.
    fn page(&self, view: &ClusterView) -> String {
        match self.history {
            None => render_status(view, Look::of_stdout()),
            Some(_) => render_history(view, Look::of_stdout()),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    if let Some(every) = arguments.watch {
        let patience = patience(arguments.patience)?;
        return runtime.block_on(watch::run(arguments, every, patience));
    }
    let (_, seen) = runtime.block_on(look(arguments, &arguments.credentials.load()?))?;
    if seen.statuses.is_empty() {
        bail!("no server answers: {}", seen.silent.join("; "));
    }
    judge_worker(arguments, &seen)?;
    let view = arguments.view(&seen);
    say(&match arguments.json {
        true => serde_json::to_string_pretty(&view)?,
        false => arguments.page(&view),
    });
    Ok(Ending::Done)
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| INTERVALS.contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        let (least, most) = (INTERVALS.start(), INTERVALS.end());
        format!("expected seconds, {least} to {most}; name servers before --watch")
    })
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
fn judge_worker(arguments: &Arguments, seen: &Glance) -> Result<()> {
    let slots = seen.statuses.iter().map(|status| status.workers.len());
    match (arguments.worker, slots.max()) {
        (Some(worker), Some(slots)) if slots <= worker as usize => bail!(
            "--worker {worker}: the job has {}, numbered from 0",
            counted(slots as u64, "worker")
        ),
        _ => Ok(()),
    }
}

/// Looks at the servers that were named, or at those that can be guessed, of which one answers. Says whom it
/// looked at, too.
async fn look(arguments: &Arguments, credentials: &Credentials) -> Result<(Vec<String>, Glance)> {
    let (named, asked) = (&arguments.servers, arguments.asked());
    if !named.is_empty() {
        return Ok((
            named.clone(),
            glance(named, credentials, asked, PATIENCE).await,
        ));
    }
    let latest = latest_servers(Path::new(LATEST));
    let seen = glance(&latest, credentials, asked, PATIENCE).await;
    if !seen.statuses.is_empty() {
        return Ok((latest, seen));
    }
    let usual = [USUAL.to_owned()];
    let seen = glance(&usual, credentials, asked, PATIENCE).await;
    if !seen.statuses.is_empty() {
        return Ok((usual.to_vec(), seen));
    }
    let latest = if latest.is_empty() {
        format!(
            "{LATEST} lists no servers (a simulation and a job on threads have none, and a run with --out \
             elsewhere is not the latest)"
        )
    } else {
        format!("the run in {LATEST} is over ({})", latest.join(", "))
    };
    bail!(
        "no job is running here: {latest}, and nobody serves at {USUAL}; name the servers: thalweg \
         status HOST:PORT,…"
    )
}
