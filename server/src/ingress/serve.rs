//! Running a server: the accept loop, the ticking of its leases, and its orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::message::Phase;
use thalweg_proto::codec::{FrameLimits, Pool};
use thalweg_proto::security::Keys;
use thalweg_proto::transport::{Counted, Secured, WireServer, tune_server};
use thalweg_proto::{FILE_DESCRIPTOR_SET, ParameterServerServer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::counted::{Connection, Entry};
use super::data::{DataDesk, DataFile};
use super::door::Door;
use super::guard::Guard;
use super::handle::Handler;
use super::owners::Owners;
use super::pace::Pace;
use super::pages::{Pages, StatusPages};
use super::places::Places;
use super::unary::Service;
use super::waiters::Waiters;
use super::watched::Watched;
use crate::checkpoint::Keeper;
use crate::observe::{Books, Load};
use crate::server::Server;
use thalweg_proto::transport::Clock;

/// How often leases and the end of the job are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Between two ticks, from here on, this process was paused or starved, and not those that it heard nothing of.
const SLEPT: Duration = Duration::from_secs(1);

/// Pause after the system refused to hand over a connection.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that are accepted in a second, and at once. To open one costs a stranger as much as the server; whoever
/// opens them without end is not to take its core, and a thousand workers that start together are in within a second.
const ACCEPTED: (f64, f64) = (1_000.0, 256.0);

/// How many more a connection counts for that is over within a second: who is cut and comes again at once makes the
/// server do nothing but open connections.
const SHORT_COUNTS: u32 = 4;

/// How a server is to be run.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Bounds of frames and parts.
    pub limits: FrameLimits,
    /// Parts that may wait for one shard.
    pub queue_parts_max: usize,
    /// Requests of one session in flight.
    pub requests_max: u32,
    /// Bytes of all sessions' messages that are not whole.
    pub in_flight_bytes_max: usize,
    /// Pulls of all sessions under way, each in as many pieces as it may come in.
    pub pulls_max: usize,
    /// Open connections.
    pub connections_max: usize,
    /// Owner threads.
    pub owner_threads: usize,
    /// How long a request may wait before it is begun.
    pub request_time_max: Duration,
    /// How long an orderly end may take.
    pub stop_time_max: Duration,
    /// The training rows, if this server is to hand them out.
    pub data: Option<DataFile>,
    /// Where its metrics are asked for, if they are to be told.
    pub metrics: Option<Arc<TcpListener>>,
    /// What it shows to callers, and whom it knows; without, it is open to all.
    pub keys: Option<Keys>,
    /// How long a TLS handshake may take, and then a connection for its first permitted call.
    pub handshake_time_max: Duration,
    /// Further pages beside the metrics.
    pub status_pages: Option<Arc<dyn StatusPages>>,
    /// Who writes its checkpoints, if it keeps any.
    pub keeper: Option<Arc<Keeper>>,
}

/// How a server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The job is done.
    Finished,
    /// The job ended without being done, and why.
    Failed(String),
}

/// Why a server could not run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the server's transport failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The listener has no address.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
    /// The schema for reflection is broken.
    #[error("the schema cannot be shown by reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until the job is over and everybody has left, or until `stop` says why to end. The end
/// takes at most `options.stop_time_max` after that.
///
/// # Errors
/// [`ServeError`] if listener or transport fail.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    options: ServeOptions,
    stop: impl Future<Output = String>,
) -> Result<End, ServeError> {
    let address = listener.local_addr()?;
    // One clock for both: the age of a checkpoint is from when the keeper took it to when somebody asks here.
    let clock = match &options.keeper {
        Some(keeper) => keeper.clock(),
        None => Clock::start(),
    };
    let handler = Arc::new(Handler {
        owners: Owners::start(
            server.shard_ids(),
            options.queue_parts_max,
            options.owner_threads,
        ),
        server: server.clone(),
        waiters: Waiters::default(),
        clock,
        load: Arc::default(),
        before: Books::of(&server.status(clock.now())),
        connections_max: options.connections_max,
        queue_parts_max: options.queue_parts_max,
        request_time_max: options.request_time_max,
        keeper: options.keeper.clone(),
        ending: watch::Sender::new(false),
        guard: Guard::new(options.keys.clone()),
    });
    let (finish, finished) = oneshot::channel::<()>();
    let transport = transport(&handler, listener, address, &options, finished)?;
    let mut transport = tokio::spawn(transport);
    let _pages = match &options.metrics {
        Some(listener) => Some(Pages::serve(listener, &handler, &options)?),
        None => None,
    };
    let end = tokio::select! {
        biased;
        failed = &mut transport => return ended_by_transport(failed),
        end = tick_until_over(&handler, stop, options.stop_time_max) => end,
    };
    // The transport may have ended on its own in this moment.
    finish.send(()).ok();
    handler.ending.send_replace(true);
    if tokio::time::timeout(options.stop_time_max, &mut transport)
        .await
        .is_err()
    {
        transport.abort();
    }
    Ok(end)
}

