//! The report of a run: its keys, which are stable. `docs/REPORT.md` says the same in a table, and
//! a test compares the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalweg_common::ids::{ServerId, ShardId, WorkerId};
use thalweg_common::message::WorkerState;

use super::{
    ConditionsReport, Counts, EvaluationPoint, Scores, SimulationReport, ThreadsReport, TrainScores,
};
use crate::view::{Staleness, WaitedView};

/// Rises when a key changes its meaning or goes away; added keys do not raise it.
pub const SCHEMA_VERSION: u32 = 1;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All examples are committed.
    Done,
    /// All examples are committed, and the model they made is worth nothing: its parameters or its
    /// loss are no finite numbers.
    Diverged,
    /// It ended early for a cause of its own.
    Failed,
    /// The user ended it.
    Interrupted,
}

/// Where a run went on after it had been interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// The examples that had been committed in what its servers returned to.
    pub examples: u64,
    /// The examples that had been committed by its last sign: what is not in `examples` of them is lost.
    #[serde(default)]
    pub examples_before: u64,
    /// The time that the run had lasted before, up to its last sign, seconds.
    pub seconds: f64,
}

/// A server that was gone for a while and returned to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReturn {
    /// Which.
    pub server: u32,
    /// Steps of all its shards that it had when it was last asked, and had no more.
    pub steps: u64,
    /// Examples in parts of its first shard, likewise.
    pub examples: u64,
}

/// A run in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of Thalweg that ran.
    pub version: String,
    /// The job's name.
    pub job: String,
    /// The fingerprint of the resolved job, hexadecimal.
    pub fingerprint: String,
    /// How the run ended.
    pub status: RunStatus,
    /// Why it did not end as it should have; `null` if it did.
    pub cause: Option<String>,
    /// The rule that ended the job before its last example, in words; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The best evaluation on test data, by `[stop] metric`: the one whose parameters are kept. Absent if there was
    /// none, or if its parameters were lost when the run was interrupted and none was better since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<EvaluationPoint>,
    /// Where the run went on after it had been interrupted; absent if it went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// Since when the model is worth nothing; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Divergence>,
    /// The training method's name.
    pub method: String,
    /// The optimizer's name.
    pub optimizer: String,
    /// The names of the regularizers and constraints, in the order of the job.
    #[serde(default)]
    pub regularizers: Vec<String>,
    /// The job's seed.
    pub seed: u64,
    /// Server processes.
    pub servers: u32,
    /// Worker processes.
    pub workers: u32,
    /// When workers wait: `asp`, `ssp`, `bsp`.
    pub consistency: String,
    /// Rows of the training set.
    #[serde(default)]
    pub rows: u64,
    /// The whole run, starting and evaluating included.
    pub wall_seconds: f64,
    /// From the first data dealt out to the last example committed.
    pub train_seconds: f64,
    /// Spent by the evaluator, beside training.
    pub evaluate_seconds: f64,
    /// Examples committed.
    pub examples: u64,
    /// The same in passes over the training data.
    pub epochs: f64,
    /// `examples` / `train_seconds`; 0 if nothing was trained.
    pub examples_per_second: f64,
    /// Bytes of all pushes, at the servers.
    pub bytes_pushed: u64,
    /// Bytes of all answers to pulls, at the servers.
    pub bytes_pulled: u64,
    /// Bytes at the servers' sockets.
    pub socket: SocketBytes,
    /// What feedback multiplied the schedule's learning rate by at the end.
    pub rate_factor: f64,
    /// Scores of the final parameters.
    #[serde(rename = "final")]
    pub final_scores: Final,
    /// The final parameters, counted; absent if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Counts>,
    /// Known results of others on the same data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Staleness of applied parts.
    pub staleness: Staleness,
    /// The evaluations during the run.
    pub curve: Vec<EvaluationPoint>,
    /// One entry per worker slot.
    pub per_worker: Vec<WorkerReport>,
    /// One entry per shard.
    #[serde(default)]
    pub per_shard: Vec<ShardReport>,
    /// Who waited for whom at the gates, the longest first, at most 100 pairs.
    #[serde(default)]
    pub waits: Vec<WaitedView>,
    /// The use of the data, the last 1,024 epochs at most.
    pub epochs_used: Vec<EpochUse>,
    /// Workers that were lost.
    pub lost_workers: Vec<LostWorker>,
    /// Servers that returned to checkpoints, in the order of their returns.
    #[serde(default)]
    pub server_returns: Vec<ServerReturn>,
    /// Refusals by reason, over all servers.
    pub refusals: BTreeMap<String, u64>,
    /// The machine that launched the run.
    pub host: Host,
    /// What threads without a server did; absent of a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<ThreadsReport>,
    /// The conditions that were asked for; absent if none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<ConditionsReport>,
    /// What is to be told of a run in virtual time; absent if it was a real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<SimulationReport>,
}

