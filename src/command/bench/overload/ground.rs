//! The job that is pushed to, and the server of one part of the measurement with who watches it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{Clock, ServerId, ShardId};
use thalweg_common::message::{
    DataSummary, Heartbeat, Leave, LeaveReason, PROTOCOL_VERSIONS, Register, Registered, Reply,
    Request, SessionRole, StatusRequest,
};
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::Credentials;
use thalweg_worker::transport::client::Client;

use super::cores::Cores;
use super::server::ServerProcess;
use crate::command::bench::sample::now;
use crate::job::{Memory, REGISTRIES, draft_with, frame_limits, resolve, serve_options};

/// How long one request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long one try to connect may take, as a worker's.
const TRY_MAX: Duration = Duration::from_secs(3);

/// Between two looks at a server.
const LOOK: Duration = Duration::from_millis(100);

/// Worker slots of the job: for ten times the sessions that saturate a server, and those beside them.
const WORKERS: u32 = 48;

/// Pushes that a session has in flight.
pub(super) const WINDOW: u64 = 4;

/// The job: 512 KiB of gradient a push, for a rule with two slots, so that applying one costs more than receiving it.
/// Its parts, one for each of four shards, are too large to be applied where they are received, and go through the
/// queues, which hold what a core applies in a few milliseconds.
const SETS: [&str; 15] = [
    "data.rows=1000",
    "data.test_rows=100",
    "data.features=131071",
    "optimizer.name=adam",
    "optimizer.lr=0.001",
    "cluster.servers=1",
    "cluster.workers=48",
    "cluster.on_worker_loss=continue",
    "limits.inflight_pushes_max=4",
    "limits.inflight_pulls_max=2",
    "limits.queue_parts_max=8",
    "limits.chunk_bytes=65536",
    "limits.part_bytes_max=1048576",
    "limits.join_seconds=86400",
    "consistency.model=asp",
];

/// What is pushed to, and how.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Assignments to the shipped job.
    pub(super) sets: Vec<String>,
    /// What a worker must have found in its data.
    pub(super) data: DataSummary,
    /// The shards, and their elements.
    pub(super) shards: Arc<[(ShardId, u32)]>,
    /// Bounds of frames.
    pub(super) limits: FrameLimits,
    /// The job's `memory_bytes_max`, which is what the server plans for.
    pub(super) memory_bytes_max: u64,
    /// Places for connections.
    pub(super) connections_max: usize,
}

impl Job {
    /// The job with its bound of memory.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut sets: Vec<String> = SETS.iter().map(|set| (*set).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets)?;
        let blueprint = resolve(draft.check(&REGISTRIES)?, Path::new("."))?.blueprint;
        let memory_bytes_max = Memory::plan(&blueprint, ServerId(0)).total();
        sets.push(format!("limits.memory_bytes_max={memory_bytes_max}"));
        let shards = blueprint.map.of_server(ServerId(0)).map(|(shard, span)| {
            let elements = span.elements.end - span.elements.start;
            Ok((shard, u32::try_from(elements)?))
        });
        let shards: Arc<[(ShardId, u32)]> = shards.collect::<anyhow::Result<_>>()?;
        let elements = shards
            .iter()
            .map(|(_, elements)| u64::from(*elements))
            .sum();
        ensure!(blueprint.config.cluster.workers == WORKERS);
        Ok(Self {
            sets,
            data: blueprint.data_summary(),
            shards,
            limits: frame_limits(&blueprint.config, elements),
            memory_bytes_max,
            connections_max: serve_options(&blueprint, 0).connections_max,
        })
    }

    /// Bytes of the values of a push.
    pub(super) fn push_bytes(&self) -> usize {
        let elements = self.shards.iter().map(|(_, elements)| *elements as usize);
        elements.sum::<usize>() * size_of::<f32>()
    }

    /// Words of a worker that registers: for a slot, or only to learn the job.
    pub(super) fn registration(&self, data: Option<DataSummary>) -> Register {
        Register {
            protocol: PROTOCOL_VERSIONS,
            role: SessionRole::Worker,
            fingerprint: None,
            worker: None,
            session: None,
            data,
            place: "bench overload".to_owned(),
            lives: vec![],
            clock: None,
            after: None,
        }
    }

    /// Opens a session.
    pub(super) async fn register(
        &self,
        (address, shown): (SocketAddr, &Credentials),
        data: Option<DataSummary>,
    ) -> anyhow::Result<(Client, Registered)> {
        let address = address.to_string();
        let client = Client::connect(&address, shown, self.limits, PATIENCE).await?;
        let request = Request::Register(self.registration(data));
        match client.call(request, PATIENCE).await? {
            Reply::Registered(registered) => Ok((client, *registered)),
            Reply::Refused(refusal) => bail!("the server refused a session: {refusal}"),
            other => bail!("expected a session, found {other:?}"),
        }
    }
}

