//! `thalweg status`: who waits for whom, since when, and why.

use anyhow::{Context, Result};
use clap::Args;

use super::{Ending, say};
use crate::observe::Observer;
use crate::view::{ClusterView, Look, render_status};

/// How long to wait for a server.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Arguments of `thalweg status`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The servers of the job, server 0 first.
    #[arg(
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        default_value = "127.0.0.1:7700"
    )]
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
    runtime.block_on(async {
        let observer = Observer::attach(&arguments.servers, PATIENCE).await?;
        let view = ClusterView::from(&observer.statuses().await?[..]);
        observer.leave().await?;
        if arguments.json {
            say(&serde_json::to_string_pretty(&view)?);
        } else {
            say(&render_status(&view, Look::of_stdout()));
        }
        Ok(Ending::Done)
    })
}