/// What is no finite number, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// What was seen first.
    pub what: Diverged,
    /// When it was seen first, in passes over the training data.
    pub since_epoch: f64,
}

/// Where a divergence can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diverged {
    /// The losses that workers see.
    TrainLoss,
    /// The loss of an evaluation on test data.
    TestLoss,
    /// Some parameter, at the end.
    Parameters,
}

/// Bytes at the servers' sockets, protocol headers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketBytes {
    /// Sent by servers.
    pub sent: u64,
    /// Received by servers.
    pub received: u64,
}

/// Scores of the final parameters; a set that was not evaluated is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Final {
    /// On the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainScores>,
    /// On the test data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Scores>,
}

impl Final {
    /// The loss on test data where there are some, else on training data.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        let test = self.test.and_then(|test| test.loss);
        test.or(self.train.and_then(|train| train.scores.loss))
    }
}

/// A known result on the same data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Whose.
    pub name: String,
    /// On the test data.
    pub test: Scores,
}

/// One worker slot at the end of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// The slot.
    pub worker: WorkerId,
    /// What it was at the end.
    pub state: WorkerState,
    /// Its clock on the scale of the gate: a worker that came late starts at the others'.
    pub clock: u64,
    /// Examples committed by it.
    pub examples: u64,
    /// `examples` / the run's `train_seconds`; 0 if nothing was trained.
    pub examples_per_second: f64,
    /// Bytes sent at its sockets, as it last said.
    pub bytes_sent: u64,
    /// Bytes received at its sockets, as it last said.
    pub bytes_received: u64,
    /// Time spent computing, as it last said.
    pub compute_seconds: f64,
    /// Time spent waiting for pulls, as it last said.
    pub waited_seconds: f64,
    /// Parts that the duplicate windows caught.
    pub duplicates: u64,
    /// Parts refused.
    pub refused: u64,
    /// Parts that came too late: beyond the job's limit on staleness, or after their round.
    pub late: u64,
    /// Of these, parts that were left out: the rows behind them count as used.
    #[serde(default)]
    pub left_out: u64,
    /// What it last said it was doing, or why it was lost.
    pub doing: String,
    /// Staleness of its applied parts.
    #[serde(default)]
    pub staleness: Staleness,
}

/// One shard at the end of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardReport {
    /// The shard.
    pub shard: ShardId,
    /// The server that held it.
    pub server: ServerId,
    /// Its elements.
    pub elements: u64,
    /// Steps that it took.
    pub version: u64,
    /// Staleness of the parts that it applied.
    pub staleness: Staleness,
}

/// One epoch's use of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochUse {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Rows committed.
    pub rows: u64,
    /// The sum of the checksums of the rows really used, hexadecimal.
    pub checksum: String,
    /// The checksum of every row used once, hexadecimal; `null` if no epoch came to its end.
    pub expected_checksum: Option<String>,
    /// Whether every row was used exactly once.
    pub complete: bool,
}

/// A worker that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostWorker {
    /// The slot.
    pub worker: WorkerId,
    /// Where it ran.
    pub place: String,
    /// Why it was lost.
    pub why: String,
}

/// The machine that launched the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Cores that the launching process may use.
    pub cores: usize,
}

impl Host {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cores }
    }
}
