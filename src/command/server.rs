//! `thalweg server`: one server of a job.

mod keeping;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use thalweg_common::config::Data;
use thalweg_common::ids::{Life, ServerId};
use thalweg_common::time::Time;
use thalweg_proto::security::Keys;
use thalweg_server::ingress::{DataFile, End, Reach, ServeOptions, listen, serve};
use thalweg_server::{Plan, Server};
use thalweg_worker::data;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::credentials::server_keys;
use super::invitation::{Warning, invitation, reached_at};
use super::options::JobOptions;
use super::stop::told_to_stop_hearing;
use super::{Ending, log, say, say_error};
use crate::job::{
    Blueprint, available, blueprint, check_server_fits, resolve, serve_options, server_plan,
};
use crate::status_page::LivePages;

/// How long a server that nobody needs any more still tells `thalweg status --watch` how the job ended. Of the servers of
/// a run this stands in the run's folder.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Arguments of `thalweg server`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    /// Which server of the job this is, from 0. Server 0 also runs the coordinator.
    #[arg(long, default_value_t = 0)]
    index: u32,

    /// Where to listen. Off loopback this needs --certs or --insecure, or the job's `cluster.insecure_listen`.
    #[arg(long, default_value = "127.0.0.1:7700", value_name = "HOST:PORT")]
    listen: String,

    /// Where to show a status page for browsers, /, and to tell metrics for Prometheus, /metrics, with /healthz
    /// and /readyz, over HTTP (docs/METRICS.md). Off loopback as with --listen.
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,

    /// What to show to callers, and whom to know: the folder `server` that `thalweg certs` made. Everybody is then
    /// asked who they are, and everything is encrypted; only metrics on loopback stay open.
    #[arg(long, value_name = "FOLDER")]
    certs: Option<PathBuf>,

    /// Listen off loopback although nothing is encrypted and nobody is asked who they are.
    #[arg(long, conflicts_with = "certs")]
    insecure: bool,

    /// Keep checkpoints there, in a folder for each server, and return from the newest when started again
    /// with the same command. How often is the job's `checkpoint.every_seconds`; the signal USR1 and `thalweg
    /// checkpoint` ask for one at once.
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,

    /// Where --checkpoints has those of another job, remove them instead of refusing to start.
    #[arg(long, requires = "checkpoints")]
    forget_other_jobs: bool,

    /// Where the job of the checkpoints has failed, end with 0 and not with 1: what starts again whoever ends with an
    /// error, as a container's restart policy, then leaves this server alone.
    #[arg(long, requires = "checkpoints", conflicts_with = "despite_failure")]
    rest_if_failed: bool,

    /// Do not say where others join and look: what a container would name, no other machine can reach.
    #[arg(long, hide = true)]
    no_invitation: bool,

    /// Go on with the job of the checkpoints also if it has failed.
    #[arg(long, requires = "checkpoints")]
    despite_failure: bool,

    /// End when standard input ends: the launcher holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let blueprint = blueprint_of(arguments)?;
    let mut plan = Plan {
        life: new_life(),
        ..server_plan(&blueprint, arguments.index)?
    };
    if !arguments.exit_with_parent {
        plan.bounds.last_look = LAST_LOOK;
    }
    check_server_fits(&blueprint, ServerId(arguments.index), available())?;
    if let (Some(folder), false) = (&arguments.checkpoints, arguments.despite_failure)
        && let Some(failure) = keeping::failure(folder, &blueprint, &plan)
    {
        ensure!(arguments.rest_if_failed, "{failure}");
        say_error(&failure);
        return Ok(Ending::Done);
    }
    let process = log::process("server");
    process.record("index", arguments.index);
    let _inside = process.enter();
    let runtime = log::within(&process, Builder::new_multi_thread().enable_all())
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run_server(arguments, &blueprint, plan))
}

