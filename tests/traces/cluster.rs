//! Servers on loopback and workers that do one thing at a time, when they are told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thalweg::job::{
    REGISTRIES, ResolvedJob, frame_limits, loop_settings, resolve_own, serve_options, server_plan,
    training_method_from, transforms,
};
use thalweg_common::config::Draft;
use thalweg_common::ids::{Clock, ServerId, SessionId, WorkerId};
use thalweg_common::message::{
    Address, PROTOCOL_VERSIONS, Pull, PullPart, PullReply, Register, Reply, Request, SessionRole,
};
use thalweg_common::time::Time;
use thalweg_proto::security::Credentials;
use thalweg_server::Server;
use thalweg_server::ingress::serve;
use thalweg_worker::data::{InMemory, Rows, Task};
use thalweg_worker::transport::client::Client;
use thalweg_worker::worker::{ComputeTask, Effect, Event, Outcome, Place, RequestId, Work, Worker};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::script::{Script, Step};

const PATIENCE: Duration = Duration::from_secs(20);

/// Rows that there are: more than any file has iterations, so that every worker always has some.
const ROWS: u16 = 4_000;

/// What every job here has: batches of one row, dealt one by one, and nothing ahead of its time.
const COMMON: &str = "
train.batch_size = 1
limits.range_batches = 1
limits.lease_seconds = 300.0
limits.join_seconds = 300.0
cluster.servers = 2
method.overlap = 'off'
";

/// What a file makes of a job.
pub(crate) struct Setup {
    /// Further keys, as TOML.
    pub(crate) job: String,
    /// Where servers, and workers with parameters of their own, begin.
    pub(crate) start: Vec<f32>,
    /// Each worker's iterations.
    pub(crate) steps: Vec<Vec<Step>>,
}

/// Two servers, and workers at their first pull.
pub(crate) struct Cluster {
    runtime: Runtime,
    job: ResolvedJob,
    hands: Vec<Hand>,
    observer: (SessionId, WorkerId),
    eyes: Vec<Client>,
}

/// A worker with its connections.
struct Hand {
    worker: Worker,
    model: Arc<Script>,
    clients: Vec<Client>,
    /// Pulls that it wants to send.
    pulls: Vec<(ServerId, RequestId, Request)>,
    /// A batch that it wants to compute.
    task: Option<ComputeTask>,
    now: Time,
}

/// The job of a file, over rows that a [`Script`] looks up by their number.
fn resolve(setup: &Setup) -> ResolvedJob {
    let workers = setup.steps.len();
    let text = format!("{COMMON}cluster.workers = {workers}\n{}", setup.job);
    let draft = Draft::parse("trace", &text).unwrap_or_else(|error| panic!("{error}"));
    let job = draft.check(&thalweg_common::config::Registries {
        data: |_, keys| Ok(keys.clone()),
        model: |_, keys| Ok(keys.clone()),
        ..REGISTRIES
    });
    let job = job.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut rows = Rows::new();
    (0..ROWS).for_each(|number| rows.push(number.into(), 0.0, &[0], &[1.0]));
    let data = Arc::new(InMemory::from_rows(&rows, 1, Task::Real));
    let model = Arc::new(Script::new(setup.start.len(), Vec::new()));
    resolve_own(job, data, model).unwrap_or_else(|error| panic!("{error}"))
}

/// Opens a server whose shards begin at `start`; answers its address.
fn open_server(runtime: &Runtime, job: &ResolvedJob, index: u32, start: &[f32]) -> String {
    let mut plan = server_plan(&job.blueprint, index).unwrap();
    plan.training.initial = Some(start.to_vec().into());
    let server = Arc::new(Server::new(plan, Time::ZERO).unwrap());
    let options = serve_options(&job.blueprint, index);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(serve(server, listener, options, std::future::pending()));
    address
}

/// Registers with every server.
fn enlist(
    runtime: &Runtime,
    job: &ResolvedJob,
    addresses: &[String],
    role: SessionRole,
    worker: Option<WorkerId>,
) -> (SessionId, WorkerId, Vec<Client>) {
    let elements = job.blueprint.map.elements();
    let limits = frame_limits(&job.blueprint.config, elements);
    let mut said = Register {
        protocol: PROTOCOL_VERSIONS,
        role,
        fingerprint: Some(job.blueprint.config.fingerprint()),
        worker,
        session: None,
        data: (role == SessionRole::Worker).then(|| job.blueprint.data_summary()),
        place: "trace".to_owned(),
        lives: vec![],
        clock: None,
        after: None,
    };
    let (mut clients, credentials) = (Vec::new(), Credentials::none());
    for address in addresses {
        let client = Client::connect(address, &credentials, limits, PATIENCE);
        let client = runtime.block_on(client).unwrap();
        let asked = client.call(Request::Register(said.clone()), PATIENCE);
        match runtime.block_on(asked).unwrap() {
            Reply::Registered(registered) => {
                said.session = Some(registered.session);
                said.worker = Some(registered.worker);
                said.lives.push(registered.life);
            }
            other => panic!("{other:?}"),
        }
        clients.push(client);
    }
    (said.session.unwrap(), said.worker.unwrap(), clients)
}