/// The server's own counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) at: Instant,
    /// Parts that are in the parameters.
    pub(super) applied: u64,
    /// Parts refused for want of room.
    pub(super) overloaded: u64,
    pub(super) core_time: Option<Duration>,
}

/// A server, and a session of its own that keeps the job alive and asks how things stand.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) job: Arc<Job>,
    pub(super) server: ServerProcess,
    pub(super) shown: Credentials,
    keeper: (Client, Registered),
    beat: Instant,
    /// The most resident memory that was seen, bytes.
    resident_max: u64,
    /// Pushes acknowledged to sessions that have ended.
    pub(super) acknowledged: Arc<AtomicU64>,
}

impl Ground {
    /// Starts a server for the job.
    pub(super) async fn open(
        job: &Arc<Job>,
        (certs, shown): (Option<&Path>, &Credentials),
        (cores, folder): (&Cores, &Path),
    ) -> anyhow::Result<Self> {
        let server = ServerProcess::start((&job.sets, certs), cores, folder)?;
        let keeper = job
            .register((server.address, shown), Some(job.data))
            .await?;
        Ok(Self {
            job: job.clone(),
            server,
            shown: shown.clone(),
            keeper,
            beat: now(),
            resident_max: 0,
            acknowledged: Arc::default(),
        })
    }

    /// Lets a moment pass, and looks at the server meanwhile.
    pub(super) async fn look(&mut self) -> anyhow::Result<()> {
        pause(LOOK).await;
        self.server.check_alive()?;
        let resident = self.server.memory().map_or(0, |memory| memory.resident);
        self.resident_max = self.resident_max.max(resident);
        if Duration::from_secs(1) < now().duration_since(self.beat) {
            self.beat = now();
            let (client, registered) = &self.keeper;
            let heartbeat = Heartbeat {
                session: registered.session,
                worker: registered.worker,
                clock: Clock(0),
                doing: "watching".to_owned(),
                idle: true,
                sent_bytes: 0,
                received_bytes: 0,
                compute: Duration::ZERO,
                waited: Duration::ZERO,
                retries: 0,
            };
            client.call(Request::Heartbeat(heartbeat), PATIENCE).await?;
        }
        Ok(())
    }

    /// The server's counts now.
    pub(super) async fn count(&self) -> anyhow::Result<Count> {
        let asked = Request::Status(StatusRequest::default());
        let Reply::Status(status) = self.keeper.0.call(asked, PATIENCE).await? else {
            bail!("expected how things stand on the server");
        };
        let parts = status.workers.iter().map(|worker| &worker.parts);
        let overloaded = RefusalKind::Overloaded;
        let (applied, overloaded) = parts.fold((0, 0), |(applied, refused), parts| {
            let these = parts.refusals.get(&overloaded).copied().unwrap_or(0);
            (applied + parts.applied, refused + these)
        });
        Ok(Count {
            at: now(),
            applied,
            overloaded,
            core_time: self.server.core_time(),
        })
    }

    /// How long a client that comes now waits until it knows the job, however often it has to knock.
    pub(super) fn newcomer(
        &self,
        within: Duration,
    ) -> impl Future<Output = Option<Duration>> + Send + 'static {
        let (job, address, shown) = (self.job.clone(), self.server.address, self.shown.clone());
        async move {
            let begun = now();
            let knock = async {
                loop {
                    let once = job.register((address, &shown), None);
                    if let Ok(Ok(_)) = tokio::time::timeout(TRY_MAX, once).await {
                        return;
                    }
                    pause(LOOK).await;
                }
            };
            tokio::time::timeout(within, knock).await.ok()?;
            Some(now().duration_since(begun))
        }
    }

    /// The most memory that the server held: by samples, and by the system's own mark; bytes.
    pub(super) fn memory(&self) -> Option<(u64, u64)> {
        Some((self.resident_max, self.server.memory()?.peak))
    }

    /// The parts that the server applied, and those of the pushes that were acknowledged. All sessions must have
    /// ended.
    pub(super) async fn settle(&self) -> anyhow::Result<(u64, u64)> {
        let count = self.count().await.context("the server no longer answers")?;
        let pushes = self.acknowledged.load(Ordering::Relaxed);
        Ok((count.applied, pushes * self.job.shards.len() as u64))
    }
}

/// Closes a session in order.
pub(super) async fn leave(client: &Client, registered: &Registered) -> anyhow::Result<()> {
    let leave = Leave {
        session: registered.session,
        worker: registered.worker,
        reason: LeaveReason::Stopped,
        cause: String::new(),
    };
    client.call(Request::Leave(leave), PATIENCE).await?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever measures waits in between"
)]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
