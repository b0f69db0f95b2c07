//! The loop against small servers in virtual time.

mod cluster;
mod timeline;
mod training;
mod faults;
mod endings;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::config::{Overlap, PullExtent};
use thalweg_common::ids::{Fingerprint, Generation, ServerId, SessionId, WorkerId};
use thalweg_common::message::{Grant, Request};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::permutation::Permutation;
use thalweg_common::push_format::PushFormat;
use thalweg_common::shard_map::ShardMap;

pub(crate) use self::cluster::Cluster;
use self::timeline::{Fate, Timeline};
use crate::data::{Dataset, InMemory, Rows, Task};
use crate::method::{Gradients, MethodSettings};
use crate::model::{self, Coverage, Located, Model, Shape};
use crate::worker::{LoopSettings, Outcome, Place, Work, Worker};

const SEED: u64 = 5;
const LR: f32 = 0.25;
const BATCH_SIZE: u64 = 4;
const FEATURES: u64 = 200;

/// What a test may choose.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) rows: u64,
    pub(crate) servers: u32,
    pub(crate) n_push: u64,
    pub(crate) n_pull: u64,
    pub(crate) local_lr: f32,
    pub(crate) overlap: Overlap,
    pub(crate) extent: PullExtent,
}

impl Setup {
    pub(crate) const PLAIN: Self = Self {
        rows: 57,
        servers: 2,
        n_push: 1,
        n_pull: 1,
        local_lr: 0.0,
        overlap: Overlap::Off,
        extent: PullExtent::Sparse,
    };

    fn settings(&self) -> LoopSettings {
        LoopSettings {
            batch_size: BATCH_SIZE,
            accumulate: 1,
            overlap: self.overlap,
            prefetch: 2,
            pull: self.extent,
            reads_every_shard: false,
            inflight_pushes_max: 8,
            push_format: PushFormat::F32,
            non_finite: NonFinite::Reject,
            gate_wait: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            stop_within: Duration::from_secs(10),
            retry_total: Duration::from_secs(120),
            heartbeat: Duration::from_secs(1),
            compute: Duration::ZERO,
            seed: SEED,
        }
    }

    fn map(&self, model: &dyn Model) -> ShardMap {
        ShardMap::plan(model.layout(), self.servers, Generation(1)).unwrap()
    }

    /// One epoch in ranges of three batches.
    fn epoch(&self, epoch: u64) -> Vec<Grant> {
        let starts = (0..self.rows).step_by(12);
        let range = |start| Grant::Range {
            epoch,
            start,
            end: self.rows.min(start + 12),
        };
        starts.map(range).collect()
    }

    pub(crate) fn worker(&self) -> (Worker, Cluster) {
        let data = data(self.rows);
        let model = logistic(&*data);
        let map = self.map(&*model);
        let cluster = Cluster::new(map.clone(), LR, self.epoch(0));
        let work = Work {
            data,
            model,
            transforms: Arc::default(),
            method: Box::new(self.method()),
            map,
        };
        (Worker::new(place(), self.settings(), work), cluster)
    }

    fn method(&self) -> Gradients {
        Gradients::new(&MethodSettings {
            n_push: NonZeroU64::new(self.n_push).unwrap(),
            n_pull: NonZeroU64::new(self.n_pull).unwrap(),
            local_lr: self.local_lr,
            retake: true,
            communication_period: NonZeroU64::MIN,
            elastic_rate: 0.0,
            local: None,
        })
    }

    /// Runs one epoch without faults.
    fn run(&self) -> Cluster {
        let (mut worker, cluster) = self.worker();
        let mut timeline = Timeline::new(cluster, no_faults);
        let outcome = timeline.run(&mut worker);
        assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
        timeline.cluster
    }
}

fn no_faults(_: usize, _: ServerId, _: &Request) -> Fate {
    Fate::Arrives
}

fn place() -> Place {
    Place {
        fingerprint: Fingerprint(1),
        session: SessionId(3),
        worker: WorkerId(0),
        addresses: vec!["127.0.0.1:4000".to_owned(), "127.0.0.1:4001".to_owned()],
    }
}

/// Rows of a few features each, with labels that depend on them.
fn data(rows: u64) -> Arc<InMemory> {
    let mut out = Rows::new();
    for number in 0..rows {
        let first = u32::try_from(number * 7 % 90).unwrap();
        let features = [first, first + 5, 100 + first];
        let label = if first % 3 == 0 { 1.0 } else { -1.0 };
        out.push(number, label, &features, &[1.0, 0.5, -2.0]);
    }
    Arc::new(InMemory::from_rows(&out, FEATURES, Task::Binary))
}

fn logistic(data: &dyn Dataset) -> Arc<dyn Model> {
    model::build("logistic_regression", &toml::Table::new(), &Shape::of(data)).unwrap()
}

/// Plain gradient descent over one epoch: the loop that a worker's must equal bit for bit.
pub(crate) fn plain(rows: u64) -> Vec<u32> {
    let data = data(rows);
    let model = logistic(&*data);
    let permutation = Permutation::new(SEED, 0, rows);
    let coverage = Coverage::Whole(model.layout().elements());
    let mut x = vec![0_f32; usize::try_from(coverage.elements()).unwrap()];
    let (mut batch, mut located) = (Rows::new(), Located::default());
    let order: Vec<u64> = (0..rows)
        .map(|position| permutation.row(position))
        .collect();
    for numbers in order.chunks(4) {
        data.fill(numbers, &mut batch);
        model.locate(&batch, &coverage, &mut located).unwrap();
        let mut gradient = vec![0.0; x.len()];
        model.gradient(&batch, &located, &x, &mut gradient);
        for (x, g) in x.iter_mut().zip(&gradient) {
            *x -= LR * g;
        }
    }
    x.into_iter().map(f32::to_bits).collect()
}

pub(crate) fn bits(cluster: &Cluster) -> Vec<u32> {
    let value = |element| cluster.x.get(&element).copied().unwrap_or(0.0);
    (0..cluster.map.elements())
        .map(|element| value(element).to_bits())
        .collect()
}