impl Cluster {
    pub(crate) fn new(setup: &Setup) -> Self {
        let job = resolve(setup);
        let runtime = Runtime::new().unwrap();
        let addresses: Vec<String> = (0..2)
            .map(|index| open_server(&runtime, &job, index, &setup.start))
            .collect();
        let hands = (0_u32..).zip(&setup.steps).map(|(number, steps)| {
            let role = SessionRole::Worker;
            let enlisted = enlist(&runtime, &job, &addresses, role, Some(WorkerId(number)));
            let (session, worker, clients) = enlisted;
            let model = Arc::new(Script::new(setup.start.len(), steps.clone()));
            let place = Place {
                fingerprint: job.blueprint.config.fingerprint(),
                session,
                worker,
                addresses: addresses.clone(),
            };
            let work = Work {
                data: job.data.train.clone(),
                model: model.clone(),
                transforms: transforms(&job.blueprint).unwrap(),
                method: training_method_from(&job.blueprint, &setup.start).unwrap(),
                map: job.blueprint.map.clone(),
            };
            let settings = loop_settings(&job.blueprint.config);
            Hand {
                worker: Worker::new(place, settings, work),
                model,
                clients,
                pulls: Vec::new(),
                task: None,
                now: Time::ZERO,
            }
        });
        let hands = hands.collect();
        let (session, worker, eyes) =
            enlist(&runtime, &job, &addresses, SessionRole::Observer, None);
        let mut cluster = Self {
            hands,
            observer: (session, worker),
            eyes,
            job,
            runtime,
        };
        for worker in 0..setup.steps.len() {
            cluster.give(worker, Event::Start);
        }
        cluster
    }

    /// Sends the worker's pull, if it has not been: the parameters are read now.
    pub(crate) fn read(&mut self, worker: usize) {
        for (server, id, request) in std::mem::take(&mut self.hands[worker].pulls) {
            let reply = self.call(worker, server, request);
            self.give(worker, Event::Reply { server, id, reply });
        }
        let hand = &self.hands[worker];
        assert!(
            hand.task.is_some(),
            "worker {worker} has read and can compute"
        );
    }

    /// Computes one iteration at what was read and pushes what is to be pushed.
    pub(crate) fn compute(&mut self, worker: usize) {
        if self.hands[worker].task.is_none() {
            self.read(worker);
        }
        let hand = &mut self.hands[worker];
        let done = hand.task.take().unwrap().run(hand.model.as_ref());
        self.give(worker, Event::Computed(done));
    }

    /// Whether the worker must read before its next iteration.
    pub(crate) fn wants_to_read(&self, worker: usize) -> bool {
        !self.hands[worker].pulls.is_empty()
    }

    /// All parameters, as observers see them.
    pub(crate) fn observe(&mut self) -> Vec<f32> {
        let map = self.job.blueprint.map.clone();
        let mut parameters = Vec::new();
        for (shard, span) in map.numbered() {
            let elements = u32::try_from(span.elements.end - span.elements.start).unwrap();
            let pull = Pull {
                fingerprint: self.job.blueprint.config.fingerprint(),
                generation: map.generation(),
                session: self.observer.0,
                worker: self.observer.1,
                clock: Clock(0),
                patience: PATIENCE / 2,
                parts: vec![PullPart {
                    shard,
                    address: Address::Range(0..elements),
                }],
            };
            let client = &self.eyes[span.server.0 as usize];
            let asked = client.call(Request::Pull(pull), PATIENCE);
            match self.runtime.block_on(asked).unwrap() {
                Reply::Pulled(PullReply::Ready(reads)) => {
                    reads
                        .iter()
                        .for_each(|read| parameters.extend(read.payload.iter()));
                }
                other => panic!("{other:?}"),
            }
        }
        parameters
    }

    fn call(&self, worker: usize, server: ServerId, request: Request) -> Reply {
        let client = &self.hands[worker].clients[server.0 as usize];
        let asked = client.call(request, PATIENCE);
        self.runtime.block_on(asked).unwrap()
    }

    /// Gives the worker an event, and does what it wants until it wants to read or to compute.
    fn give(&mut self, worker: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let hand = &mut self.hands[worker];
            hand.now = hand.now + Duration::from_micros(1);
            for effect in hand.worker.step(hand.now, event) {
                match effect {
                    Effect::Send {
                        server,
                        id,
                        request: request @ Request::Pull(_),
                        ..
                    } => self.hands[worker].pulls.push((server, id, request)),
                    Effect::Send {
                        server,
                        id,
                        request,
                        ..
                    } => {
                        let reply = self.call(worker, server, request);
                        events.push_back(Event::Reply { server, id, reply });
                    }
                    Effect::Compute(task) => self.hands[worker].task = Some(task),
                    Effect::WakeAt(_) | Effect::Tell(_) => {}
                    Effect::Finish(Outcome::Failed(failure)) => {
                        panic!("worker {worker} failed: {failure}")
                    }
                    Effect::Finish(outcome) => panic!("worker {worker} has ended: {outcome:?}"),
                }
            }
        }
    }
}
