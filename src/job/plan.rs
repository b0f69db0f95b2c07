//! From a blueprint to the plans of server and worker.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::config::{JobConfig, OnWorkerLoss as OnLoss, PullExtent, Seconds};
use thalweg_common::consistency::Consistency;
use thalweg_common::feedback::feedback;
use thalweg_common::ids::{Life, ServerId};
use thalweg_common::optimizer::{Initial, Store, StoreSpec, group_spans, optimizer};
use thalweg_common::registry::SettingError;
use thalweg_common::regularizer::Regularization;
use thalweg_common::schedule::{Moment, schedule};
use thalweg_common::tuning::TuningError;
use thalweg_server::coordinator::{self, Deal, RatePlan};
use thalweg_server::ingress::ServeOptions;
use thalweg_server::shard::{Rate, Tuner};
use thalweg_server::{Bounds, OnWorkerLoss, Plan, Training};
use thalweg_worker::data::stream;
use thalweg_worker::hogwild::HogwildError;
use thalweg_worker::method::{
    LocalPlan, MethodEntry, MethodSettings, Place, Rounding, TrainingMethod, usual_rate,
};
use thalweg_worker::transform::{Numbering, Transforms};
use thalweg_worker::worker::LoopSettings;
use thiserror::Error;

use super::memory::{Memory, MemoryError, frame_limits, pulls_max, requests_max};
use super::resolve::{Blueprint, ResolveError, initial_values};
use super::threads;

/// How long a server waits for its first session: for people who start processes by hand.
const FIRST_CONTACT: Duration = Duration::from_hours(1);

/// Why a server cannot be planned.
#[derive(Debug, Error)]
pub enum PlanError {
    /// There is no such server in the job.
    #[error("the job has servers 0 to {last}; found --index {index}")]
    Index {
        /// The last server.
        last: u32,
        /// The wanted one.
        index: u32,
    },
    /// A name or setting is wrong; a checked job has none such.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A hyper-parameter cannot have its schedule; a checked job's can.
    #[error(transparent)]
    Tuning(#[from] TuningError),
    /// The job does not fit into memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The job has threads instead of servers and workers.
    #[error(
        "`method.name` = \"{method}\" goes over no network: its threads share one model within one process, \
         which `thalweg train` is; use that, or another method for servers and workers"
    )]
    OnThreads {
        /// The method.
        method: String,
    },
    /// Threads cannot train the job.
    #[error(transparent)]
    Threads(#[from] HogwildError),
    /// The parameters that the job begins with cannot be had.
    #[error(transparent)]
    Initial(Box<ResolveError>),
}

/// Judges whether a job has a server `index` that it permits the memory it needs, and reads no file.
///
/// # Errors
/// [`PlanError::OnThreads`], [`PlanError::Index`] or [`PlanError::Memory`].
pub fn check_server(blueprint: &Blueprint, index: u32) -> Result<(), PlanError> {
    if threads::runs_on_threads(&blueprint.config) {
        let method = blueprint.config.method.name.clone();
        return Err(PlanError::OnThreads { method });
    }
    if blueprint.map.servers() <= index {
        return Err(PlanError::Index {
            last: blueprint.map.servers() - 1,
            index,
        });
    }
    let server = ServerId(index);
    Memory::plan(blueprint, server).check(server, &blueprint.config.limits)?;
    Ok(())
}

/// The part of server `index` in a job.
///
/// # Errors
/// [`PlanError`] if the job has no such server, or it does not fit into memory.
pub fn server_plan(blueprint: &Blueprint, index: u32) -> Result<Plan, PlanError> {
    check_server(blueprint, index)?;
    let config = &blueprint.config;
    let server = ServerId(index);
    Ok(Plan {
        life: Life(0),
        job: config.name.clone(),
        job_text: config.to_toml(),
        fingerprint: config.fingerprint(),
        data: blueprint.data_summary(),
        layout: blueprint.model.layout().clone(),
        map: blueprint.map.clone(),
        server,
        consistency: config.consistency.model,
        training: training(blueprint)?,
        coordinator: coordinator_plan(blueprint)?,
        on_worker_loss: match config.cluster.on_worker_loss {
            OnLoss::Continue => OnWorkerLoss::Continue,
            OnLoss::Stop => OnWorkerLoss::Stop,
        },
        bounds: bounds(config),
    })
}

/// The settings of a worker's loop.
#[must_use]
pub fn loop_settings(config: &JobConfig) -> LoopSettings {
    let limits = &config.limits;
    LoopSettings {
        batch_size: config.train.batch_size.rows(),
        accumulate: config.train.accumulate,
        overlap: config.method.overlap,
        prefetch: config.method.prefetch,
        // A worker with parameters of its own holds every one of them.
        pull: match &config.outer {
            Some(_) => PullExtent::Whole,
            None => config.train.pull,
        },
        reads_every_shard: 0 < config.consistency.aggregation.backup_workers(),
        inflight_pushes_max: limits.inflight_pushes_max as u64,
        push_format: config.method.push_format,
        non_finite: config.train.non_finite,
        gate_wait: limits.gate_wait_seconds.duration(),
        request_timeout: limits.request_seconds.duration(),
        stop_within: limits.stop_seconds.duration(),
        retry_total: limits.retry_total_seconds.duration(),
        heartbeat: limits.heartbeat_seconds.duration(),
        compute: config.train.compute.0,
        seed: config.seed,
    }
}