fn ended_by_transport(
    failed: Result<Result<(), tonic::transport::Error>, tokio::task::JoinError>,
) -> Result<End, ServeError> {
    match failed {
        Ok(Ok(())) => Ok(End::Failed("the listener ended".to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Ok(End::Failed(format!("the transport's task ended: {error}"))),
    }
}

fn transport(
    handler: &Arc<Handler>,
    listener: TcpListener,
    address: SocketAddr,
    options: &ServeOptions,
    finished: oneshot::Receiver<()>,
) -> Result<impl Future<Output = Result<(), tonic::transport::Error>> + use<>, ServeError> {
    let service = Service {
        handler: handler.clone(),
        limits: options.limits,
        requests_max: options.requests_max,
        // Its message may take as long to come as a whole request may wait then.
        call_time_max: 2 * options.request_time_max,
        room: Pool::new(options.in_flight_bytes_max),
        pulls: Arc::new(Semaphore::new(
            options.pulls_max.min(Semaphore::MAX_PERMITS),
        )),
        data: Arc::new(DataDesk::new(options.data.clone())),
        calls: Arc::new(Semaphore::new(options.connections_max)),
    };
    let service = WireServer::new(service, options.limits.message_bytes_max);
    let reflection = address
        .ip()
        .is_loopback()
        .then(|| {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .build_v1()
        })
        .transpose()?;
    let books = (handler.server.clone(), handler.load.clone());
    let tls = options.keys.as_ref().map(Keys::calls);
    let door = Door::new(tls, options.handshake_time_max);
    let lease = handler.server.plan().bounds.lease;
    let places = Places::new(options.connections_max, handler.clock, lease);
    let first_call_max = options.handshake_time_max;
    let connections = accept(
        listener,
        books,
        door,
        (places, handler.clock, first_call_max),
    );
    Ok(async move {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter
            .set_serving::<ParameterServerServer<Service>>()
            .await;
        tune_server(tonic::transport::Server::builder())
            .add_service(service)
            .add_service(health)
            .add_optional_service(reflection)
            .serve_with_incoming_shutdown(ReceiverStream::new(connections), async {
                drop(finished.await);
            })
            .await
    })
}

/// Accepts connections, as many as there are places and one that waits for its own; further ones wait in the system's
/// backlog. Whoever makes no permitted call within `first_call_max` has to go.
fn accept(
    listener: TcpListener,
    (server, load): (Arc<Server>, Arc<Load>),
    door: Door,
    (places, clock, first_call_max): (Arc<Places>, Clock, Duration),
) -> mpsc::Receiver<std::io::Result<Connection>> {
    let (accepted, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let (per_second, burst) = ACCEPTED;
        let mut pace = Pace::new(clock.now(), per_second, burst);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Only now: a place is made free for somebody who wants it.
                    let (place, is_cut) = places.take().await;
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection is without nodelay");
                    }
                    let standing = (place.standing(), first_call_max);
                    let stream = Watched::new(stream, is_cut, standing);
                    let entry = Entry::new(server.clone(), load.connected(), place);
                    let entering = (door.clone(), Counted::new(stream, entry));
                    enter(entering, clock, &accepted).await;
                    let spent = places.take_short().saturating_mul(SHORT_COUNTS);
                    let owed = pace.spend(clock.now(), spent.saturating_add(1));
                    if !owed.is_zero() {
                        pause(owed).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    pause(ACCEPT_PAUSE).await;
                }
            }
            if accepted.is_closed() {
                return;
            }
        }
    });
    connections
}

/// Lets a connection in: at once, or after its handshake, on a task of its own.
async fn enter(
    (door, stream): (Door, Counted<Watched<TcpStream>, Entry>),
    clock: Clock,
    accepted: &mpsc::Sender<std::io::Result<Connection>>,
) {
    if !door.is_locked() {
        // The server may have ended.
        let connection = Connection::new(Secured::plain(stream), clock);
        drop(accepted.send(Ok(connection)).await);
        return;
    }
    let accepted = accepted.clone();
    tokio::spawn(async move {
        match door.enter(stream).await {
            Ok(secured) => drop(accepted.send(Ok(Connection::new(secured, clock))).await),
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    });
}

/// Lets time pass for the server until the job is over and everybody has left.
async fn tick_until_over(
    handler: &Handler,
    stop: impl Future<Output = String>,
    stop_time_max: Duration,
) -> End {
    let server = &handler.server;
    let mut ticks = tokio::time::interval(TICK);
    let mut stop = std::pin::pin!(stop);
    let mut end_by = None;
    let mut last = handler.clock.now();
    let mut is_kept = false;
    loop {
        tokio::select! {
            biased;
            why = &mut stop, if end_by.is_none() => {
                let now = handler.clock.now();
                server.stop(now, &why);
                end_by = Some(now + stop_time_max);
            }
            _ = ticks.tick() => {}
        }
        let now = handler.clock.now();
        let since = now.since(std::mem::replace(&mut last, now));
        if SLEPT <= since {
            tracing::warn!(
                "this server was paused or starved for {since:.1?}: nobody's lease runs out for it"
            );
            server.slept(since);
        }
        for lapse in server.tick(now) {
            tracing::warn!("worker {} {}", lapse.worker, lapse.why);
        }
        handler.release();
        // At once, and not with the end alone: whoever is killed before must not return to a job that goes on.
        if let Some(keeper) = handler
            .keeper
            .as_ref()
            .filter(|_| !is_kept && server.has_failed())
        {
            is_kept = keeper.ask(Box::new(drop)).is_ok();
        }
        if server.is_finished(now) || end_by.is_some_and(|by| by < now) {
            let (phase, cause) = server.phase();
            return if phase == Phase::Failed {
                End::Failed(cause)
            } else {
                End::Finished
            };
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver waits; decisions never do"
)]
pub(super) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
