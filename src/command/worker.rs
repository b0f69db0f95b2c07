//! `thalweg worker`: one worker of a job.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_common::config::{Draft, JobConfig};
use thalweg_common::ids::WorkerId;
use thalweg_common::seed::{self, Purpose};
use thalweg_worker::transport::{
    Contact, Ended, LinkOptions, Links, Member, Stopper, drive, find_job, join,
};
use thalweg_worker::worker::{Outcome, Place, Work, Worker};

use super::options::{PATIENCE_SECONDS, patience};
use super::stop::told_to_stop;
use super::{Ending, say, say_error};
use crate::job::{
    REGISTRIES, ResolvedJob, frame_limits, loop_settings, resolve, training_method, transforms,
};

/// Arguments of `thalweg worker`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The servers of the job, all of them, in any order.
    #[arg(
        long,
        required = true,
        value_name = "HOST:PORT,…",
        value_delimiter = ','
    )]
    join: Vec<String>,

    /// The wanted worker slot; the first free one if not given.
    #[arg(long, value_name = "SLOT")]
    worker: Option<u32>,

    /// How long to wait for servers that are not up yet, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_SECONDS)]
    patience: f64,

    /// End when standard input ends: the launcher holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let patience = patience(arguments.patience)?;
    let contact = runtime.block_on(find_job(&arguments.join, patience))?;
    let job = resolve_here(&contact)?;
    let place = runtime.block_on(register(arguments, &contact, &job, patience))?;
    say(&format!(
        "worker {} of job {}",
        place.worker, job.blueprint.config.name
    ));
    let links = Links::open(
        runtime.handle().clone(),
        &link_options(&contact, &job, &place),
    );
    runtime.spawn(stop_when_told(links.stopper(), arguments.exit_with_parent));
    let config = &job.blueprint.config;
    let work = Work {
        data: job.data.train.clone(),
        model: job.blueprint.model.clone(),
        transforms: transforms(&job.blueprint)?,
        method: training_method(config)?,
        map: job.blueprint.map.clone(),
    };
    let worker = Worker::new(place, loop_settings(config), work);
    let ended = drive(worker, links);
    // The links have said farewell; nothing that still runs is worth waiting for.
    runtime.shutdown_background();
    report(&ended, config)
}

/// Resolves the servers' job with the data here.
fn resolve_here(contact: &Contact) -> Result<ResolvedJob> {
    let draft = Draft::parse("the servers' job", &contact.job)?;
    Ok(resolve(draft.check(&REGISTRIES)?, Path::new("."))?)
}

async fn register(
    arguments: &Arguments,
    contact: &Contact,
    job: &ResolvedJob,
    patience: Duration,
) -> Result<Place> {
    let blueprint = &job.blueprint;
    let limits = frame_limits(&blueprint.config.limits, blueprint.map.elements());
    let member = Member {
        worker: arguments.worker.map(WorkerId),
        data: blueprint.data_summary(),
        place: format!("process {}", std::process::id()),
    };
    Ok(join(contact, limits, member, patience).await?)
}

fn link_options(contact: &Contact, job: &ResolvedJob, place: &Place) -> LinkOptions {
    let config = &job.blueprint.config;
    LinkOptions {
        addresses: contact.addresses.clone(),
        limits: frame_limits(&config.limits, job.blueprint.map.elements()),
        connect_within: config.limits.connect_seconds.duration(),
        seed: seed::derive(config.seed, Purpose::Jitter, place.session.0),
    }
}

async fn stop_when_told(stopper: Stopper, with_parent: bool) {
    match told_to_stop(with_parent).await {
        Ok(why) => {
            say_error(&format!("{why}: ending in order"));
            stopper.stop().await;
        }
        Err(error) => say_error(&format!("signals cannot be heard: {error}")),
    }
}

fn report(ended: &Ended, config: &JobConfig) -> Result<Ending> {
    match &ended.outcome {
        Outcome::Done => {
            say(&format!(
                "job {} is done: {} examples in {} iterations here, {} bytes sent, {} received",
                config.name,
                ended.tally.examples,
                ended.tally.clock,
                ended.sent_bytes,
                ended.received_bytes
            ));
            Ok(Ending::Done)
        }
        Outcome::Stopped => Ok(Ending::Done),
        Outcome::Failed(failure) => bail!("{failure}"),
    }
}
