//! `thalweg worker`: one worker of a job.

mod turns;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_common::config::{Draft, JobConfig};
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::WorkerId;
use thalweg_common::physics::{Machine, Share, Straggler};
use thalweg_common::seed::{self, Purpose};
use thalweg_worker::data::import_rows;
use thalweg_worker::transport::{
    Contact, Ended, JoinError, LinkOptions, Links, Member, Slowness, drive_before, fetch_data,
    find_job, join,
};
use thalweg_worker::worker::{Outcome, Place, Work, Worker};
use tokio::runtime::{Builder, Runtime};

use super::credentials::CredentialOptions;
use super::options::{PATIENCE_SECONDS, patience};
use super::{Ending, log, say, say_error};
use crate::job::{
    REGISTRIES, ResolvedJob, frame_limits, loop_settings, resolve, resolve_fetched,
    training_method, transforms,
};
use crate::launch::{Recorder, place_of_this_process, unix_time};
use crate::view::units::bytes;
use turns::{Stop, Turns};

/// How long server 0 may take to read the data, if nothing else is said.
const DATA_PATIENCE_SECONDS: f64 = 600.0;

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

    #[command(flatten)]
    credentials: CredentialOptions,

    /// Read no data here: take the training rows from server 0, which reads them where it runs. They go
    /// into a file without a name in the folder for temporary files (TMPDIR).
    #[arg(long)]
    data_from_server: bool,

    /// With --data-from-server: how long server 0 may take until it has read the data, and for each
    /// piece of them, seconds.
    #[arg(long, value_name = "SECONDS", requires = "data_from_server", default_value_t = DATA_PATIENCE_SECONDS)]
    data_patience: f64,

    /// Write what every gradient and request took into a file there: the launcher gathers them.
    #[arg(long, hide = true, value_name = "DIR")]
    record: Option<PathBuf>,

    /// End when standard input ends: the launcher holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,

    /// Play a slower machine, as `thalweg train --straggler` says.
    #[arg(long, hide = true, value_name = "STRAGGLER")]
    slow: Vec<Straggler>,

    /// Since when turns and pauses of slow machines are counted, in Unix time; since the start of this process
    /// if not given.
    #[arg(long, hide = true, value_name = "SECONDS")]
    slow_since: Option<f64>,

    /// Throw away this share of the acknowledgements of pushes, to see that all goes well without them.
    #[arg(long, hide = true, value_name = "SHARE", default_value = "0")]
    drop_acks: Share,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let process = log::process("worker");
    let _inside = process.enter();
    let mut threads = Builder::new_multi_thread();
    let runtime = log::within(&process, threads.worker_threads(1).enable_all())
        .build()
        .context("cannot start the runtime")?;
    let patience = patience(arguments.patience)?;
    let credentials = arguments.credentials.load()?;
    let contact = runtime.block_on(find_job(&arguments.join, &credentials, patience))?;
    let job = match arguments.data_from_server {
        true => resolve_with_rows(&contact, |rows| {
            let patience = self::patience(arguments.data_patience)?;
            Ok(runtime.block_on(fetch_data(&contact, rows, patience))?)
        })?,
        false => resolve_here(&contact)?,
    };
    let config = &job.blueprint.config;
    let stop = Stop::default();
    runtime.spawn(stop.clone().when_told(arguments.exit_with_parent));
    let newcomer = newcomer(arguments, &job);
    let registered = register(&contact, &job, newcomer.clone(), (patience, &stop));
    let place = match runtime.block_on(registered) {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(Ending::Done),
        Err(error) if has_diverged(&error) => {
            say_error(&format!("error: {error:#}"));
            return Ok(Ending::Diverged);
        }
        Err(error) => return Err(error),
    };
    tell_place(&process, &place, config);
    let mut recorder = match &arguments.record {
        None => None,
        Some(folder) => Some(Recorder::create(folder, place.worker.0)?),
    };
    let mut turns = Turns::new(config.limits.rejoins_max);
    let mut next = Some(place);
    let mut ended = None;
    while let Some(place) = next.take() {
        let (worker, session) = (place.worker, place.session);
        let turn = work(
            arguments,
            (&runtime, &contact, &job),
            place,
            (&stop, &mut recorder),
        )?;
        let again = turns.take(&turn).filter(|_| !stop.is_told());
        ended = Some(turn);
        if let Some(words) = again {
            say_error(&words);
            let back = Member {
                worker: Some(worker),
                after: Some(session),
                ..newcomer.clone()
            };
            let patience = config.limits.retry_total_seconds.duration();
            next = runtime.block_on(register(&contact, &job, back, (patience, &stop)))?;
            if let Some(place) = next.as_ref().filter(|place| place.worker != worker) {
                tell_place(&process, place, config);
            }
        }
    }
    if let Some(recorder) = recorder {
        recorder.finish()?;
    }
    // The links have said farewell; nothing that still runs is worth waiting for.
    runtime.shutdown_background();
    let ended = ended.expect("a worker that has joined has worked");
    report(&ended, &turns, config)
}

