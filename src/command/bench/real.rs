//! The real server: 16 Mi parameters under Adam, pushed and pulled whole, and 4 KB at a time.
//!
//! Unlike the sink, it judges every part, applies it, and reads what it answers from its shards.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use thalweg_common::consistency::{Aggregation, Consistency, Staleness};
use thalweg_common::feedback::feedback;
use thalweg_common::ids::{Fingerprint, Generation, Life, Sequence, ServerId, SessionId};
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::message::{
    DataSummary, Kind, Outcome, PROTOCOL_VERSIONS, PullReply, Register, Reply, Request, SessionRole,
};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::push_format::PushFormat;
use thalweg_common::regularizer::Regularization;
use thalweg_common::shard_map::ShardMap;
use thalweg_common::time::Time;
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::{Credentials, Keys};
use thalweg_server::coordinator::{self, Deal, RatePlan};
use thalweg_server::ingress::{ServeOptions, serve};
use thalweg_server::shard::Tuner;
use thalweg_server::{Bounds, OnWorkerLoss, Plan, Server, Training};
use thalweg_worker::transport::client::Client;

use super::probe::{LARGE_BYTES, SMALL_BYTES, pull, push};
use super::sample::{Latencies, millis_since, now};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);

const DATA: DataSummary = DataSummary {
    rows: u64::MAX / 2,
    features: 1,
    hash: 0,
};

/// Serves the real server on `listener` until the process ends, in the open or with keys.
pub(super) async fn serve_real(listener: TcpListener, keys: Option<Keys>) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = Arc::new(Server::new(plan()?, Time::ZERO)?);
    let options = ServeOptions {
        limits: limits(),
        queue_parts_max: 64,
        requests_max: 128,
        in_flight_bytes_max: usize::MAX,
        pulls_max: usize::MAX,
        connections_max: 16,
        owner_threads: 1,
        request_time_max: PATIENCE,
        stop_time_max: Duration::from_secs(1),
        data: None,
        metrics: None,
        keys,
        handshake_time_max: PATIENCE,
        status_pages: None,
        keeper: None,
    };
    serve(server, listener, options, std::future::pending()).await?;
    Ok(())
}

fn limits() -> FrameLimits {
    FrameLimits::default()
}

fn plan() -> anyhow::Result<Plan> {
    let elements = (LARGE_BYTES / size_of::<f32>()) as u64;
    let layout = ParameterLayout::new(vec![Tensor::trainable("w", vec![elements])])?;
    let map = ShardMap::plan(&layout, 1, Generation(1))?;
    let hour = Duration::from_hours(1);
    Ok(Plan {
        life: Life(0),
        job: "bench".to_owned(),
        job_text: String::new(),
        fingerprint: Fingerprint(7),
        data: DATA,
        layout,
        map,
        server: ServerId(0),
        consistency: Consistency::Asp,
        training: Training {
            initial: None,
            seed: 1,
            optimizer: "adam".to_owned(),
            hyper_parameters: toml::Table::new(),
            rate: Arc::new(|_| 1e-3),
            tuner: Tuner::default(),
            regularization: Regularization::default(),
            aggregation: Aggregation::Push,
            staleness: Staleness::default(),
            pushes: Kind::Gradient,
            push_format: PushFormat::F32,
            non_finite: NonFinite::Reject,
            workers: 1,
        },
        coordinator: coordinator::Plan {
            streamed: false,
            rows: DATA.rows,
            examples_total: DATA.rows,
            workers: 1,
            deal: Deal::Striped { batch_examples: 1 },
            solo_examples: 0,
            train_time_max: None,
            rate: RatePlan {
                rule: feedback("none").and_then(|entry| entry.build(&toml::Table::new()))?,
                lr: 0.1,
                every_examples: 1,
            },
        },
        on_worker_loss: OnWorkerLoss::Continue,
        bounds: Bounds {
            lease: hour,
            iteration: hour,
            heartbeat: hour,
            join: hour,
            linger: hour,
            last_look: Duration::ZERO,
            first_contact: hour,
            sessions_max: 1 << 20,
            history_events: 256,
        },
    })
}

/// A worker's session with the real server.
#[derive(Debug)]
pub(super) struct RealSession {
    client: Client,
    session: SessionId,
    sequence: u64,
    replica: Vec<f32>,
}

impl RealSession {
    /// Opens a session; the one before it is over with that.
    pub(super) async fn open(address: &str, shown: &Credentials) -> anyhow::Result<Self> {
        let client = Client::connect(address, shown, limits(), PATIENCE).await?;
        let register = Register {
            protocol: PROTOCOL_VERSIONS,
            role: SessionRole::Worker,
            fingerprint: None,
            worker: Some(thalweg_common::ids::WorkerId(0)),
            session: None,
            data: Some(DATA),
            place: "bench".to_owned(),
            lives: vec![],
            clock: None,
            after: None,
        };
        let Reply::Registered(registered) =
            client.call(Request::Register(register), PATIENCE).await?
        else {
            bail!("expected a session of the real server");
        };
        // Filled, not zeroed: a worker's replica has been written before.
        let replica = vec![1.0; LARGE_BYTES / size_of::<f32>()];
        let mut session = Self {
            client,
            session: registered.session,
            sequence: 0,
            replica,
        };
        // The first transfer finds memory that was never touched, on both sides.
        session.transfer(false).await?;
        Ok(session)
    }

    /// Pulls and pushes 64 MB, at once or one after the other, ms.
    pub(super) async fn transfer(&mut self, at_once: bool) -> anyhow::Result<f64> {
        let push = self.push(LARGE_BYTES);
        let mut wanted = pull(LARGE_BYTES);
        wanted.session = self.session;
        let start = now();
        let pulling = self.client.call(Request::Pull(wanted), PATIENCE);
        let pushing = self.client.call(push, PATIENCE);
        let (pulled, pushed) = if at_once {
            tokio::try_join!(pulling, pushing)?
        } else {
            (pulling.await?, pushing.await?)
        };
        let Reply::Pulled(PullReply::Ready(reads)) = pulled else {
            bail!("expected parameters, found {pulled:?}");
        };
        let mut rest = &mut self.replica[..];
        for read in &reads {
            let (part, after) = rest.split_at_mut(read.payload.values());
            read.payload.copy_to(part);
            rest = after;
        }
        let millis = millis_since(start);
        applied(&pushed)?;
        Ok(millis)
    }

    /// The median time of a push of 4 KB with its step, µs.
    pub(super) async fn ping(&mut self, requests: usize) -> anyhow::Result<f64> {
        let mut latencies = Latencies::default();
        for _ in 0..requests {
            let push = self.push(SMALL_BYTES);
            let start = now();
            let pushed = self.client.call(push, PATIENCE).await?;
            latencies.record(start);
            applied(&pushed)?;
        }
        Ok(latencies.p50())
    }

    fn push(&mut self, bytes: usize) -> Request {
        self.sequence += 1;
        let mut push = push(bytes);
        push.header.session = self.session;
        push.header.ranges.clear();
        for part in &mut push.parts {
            part.sequence = Sequence(self.sequence);
        }
        Request::Push(push)
    }
}

fn applied(reply: &Reply) -> anyhow::Result<()> {
    let is_applied = |outcome: &Outcome| matches!(outcome, Outcome::Applied { .. });
    match reply {
        Reply::Pushed(acks) if acks.iter().all(|ack| is_applied(&ack.outcome)) => Ok(()),
        other => Err(anyhow!("expected every part applied, found {other:?}")),
    }
}
