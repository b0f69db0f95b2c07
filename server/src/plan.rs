//! What a server must know of a job before it can decide anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::consistency::{Aggregation, Consistency, Staleness};
use thalweg_common::ids::{Fingerprint, Life, ServerId};
use thalweg_common::layout::ParameterLayout;
use thalweg_common::message::{DataSummary, Kind};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::push_format::PushFormat;
use thalweg_common::regularizer::Regularization;
use thalweg_common::shard_map::ShardMap;
use toml::Table;

use crate::coordinator;
use crate::shard::{Rate, Tuner};

/// How the optimizer is to run.
#[derive(Clone)]
pub struct Training {
    /// The job's seed.
    pub seed: u64,
    /// The parameters before the first step, by flat index, if they were given; else the layout says
    /// them.
    pub initial: Option<Arc<[f32]>>,
    /// The optimizer's name in the registry.
    pub optimizer: String,
    /// Its hyper-parameters, at the beginning.
    pub hyper_parameters: Table,
    /// The learning rate at a progress, in examples.
    pub rate: Rate,
    /// The other hyper-parameters that move.
    pub tuner: Tuner,
    /// What acts on each tensor beside the optimizer.
    pub regularization: Regularization,
    /// What workers push: gradients that the optimizer turns into steps, or differences.
    pub pushes: Kind,
    /// How they write it.
    pub push_format: PushFormat,
    /// When the optimizer runs.
    pub aggregation: Aggregation,
    /// What staleness does to a gradient.
    pub staleness: Staleness,
    /// What becomes of NaN and infinity.
    pub non_finite: NonFinite,
    /// Worker slots.
    pub workers: u32,
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Training")
            .field("optimizer", &self.optimizer)
            .field("hyper_parameters", &self.hyper_parameters)
            .field("regularization", &self.regularization)
            .finish_non_exhaustive()
    }
}

/// What happens when a worker is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnWorkerLoss {
    /// The others go on; what it held is dealt again. The loss of the last worker ends the job.
    Continue,
    /// The job ends.
    Stop,
}

/// Bounds in time and number.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Silence after which a session is lost.
    pub lease: Duration,
    /// How long a worker that lives may be in one iteration while it is the slowest.
    pub iteration: Duration,
    /// Between two signs of life of a worker.
    pub heartbeat: Duration,
    /// How long after the first session the last worker may join.
    pub join: Duration,
    /// How long a server without anything left to do waits for observers.
    pub linger: Duration,
    /// How long a server that could end still tells those who watch it how the job ended.
    pub last_look: Duration,
    /// How long a server waits for its first session.
    pub first_contact: Duration,
    /// Sessions open at once, workers' and observers'.
    pub sessions_max: u64,
    /// Events of each kind that the history keeps; 0 for none.
    pub history_events: usize,
}

/// A server's part in a job.
#[derive(Debug)]
pub struct Plan {
    /// This life of the server; whoever starts a process draws it.
    pub life: Life,
    /// The job's name.
    pub job: String,
    /// The resolved job, as text.
    pub job_text: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What every worker must find in its data.
    pub data: DataSummary,
    /// The parameters.
    pub layout: ParameterLayout,
    /// Who owns them.
    pub map: ShardMap,
    /// Which server this is.
    pub server: ServerId,
    /// When a worker may go on.
    pub consistency: Consistency,
    /// How the optimizer is to run.
    pub training: Training,
    /// The coordinator's part; used by server 0.
    pub coordinator: coordinator::Plan,
    /// What happens when a worker is lost.
    pub on_worker_loss: OnWorkerLoss,
    /// Bounds in time and number.
    pub bounds: Bounds,
}
