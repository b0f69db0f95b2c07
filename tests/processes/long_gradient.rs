//! A gradient that takes longer than a lease: the worker still gives signs of life.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thalweg::job::{
    REGISTRIES, ResolvedJob, frame_limits, loop_settings, resolve, training_method, transforms,
};
use thalweg_common::config::Draft;
use thalweg_common::layout::ParameterLayout;
use thalweg_common::physics::Share;
use thalweg_proto::security::Credentials;
use thalweg_worker::data::Rows;
use thalweg_worker::model::{Coverage, Located, Model, ModelError, Output};
use thalweg_worker::transport::{LinkOptions, Links, Member, drive, find_job, join};
use thalweg_worker::worker::{Outcome, Place, Work, Worker};

use crate::by_hand::server;
use crate::support::{Bench, output_of, stderr};

/// A lease of 300 ms, and three batches.
const SETS: &[&str] = &[
    "data.rows=60",
    "train.batch_size=20",
    "cluster.servers=1",
    "cluster.workers=1",
    "limits.lease_seconds=0.3",
    "limits.heartbeat_seconds=0.1",
    "limits.linger_seconds=0.2",
];

const PATIENCE: Duration = Duration::from_secs(10);

/// A model whose gradients take a second.
#[derive(Debug)]
struct Slow(Arc<dyn Model>);

impl Model for Slow {
    fn layout(&self) -> &ParameterLayout {
        self.0.layout()
    }

    fn output(&self) -> Output {
        self.0.output()
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.0.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.0.locate(rows, coverage, out)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test plays a long computation"
    )]
    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        std::thread::sleep(Duration::from_secs(1));
        self.0.gradient(rows, located, x, gradient)
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        self.0.scores(rows, located, x, out);
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.0.loss(label, scores)
    }
}

fn slow_worker(place: Place, job: &ResolvedJob) -> Worker {
    let config = &job.blueprint.config;
    let work = Work {
        data: job.data.train.clone(),
        model: Arc::new(Slow(job.blueprint.model.clone())),
        transforms: transforms(&job.blueprint).unwrap(),
        method: training_method(&job.blueprint).unwrap(),
        map: job.blueprint.map.clone(),
    };
    Worker::new(place, loop_settings(config), work)
}

#[test]
fn a_worker_in_a_long_gradient_is_not_lost() {
    let bench = Bench::new();
    let (server, address) = server(&bench, "0", SETS);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let none = Credentials::none();
    let addresses = [address];
    let found = find_job(&addresses, &none, PATIENCE);
    let contact = runtime.block_on(found).unwrap();
    let draft = Draft::parse("the servers' job", &contact.job).unwrap();
    let job = resolve(draft.check(&REGISTRIES).unwrap(), Path::new(".")).unwrap();
    let limits = frame_limits(&job.blueprint.config, job.blueprint.map.elements());
    let member = Member {
        worker: None,
        data: job.blueprint.data_summary(),
        place: "test".to_owned(),
        after: None,
        or_any: false,
    };
    let place = runtime
        .block_on(join(
            &contact,
            limits,
            member,
            PATIENCE,
            std::future::pending(),
        ))
        .unwrap();
    let options = LinkOptions {
        addresses: contact.addresses,
        credentials: none,
        limits,
        connect_within: PATIENCE,
        seed: 1,
        drop_acks: Share::default(),
    };
    let links = Links::open(runtime.handle().clone(), &options);
    let ended = drive(slow_worker(place, &job), links);
    assert!(
        matches!(ended.outcome, Outcome::Done),
        "{:?}",
        ended.outcome
    );
    let output = output_of(server);
    assert!(output.status.success(), "{}", stderr(&output));
}
