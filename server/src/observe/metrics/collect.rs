//! From a snapshot to the families of the catalogue, in its order.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thalweg_common::error::RefusalKind;
use thalweg_common::message::{
    CheckpointStatus, PartTally, Phase, ShardStatus, StalenessHistogram, WorkerState, WorkerStatus,
};

use super::catalogue;
use super::sheet::{Sheet, Value};
use super::{SHARDS_MAX, Snapshot, WORKERS_MAX};

/// Upper bounds of the staleness buckets. Up to 63 every staleness is counted by itself, then by powers of
/// two: these bounds are those at which the counts are exact.
const STALENESS_BOUNDS: [u32; 12] = [0, 1, 2, 4, 8, 16, 32, 63, 127, 255, 511, 1_023];

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sheet = &mut Sheet(encoder);
        self.job(sheet)?;
        self.parts(sheet)?;
        self.driver(sheet)?;
        self.whole(sheet)?;
        self.checkpoints(sheet)?;
        let workers = &self.status.workers;
        let told = match workers.len() <= WORKERS_MAX {
            true => &workers[..],
            false => &[],
        };
        let left_out = workers.len() - told.len();
        sheet.one(&catalogue::WORKER_SERIES_LEFT_OUT, left_out as u64)?;
        self.workers(told, sheet)?;
        self.reported(told, sheet)?;
        self.gate_waits(!told.is_empty(), sheet)?;
        self.shards(sheet)
    }
}

impl Snapshot {
    fn coordinates(&self) -> bool {
        self.status.server.0 == 0
    }