async fn run_server(arguments: &Arguments, blueprint: &Blueprint, plan: Plan) -> Result<Ending> {
    let keys = arguments.certs.as_deref().map(server_keys).transpose()?;
    let in_the_open = arguments.insecure || blueprint.config.cluster.may_listen_off_loopback();
    let reach = match keys.is_some() || in_the_open {
        true => Reach::Anywhere,
        false => Reach::Loopback,
    };
    check_ports(arguments)?;
    let listener = listen(&arguments.listen, reach).await?;
    let metrics = match &arguments.metrics {
        Some(address) => Some(listen(address, reach).await.context("--metrics")?),
        None => None,
    };
    // Only now: whoever has the port is the one that writes there.
    let (server, kept) = match &arguments.checkpoints {
        None => {
            tokio::spawn(keeping::refuse_signal());
            (Arc::new(Server::new(plan, Time::ZERO)?), None)
        }
        Some(folder) => {
            let kept = keeping::keep((folder, arguments.forget_other_jobs), blueprint, plan)
                .context("--checkpoints")?;
            tokio::spawn(keeping::on_signal(kept.keeper.clone()));
            (kept.server.clone(), Some(kept))
        }
    };
    let places = (&listener, metrics.as_ref());
    let _warning = tell_where(arguments, blueprint, places, keys.as_ref())?;
    let pages = Arc::new(LivePages::new(
        arguments.index,
        blueprint.config.cluster.servers,
    ));
    let heard = pages.clone();
    let hear = move |line: &[u8]| heard.hear(line);
    let stop = async {
        match told_to_stop_hearing(arguments.exit_with_parent, hear).await {
            Ok(why) => why,
            Err(error) => format!("signals cannot be heard: {error}"),
        }
    };
    let options = ServeOptions {
        metrics: metrics.map(Arc::new),
        keys,
        status_pages: Some(pages),
        keeper: kept.as_ref().map(|kept| kept.keeper.clone()),
        data: (arguments.index == 0).then(|| training_rows(blueprint)),
        ..serve_options(blueprint, arguments.index)
    };
    let ended = serve(server, listener, options, stop).await;
    if let Some(kept) = &kept {
        kept.keeper.end();
    }
    match ended? {
        End::Finished => Ok(Ending::Done),
        End::Failed(cause) => {
            say_error(&format!("server {} ended early: {cause}", arguments.index));
            Ok(Ending::Failed)
        }
    }
}

/// Sessions and pages are served on two ports. Port 0 is another one each time.
fn check_ports(arguments: &Arguments) -> Result<()> {
    let metrics = arguments.metrics.as_deref();
    let is_one = metrics == Some(&arguments.listen) && !arguments.listen.ends_with(":0");
    ensure!(
        !is_one,
        "--metrics {}: expected a port of its own, found that of --listen; 9600 is the usual one",
        arguments.listen
    );
    Ok(())
}

/// Says where the server is and how others join it, unless nobody can. Whoever keeps the answer keeps warning of a port
/// that is open to all.
fn tell_where(
    arguments: &Arguments,
    blueprint: &Blueprint,
    (listener, metrics): (&TcpListener, Option<&TcpListener>),
    keys: Option<&Keys>,
) -> Result<Option<Warning>> {
    let (address, index) = (listener.local_addr()?, arguments.index);
    let servers = blueprint.config.cluster.servers;
    let name = &blueprint.config.name;
    say(&format!(
        "server {index} of {servers} of job {name} listens on {address}"
    ));
    if let Some(metrics) = metrics.filter(|_| !arguments.no_invitation) {
        let bound = metrics.local_addr()?;
        let scheme = match keys.is_some() && !is_loopback(bound) {
            true => "https",
            false => "http",
        };
        let address = reached_at(bound);
        say(&format!(
            "its status page is at {scheme}://{address}/, its metrics at {scheme}://{address}/metrics"
        ));
    }
    let (Some(keys), Some(folder)) = (keys, &arguments.certs) else {
        return Ok((!is_loopback(address)).then(|| Warning::start(address)));
    };
    if !arguments.no_invitation {
        say(&invitation(folder, (address, index, servers), keys)?);
    }
    Ok(None)
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The training rows for workers that have none, read here when the first of them asks.
fn training_rows(blueprint: &Blueprint) -> DataFile {
    let data = blueprint.config.data.clone();
    DataFile::new(move || export(&data).map_err(|words| format!("the training rows: {words}")))
}

/// Reads the data and writes their training rows into a file that nobody else sees: it has no name.
fn export(section: &Data) -> Result<File, String> {
    let loaded = data::load(&section.name, &section.options, Path::new("."));
    let rows = loaded.map_err(|error| error.to_string())?.train;
    let expected = section.resolved.as_ref().map(|resolved| resolved.hash);
    if expected.is_some_and(|expected| expected != rows.content_hash()) {
        return Err("those here are not the ones that the job was resolved with".to_owned());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("rows");
    data::export_rows(rows.as_ref(), &path).map_err(|error| error.to_string())?;
    File::open(path).map_err(|error| error.to_string())
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
