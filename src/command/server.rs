//! `thalweg server`: one server of a job.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use thalweg_common::ids::{Life, ServerId};
use thalweg_common::time::Time;
use thalweg_server::ingress::{End, listen, serve};
use thalweg_server::{Plan, Server};

use super::options::JobOptions;
use super::stop::told_to_stop;
use super::{Ending, say, say_error};
use crate::job::{
    Blueprint, available, blueprint, check_server_fits, resolve, serve_options, server_plan,
};

/// Arguments of `thalweg server`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    /// Which server of the job this is, from 0. Server 0 also runs the coordinator.
    #[arg(long, default_value_t = 0)]
    index: u32,

    /// Where to listen. Off loopback the job must say so: `cluster.insecure_listen`.
    #[arg(long, default_value = "127.0.0.1:7700", value_name = "HOST:PORT")]
    listen: String,

    /// End when standard input ends: the launcher holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let blueprint = blueprint_of(arguments)?;
    let plan = Plan {
        life: new_life(),
        ..server_plan(&blueprint, arguments.index)?
    };
    check_server_fits(&blueprint, ServerId(arguments.index), available())?;
    let server = Arc::new(Server::new(plan, Time::ZERO)?);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(run_server(arguments, &blueprint, server))
}

async fn run_server(
    arguments: &Arguments,
    blueprint: &Blueprint,
    server: Arc<Server>,
) -> Result<Ending> {
    let words = &blueprint.config.cluster.insecure_listen;
    let listener = listen(&arguments.listen, words).await?;
    let address = listener.local_addr()?;
    say(&format!(
        "server {} of {} of job {} listens on {address}",
        arguments.index, blueprint.config.cluster.servers, blueprint.config.name
    ));
    let stop = async {
        match told_to_stop(arguments.exit_with_parent).await {
            Ok(why) => why,
            Err(error) => format!("signals cannot be heard: {error}"),
        }
    };
    let options = serve_options(blueprint, arguments.index);
    match serve(server, listener, options, stop).await? {
        End::Finished => Ok(Ending::Done),
        End::Failed(cause) => {
            say_error(&format!("server {} ended early: {cause}", arguments.index));
            Ok(Ending::Failed)
        }
    }
}

/// A resolved job needs no data here; any other is resolved now.
fn blueprint_of(arguments: &Arguments) -> Result<Blueprint> {
    let config = arguments.job.config(&[])?;
    if config.data.resolved.is_some() {
        return Ok(blueprint(config)?);
    }
    Ok(resolve(config, Path::new("."))?.blueprint)
}

/// A number that no earlier process had: hashers are seeded by the system.
#[expect(
    clippy::disallowed_methods,
    reason = "two lives of a server must differ, which is what a seed would prevent"
)]
fn new_life() -> Life {
    Life(RandomState::new().hash_one(std::process::id()))
}