    /// What only server 0 knows.
    fn of_coordinator(&self, value: Value) -> Option<(Vec<(&'static str, String)>, Value)> {
        self.coordinates().then(|| (Vec::new(), value))
    }

    fn job(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let status = &self.status;
        sheet.by(&catalogue::BUILD, [(env!("CARGO_PKG_VERSION"), true)])?;
        sheet.by(&catalogue::JOB, [(&status.job, true)])?;
        sheet.one(&catalogue::UPTIME, status.up)?;
        let phases = [Phase::Joining, Phase::Training, Phase::Done, Phase::Failed];
        sheet.by(
            &catalogue::PHASE,
            phases.map(|phase| (word(phase), status.phase == phase)),
        )?;
        sheet.one(&catalogue::EXAMPLES, self.done.progress)?;
        sheet.one(&catalogue::EXAMPLES_REACHED, status.progress)?;
        sheet.one(&catalogue::EXAMPLES_GOAL, status.examples_total)?;
        sheet.all(
            &catalogue::TRAINED,
            self.of_coordinator(status.trained.into()),
        )?;
        let loss = status.loss_sum / status.loss_weight;
        let loss = self
            .of_coordinator(loss.into())
            .filter(|_| loss.is_finite());
        sheet.all(&catalogue::LOSS, loss)?;
        sheet.all(
            &catalogue::RATE_FACTOR,
            self.of_coordinator(status.rate_factor.into()),
        )
    }

    fn parts(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let status = &self.status;
        sheet.one(&catalogue::STALENESS, distribution(&status.staleness))?;
        let mut all = PartTally::default();
        for worker in &status.workers {
            all.merge(&worker.parts);
        }
        // Those of who has no slot are refused, too, and are in no worker's tally.
        all.refusals.clone_from(&status.refusals);
        sheet.by(&catalogue::PARTS, outcomes(&all))?;
        sheet.one(&catalogue::PARTS_WAITING, all.waiting)?;
        sheet.one(&catalogue::PARTS_LATE, all.late)?;
        let refused = |kind| all.refusals.get(&kind).copied().unwrap_or_default();
        sheet.by(
            &catalogue::PARTS_REFUSED,
            RefusalKind::ALL.map(|kind| (kind, refused(kind))),
        )
    }

    fn driver(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let load = &self.load;
        let requests = load.requests.iter();
        sheet.by(
            &catalogue::REQUESTS,
            requests.map(|(kind, n)| (kind.name(), *n)),
        )?;
        let refused = load.refused.iter();
        sheet.by(
            &catalogue::REQUESTS_REFUSED,
            refused.map(|(kind, n)| (kind, *n)),
        )?;
        sheet.one(&catalogue::APPLY, Value::Observed(load.apply.clone()))?;
        sheet.one(&catalogue::QUEUED, load.queued)?;
        sheet.one(&catalogue::QUEUE_FULLEST, load.fullest_queue.used)?;
        sheet.one(&catalogue::QUEUE_LIMIT, load.fullest_queue.max)?;
        sheet.one(&catalogue::CONNECTIONS, load.connections.used)?;
        sheet.one(&catalogue::CONNECTIONS_LIMIT, load.connections.max)
    }

    fn whole(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let status = &self.status;
        let states = [
            (WorkerState::Absent, "absent"),
            (WorkerState::Active, "active"),
            (WorkerState::Left, "left"),
            (WorkerState::Lost, "lost"),
        ];
        let workers = status.workers.iter();
        let count = |state| workers.clone().filter(|w| w.state == state).count() as u64;
        sheet.by(
            &catalogue::WORKERS,
            states.map(|(state, word)| (word, count(state))),
        )?;
        sheet.one(&catalogue::OBSERVERS, self.observers)?;
        sheet.one(&catalogue::PUSHED, status.pushed_bytes)?;
        sheet.one(&catalogue::PULLED, status.pulled_bytes)?;
        sheet.one(&catalogue::RECEIVED, status.received_bytes)?;
        sheet.one(&catalogue::SENT, status.sent_bytes)?;
        let sum = |of: fn(&ShardStatus) -> u64| status.shards.iter().map(of).sum::<u64>();
        sheet.one(&catalogue::ELEMENTS, sum(|shard| shard.elements))?;
        let steps: u64 = self.done.steps.iter().sum();
        sheet.one(&catalogue::STEPS, steps)?;
        sheet.one(&catalogue::GATE_WAITED, self.gate_waited)?;
        sheet.one(&catalogue::LEASE, self.lease)?;
        let until = self.certificate_until;
        sheet.all(
            &catalogue::CERTIFICATE,
            until.map(|until| (Vec::new(), until.into())),
        )
    }

    /// What a server that keeps checkpoints says of them.
    fn checkpoints(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let kept = self.status.checkpoint;
        let mut told = |family, of: fn(&CheckpointStatus) -> Value| {
            let value = kept.as_ref().map(|kept| (Vec::new(), of(kept)));
            sheet.all(family, value)
        };
        told(&catalogue::CHECKPOINT_NUMBER, |kept| kept.number.into())?;
        told(&catalogue::CHECKPOINT_AGE, |kept| kept.age.into())?;
        told(&catalogue::CHECKPOINT_TOOK, |kept| kept.took.into())?;
        told(&catalogue::CHECKPOINT_BYTES, |kept| kept.bytes.into())?;
        told(&catalogue::CHECKPOINTS, |kept| kept.written.into())?;
        told(&catalogue::CHECKPOINTS_FAILED, |kept| kept.failed.into())?;
        told(&catalogue::RETURNS, |kept| kept.returns.into())
    }

    /// What the server knows of each worker.
    fn workers(&self, told: &[WorkerStatus], sheet: &mut Sheet<'_>) -> fmt::Result {
        let is_up = |w: &&WorkerStatus| w.state == WorkerState::Active;
        let here = || told.iter().filter(is_up);
        let fastest = here().map(|w| w.clock.0).max().unwrap_or_default();
        sheet.by(
            &catalogue::WORKER_UP,
            told.iter().map(|w| (w.worker, is_up(&w))),
        )?;
        let committing = told.iter().zip(&self.done.committed);
        sheet.by(
            &catalogue::WORKER_EXAMPLES,
            committing
                .filter(|_| self.coordinates())
                .map(|(w, examples)| (w.worker, *examples)),
        )?;
        sheet.by(
            &catalogue::WORKER_CLOCK,
            told.iter().map(|w| (w.worker, w.clock.0)),
        )?;
        sheet.by(
            &catalogue::WORKER_CLOCK_LAG,
            here().map(|w| (w.worker, fastest - w.clock.0)),
        )?;
        sheet.by(
            &catalogue::WORKER_SILENT,
            here().map(|w| (w.worker, w.silent)),
        )?;
        let waiting = |w: &WorkerStatus| w.wait.as_ref().map(|wait| wait.since);
        sheet.by(
            &catalogue::WORKER_WAITING,
            here().map(|w| (w.worker, waiting(w).unwrap_or_default())),
        )?;
        let [worker, outcome] = ["worker", "outcome"];
        let parts = told.iter().flat_map(|w| {
            outcomes(&w.parts).map(|(word, parts)| {
                let labels = vec![(worker, w.worker.to_string()), (outcome, word.to_owned())];
                (labels, parts.into())
            })
        });
        sheet.all(&catalogue::WORKER_PARTS, parts)?;
        sheet.by(
            &catalogue::WORKER_PARTS_WAITING,
            told.iter().map(|w| (w.worker, w.parts.waiting)),
        )?;
        sheet.by(
            &catalogue::WORKER_STALENESS,
            told.iter().map(|w| (w.worker, distribution(&w.staleness))),
        )
    }

    /// What each worker said of itself.
    fn reported(&self, told: &[WorkerStatus], sheet: &mut Sheet<'_>) -> fmt::Result {
        let of = |w: &WorkerStatus| w.worker;
        sheet.by(
            &catalogue::WORKER_COMPUTE,
            told.iter().map(|w| (of(w), w.compute)),
        )?;
        sheet.by(
            &catalogue::WORKER_PULL_WAIT,
            told.iter().map(|w| (of(w), w.waited)),
        )?;
        sheet.by(
            &catalogue::WORKER_SENT,
            told.iter().map(|w| (of(w), w.sent_bytes)),
        )?;
        sheet.by(
            &catalogue::WORKER_RECEIVED,
            told.iter().map(|w| (of(w), w.received_bytes)),
        )?;
        sheet.by(
            &catalogue::WORKER_RETRIES,
            told.iter().map(|w| (of(w), w.retries)),
        )
    }

    fn gate_waits(&self, are_told: bool, sheet: &mut Sheet<'_>) -> fmt::Result {
        let waits = self.status.waits.iter().filter(|_| are_told);
        let labels = |worker: String, on: String| vec![("worker", worker), ("on", on)];
        let waits = waits.map(|w| (labels(w.worker.to_string(), w.on.to_string()), w.sum));
        let times = waits
            .clone()
            .map(|(labels, sum)| (labels, sum.total.into()));
        sheet.all(&catalogue::GATE_WAIT, times)?;
        sheet.all(
            &catalogue::GATE_WAITS,
            waits.map(|(labels, sum)| (labels, sum.count.into())),
        )
    }

    fn shards(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let shards = &self.status.shards;
        let told = match shards.len() <= SHARDS_MAX {
            true => &shards[..],
            false => &[],
        };
        let left_out = shards.len() - told.len();
        sheet.one(&catalogue::SHARD_SERIES_LEFT_OUT, left_out as u64)?;
        let steps = told.iter().zip(&self.done.steps);
        sheet.by(&catalogue::SHARD_STEPS, steps.map(|(s, n)| (s.shard, *n)))?;
        sheet.by(
            &catalogue::SHARD_VERSION,
            told.iter().map(|s| (s.shard, s.version.0)),
        )?;
        let examples = told.iter().zip(&self.done.applied);
        sheet.by(
            &catalogue::SHARD_EXAMPLES,
            examples.map(|(s, n)| (s.shard, *n)),
        )?;
        sheet.by(
            &catalogue::SHARD_PENDING,
            told.iter().map(|s| (s.shard, s.pending)),
        )
    }
}

/// A phase as a label and a page of health say it.
pub(crate) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Joining => "joining",
        Phase::Training => "training",
        Phase::Done => "done",
        Phase::Failed => "failed",
    }
}

/// What became of the parts that are judged for good. Those that wait are not: a counter does not fall.
fn outcomes(parts: &PartTally) -> [(&'static str, u64); 4] {
    [
        ("applied", parts.applied),
        ("left_out", parts.left_out),
        ("duplicate", parts.duplicates),
        ("refused", parts.refused()),
    ]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sum of steps is told in floating point"
)]
fn distribution(staleness: &StalenessHistogram) -> Value {
    let mut buckets: Vec<(f64, u64)> = STALENESS_BOUNDS.map(|b| (b.into(), 0)).to_vec();
    buckets.push((f64::INFINITY, 0));
    let mut sum = 0.0;
    for (bucket, count) in staleness.counts.iter().enumerate() {
        let floor = StalenessHistogram::floor(bucket);
        let place = STALENESS_BOUNDS.partition_point(|bound| u64::from(*bound) < floor);
        buckets[place].1 += count;
        sum += floor as f64 * *count as f64;
    }
    Value::Distribution { sum, buckets }
}