/// The training method, at its start.
///
/// Local steps default to the optimizer's own rate where the optimizer is plain SGD: then a local
/// step is what the server will do. Any other rule's step is not known to the worker, so that
/// without `local_lr` it takes none.
///
/// # Errors
/// [`PlanError::Setting`] if there is no such method; a checked job's is known.
/// [`PlanError::OnThreads`] if it has no workers.
pub fn training_method(blueprint: &Blueprint) -> Result<Box<dyn TrainingMethod>, PlanError> {
    method_beginning_at(blueprint, None)
}

/// The training method of a worker that begins at these parameters of its own, if it has any, and not at
/// the first that it pulls.
///
/// # Errors
/// As [`training_method`].
pub fn training_method_from(
    blueprint: &Blueprint,
    start: &[f32],
) -> Result<Box<dyn TrainingMethod>, PlanError> {
    method_beginning_at(blueprint, Some(start.into()))
}

fn method_beginning_at(
    blueprint: &Blueprint,
    start: Option<Arc<[f32]>>,
) -> Result<Box<dyn TrainingMethod>, PlanError> {
    let config = &blueprint.config;
    let entry = MethodEntry::find(&config.method.name)?;
    let Some(machine) = entry.machine() else {
        let method = entry.name.to_owned();
        return Err(PlanError::OnThreads { method });
    };
    let mut settings = method_settings(config);
    if matches!(entry.place, Place::Workers(_)) {
        let plan = local_plan(blueprint)?;
        settings.local = Some(LocalPlan { start, ..plan });
    }
    Ok(machine(&settings))
}

/// How a worker of a method with local steps runs `[optimizer]`: over all parameters, as servers would.
fn local_plan(blueprint: &Blueprint) -> Result<LocalPlan, SettingError> {
    let config = &blueprint.config;
    let (entry, options) = (
        optimizer(&config.optimizer.name)?,
        config.optimizer.options.clone(),
    );
    let elements = 0..blueprint.map.elements();
    let groups = group_spans(
        blueprint.model.layout(),
        &blueprint.regularization,
        &elements,
    );
    let build = move |x: &[f32]| {
        let at = |element: usize| x[element];
        let spec = StoreSpec {
            len: x.len(),
            initial: Initial::Function(&at),
            groups: groups.clone(),
        };
        let built = entry.build(&options, &spec);
        built.expect("a checked job's hyper-parameters are permitted")
    };
    Ok(LocalPlan {
        build: Arc::new(build),
        rate: rate(blueprint)?,
        start: None,
        rounding: Rounding::new(config.method.push_format, &blueprint.map),
    })
}

/// `[optimizer]` over all parameters, which begin as the job says, and its rate: what one thread needs that
/// trains by itself.
///
/// # Errors
/// [`PlanError::Setting`] if a setting is wrong; a checked job's are right.
pub(crate) fn plain_optimizer(
    blueprint: &Blueprint,
) -> Result<(Box<dyn Store<f32>>, Rate), PlanError> {
    let plan = local_plan(blueprint)?;
    let given = initial_values(blueprint).map_err(|error| PlanError::Initial(Box::new(error)))?;
    let usual = || blueprint.model.layout().initial(blueprint.config.seed);
    Ok(((plan.build)(&given.unwrap_or_else(usual)), plan.rate))
}

/// The learning rate of `[optimizer]` at a progress.
pub(super) fn rate(blueprint: &Blueprint) -> Result<Rate, SettingError> {
    let config = &blueprint.config;
    let schedule = schedule(&config.schedule.name)?.build(&config.schedule.options)?;
    let (base, unit) = (config.optimizer.lr, config.schedule.unit);
    let lengths = blueprint.lengths();
    Ok(Arc::new(move |progress| {
        schedule.value(base, &Moment::new(progress, unit, &lengths))
    }))
}

/// What is done to every batch's gradient.
///
/// # Errors
/// [`SettingError`] if there is no such transform; a checked job's are known.
pub fn transforms(blueprint: &Blueprint) -> Result<Arc<Transforms>, SettingError> {
    let config = &blueprint.config;
    let numbering = Numbering {
        seed: config.seed,
        rows: blueprint.resolved.rows,
        batch_size: config.train.batch_size.rows(),
    };
    let list = config.gradient.transforms.iter();
    let list = list.map(|transform| (transform.name.as_str(), &transform.options));
    Transforms::new(numbering, list).map(Arc::new)
}