/// Works with one session to its end.
fn work(
    arguments: &Arguments,
    (runtime, contact, job): (&Runtime, &Contact, &ResolvedJob),
    place: Place,
    (stop, recorder): (&Stop, &mut Option<Recorder>),
) -> Result<Ended> {
    let links = Links::open(
        runtime.handle().clone(),
        &LinkOptions {
            drop_acks: arguments.drop_acks,
            ..link_options(contact, job, &place)
        },
    );
    runtime.block_on(stop.watch(links.stopper()));
    let config = &job.blueprint.config;
    let work = Work {
        data: job.data.train.clone(),
        model: job.blueprint.model.clone(),
        transforms: transforms(&job.blueprint)?,
        method: training_method(&job.blueprint)?,
        map: job.blueprint.map.clone(),
    };
    let slowness = slowness(arguments, config, place.worker);
    let worker = Worker::new(place, loop_settings(config), work);
    Ok(match recorder {
        None => drive_before(worker, links, slowness, &mut ()),
        Some(recorder) => drive_before(worker, links, slowness, recorder),
    })
}

/// Resolves the servers' job with the data here.
fn resolve_here(contact: &Contact) -> Result<ResolvedJob> {
    let draft = Draft::parse("the servers' job", &contact.job)?;
    Ok(resolve(draft.check(&REGISTRIES)?, Path::new("."))?)
}

/// Resolves the servers' job with the training rows that `fetch` writes into a file.
fn resolve_with_rows(
    contact: &Contact,
    fetch: impl FnOnce(&mut File) -> Result<u64>,
) -> Result<ResolvedJob> {
    let config = Draft::parse("the servers' job", &contact.job)?.check(&REGISTRIES)?;
    let resolved = config.data.resolved.as_ref();
    let hash = resolved.map_or(0, |resolved| resolved.hash);
    // Opened, the file needs no name any more: it is gone with the process, however that ends.
    let folder = tempfile::tempdir().context("no folder for the training rows")?;
    let path = folder.path().join("rows");
    let mut file = File::create_new(&path).with_context(|| path.display().to_string())?;
    let fetched = fetch(&mut file)?;
    say(&format!(
        "{} of training rows from server 0",
        bytes(fetched)
    ));
    let rows = import_rows(&path, hash)?;
    Ok(resolve_fetched(config, rows)?)
}

/// Says which worker this process is from now on.
fn tell_place(process: &tracing::Span, place: &Place, config: &JobConfig) {
    process.record("index", place.worker.0);
    say(&format!("worker {} of job {}", place.worker, config.name));
}

/// What this process says of itself when it first joins.
fn newcomer(arguments: &Arguments, job: &ResolvedJob) -> Member {
    Member {
        worker: arguments.worker.map(WorkerId),
        data: job.blueprint.data_summary(),
        place: place_of_this_process(),
        after: None,
        or_any: arguments.worker.is_none(),
    }
}

/// Takes a place; `None` if the process is told to stop before it has one.
async fn register(
    contact: &Contact,
    job: &ResolvedJob,
    member: Member,
    (patience, stop): (Duration, &Stop),
) -> Result<Option<Place>> {
    let blueprint = &job.blueprint;
    let limits = frame_limits(&blueprint.config, blueprint.map.elements());
    match join(contact, limits, member, patience, stop.told()).await {
        Err(JoinError::Stopped) => Ok(None),
        place => Ok(Some(place?)),
    }
}

/// Whether a server refused because the training of its job has diverged.
fn has_diverged(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(JoinError::Refused { refusal, .. }) if refusal.kind == RefusalKind::Diverged
    )
}

fn link_options(contact: &Contact, job: &ResolvedJob, place: &Place) -> LinkOptions {
    let config = &job.blueprint.config;
    LinkOptions {
        addresses: contact.addresses.clone(),
        credentials: contact.credentials.clone(),
        limits: frame_limits(config, job.blueprint.map.elements()),
        connect_within: config.limits.connect_seconds.duration(),
        seed: seed::derive(config.seed, Purpose::Jitter, place.session.0),
        drop_acks: Share::default(),
    }
}

/// The slower machine that is to be played, if one is.
fn slowness(arguments: &Arguments, config: &JobConfig, worker: WorkerId) -> Option<Slowness> {
    let place = (worker.0, config.cluster.workers);
    let machine = Machine::new(&arguments.slow, place, config.seed);
    let since = arguments.slow_since.map(Duration::try_from_secs_f64);
    let ahead = since
        .and_then(Result::ok)
        .map_or(Duration::ZERO, |since| unix_time().saturating_sub(since));
    (!machine.is_plain()).then(|| Slowness::new(machine, ahead))
}

fn report(ended: &Ended, turns: &Turns, config: &JobConfig) -> Result<Ending> {
    say(&turns.tally.line());
    match &ended.outcome {
        Outcome::Done => {
            say(&format!(
                "job {} is done: {} examples in {} iterations here, {} bytes sent, {} received",
                config.name,
                turns.tally.examples,
                turns.tally.iterations,
                turns.sent_bytes,
                turns.received_bytes
            ));
            Ok(Ending::Done)
        }
        Outcome::Stopped => Ok(Ending::Done),
        Outcome::Failed(failure) if failure.is_divergence() => {
            say_error(&format!("error: {failure}"));
            Ok(Ending::Diverged)
        }
        Outcome::Failed(failure) => bail!("{failure}"),
    }
}