/// Asks the method whether its settings can work together and with the consistency model.
///
/// # Errors
/// What was expected, what was found, and how to mend it, in one line.
pub(super) fn check_method(config: &JobConfig) -> Result<(), String> {
    let entry = MethodEntry::find(&config.method.name).map_err(|error| error.to_string())?;
    entry.check(&method_settings(config), config)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "parameters are f32, and so are their steps"
)]
fn method_settings(config: &JobConfig) -> MethodSettings {
    let at_least_one = |count| NonZeroU64::new(count).unwrap_or(NonZeroU64::MIN);
    let usual = if config.optimizer.name == "sgd" {
        config.optimizer.lr
    } else {
        0.0
    };
    MethodSettings {
        n_push: at_least_one(config.method.n_push),
        n_pull: at_least_one(config.method.n_pull),
        local_lr: config.method.local_lr.unwrap_or(usual) as f32,
        retake: config.method.retake,
        communication_period: at_least_one(config.method.communication_period),
        elastic_rate: config
            .method
            .elastic_rate
            .unwrap_or_else(|| usual_rate(config.cluster.workers)) as f32,
        local: None,
    }
}

/// How the gRPC driver of a server is to be run. The one place that derives its threads: half the
/// cores own shards; the network's runtime has a thread per core.
#[must_use]
pub fn serve_options(blueprint: &Blueprint, index: u32) -> ServeOptions {
    let limits = &blueprint.config.limits;
    let held = blueprint.map.of_server(ServerId(index));
    let elements = held
        .map(|(_, span)| span.elements.end - span.elements.start)
        .sum();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = blueprint.config.cluster.workers as usize;
    let frames = frame_limits(&blueprint.config, elements);
    ServeOptions {
        limits: frames,
        queue_parts_max: limits.queue_parts_max,
        requests_max: u32::try_from(requests_max(limits, elements)).unwrap_or(u32::MAX),
        in_flight_bytes_max: workers.saturating_mul(frames.in_flight_bytes_max),
        pulls_max: pulls_max(&blueprint.config, elements),
        connections_max: 4 * workers + 64,
        owner_threads: (cores / 2).max(1),
        request_time_max: limits.request_seconds.duration(),
        stop_time_max: limits.stop_seconds.duration(),
        data: None,
        metrics: None,
        keys: None,
        handshake_time_max: limits.connect_seconds.duration(),
        status_pages: None,
        keeper: None,
    }
}

fn training(blueprint: &Blueprint) -> Result<Training, PlanError> {
    let config = &blueprint.config;
    let tuning = config
        .tuning()
        .map_err(|mut errors| errors.swap_remove(0))?;
    let entry = MethodEntry::find(&config.method.name)?;
    let rule = config.servers_optimizer();
    // What acts on parameters where steps are taken acts in the workers, if these take them.
    let (rate, tuner, regularization): (Rate, _, _) = match &config.outer {
        None => (
            rate(blueprint)?,
            Tuner::new(tuning, blueprint.lengths()),
            blueprint.regularization.clone(),
        ),
        Some(outer) => {
            let lr = outer.lr;
            let none = Regularization::default();
            (Arc::new(move |_| lr), Tuner::default(), none)
        }
    };
    Ok(Training {
        seed: config.seed,
        initial: initial_values(blueprint)
            .map_err(|error| PlanError::Initial(Box::new(error)))?
            .map(Arc::from),
        optimizer: rule.name.clone(),
        hyper_parameters: rule.options.clone(),
        rate,
        tuner,
        regularization,
        pushes: entry.pushes,
        push_format: config.method.push_format,
        aggregation: config.consistency.aggregation,
        staleness: config.consistency.staleness,
        non_finite: config.train.non_finite,
        workers: config.cluster.workers,
    })
}

fn coordinator_plan(blueprint: &Blueprint) -> Result<coordinator::Plan, SettingError> {
    let config = &blueprint.config;
    let batch_examples = config.train.batch_size.rows();
    let deal = match config.consistency.model {
        // A round that goes on without the slowest gives the data to those who are there.
        Consistency::Bsp if config.consistency.aggregation.backup_workers() == 0 => {
            Deal::Striped { batch_examples }
        }
        Consistency::Bsp | Consistency::Ssp { .. } | Consistency::Asp => Deal::Dynamic {
            batch_examples,
            range_examples: batch_examples.saturating_mul(config.limits.range_batches),
        },
    };
    Ok(coordinator::Plan {
        rows: blueprint.resolved.rows,
        streamed: stream::is_stream(&config.data.name),
        examples_total: blueprint.examples_total(),
        workers: config.cluster.workers,
        deal,
        solo_examples: config.method.solo_phase,
        train_time_max: config.train.seconds.map(Seconds::duration),
        rate: RatePlan {
            rule: feedback(&config.feedback.name)?.build(&config.feedback.options)?,
            lr: config.optimizer.lr,
            every_examples: blueprint.examples_of(config.feedback.every),
        },
    })
}

fn bounds(config: &JobConfig) -> Bounds {
    let limits = &config.limits;
    Bounds {
        lease: limits.lease_seconds.duration(),
        iteration: limits.iteration_seconds.duration(),
        heartbeat: limits.heartbeat_seconds.duration(),
        join: limits.join_seconds.duration(),
        linger: limits.linger_seconds.duration(),
        last_look: Duration::ZERO,
        first_contact: FIRST_CONTACT,
        sessions_max: limits.sessions_max as u64,
        history_events: limits.history_events,
    }
}
