//! The loop's end of its links: requests go in here for any server, events of all come out.

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::ServerId;
use thalweg_common::message::{Reply, Request};
use thalweg_common::physics::Share;
use thalweg_common::seed;
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::Credentials;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::ack_loss::AckLoss;
use super::link::{FAREWELL, Link, Outgoing};
use super::traffic::Traffic;
use crate::worker::{ComputeDone, Event, RequestId};

/// Requests of the loop that wait for one link.
const REQUESTS_MAX: usize = 128;

/// Events that wait for the loop.
const EVENTS_MAX: usize = 1024;

/// How links are to be made.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// The servers' addresses (HOST:PORT), by [`ServerId`].
    pub addresses: Vec<String>,
    /// What is shown to them, and how they are known.
    pub credentials: Credentials,
    /// The bounds of frames and parts, the same as the servers'.
    pub limits: FrameLimits,
    /// How long a connection may take to stand.
    pub connect_within: Duration,
    /// Seed of the jitter between tries; differs from worker to worker.
    pub seed: u64,
    /// The share of the acknowledgements of pushes that is thrown away, to see that all goes well without
    /// them.
    pub drop_acks: Share,
}

/// Links with all servers of a job.
#[derive(Debug)]
pub struct Links {
    runtime: Handle,
    requests: Vec<mpsc::Sender<Outgoing>>,
    tasks: Vec<JoinHandle<()>>,
    events: mpsc::Receiver<Event>,
    stopper: Stopper,
    traffic: Arc<Traffic>,
}

/// Tells a running worker to stop.
#[derive(Clone, Debug)]
pub struct Stopper(mpsc::Sender<Event>);

impl Stopper {
    /// Tells it, once is enough. A worker that has ended does not mind.
    pub async fn stop(&self) {
        self.0.send(Event::Stop).await.ok();
    }
}

impl Links {
    /// Starts a link with every server on `runtime`. What is sent before a connection stands waits
    /// for it.
    #[must_use]
    pub fn open(runtime: Handle, options: &LinkOptions) -> Self {
        let (inbox, events) = mpsc::channel(EVENTS_MAX);
        let traffic = Arc::new(Traffic::default());
        let (mut requests, mut tasks) = (Vec::new(), Vec::new());
        for (server, address) in (0_u32..).map(ServerId).zip(&options.addresses) {
            let (sender, outgoing) = mpsc::channel(REQUESTS_MAX);
            let own_seed = seed::mix(options.seed ^ seed::mix(server.0.into()));
            let link = Link {
                server,
                address: address.clone(),
                credentials: options.credentials.clone(),
                limits: options.limits,
                connect_within: options.connect_within,
                jitter: own_seed,
                ack_loss: AckLoss::new(options.drop_acks, !own_seed),
                outgoing,
                events: inbox.clone(),
                traffic: Arc::clone(&traffic),
            };
            requests.push(sender);
            let span = tracing::info_span!("connection", server = server.0, address);
            tasks.push(runtime.spawn(link.run().instrument(span)));
        }
        Self {
            runtime,
            requests,
            tasks,
            events,
            stopper: Stopper(inbox),
            traffic,
        }
    }

    /// What stops the worker that these links serve.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The bytes at the sockets.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Sends a request that is to be answered within a time. A link that is full refuses it at
    /// once, as a server would.
    pub(super) fn send(
        &mut self,
        server: ServerId,
        id: RequestId,
        request: Request,
        within: Duration,
    ) -> Option<Event> {
        let link = usize::try_from(server.0)
            .ok()
            .and_then(|index| self.requests.get(index));
        let refused = match link.map(mpsc::Sender::try_reserve) {
            Some(Ok(room)) => {
                room.send(Outgoing {
                    id,
                    request,
                    within,
                });
                return None;
            }
            Some(Err(_)) => Refusal::new(
                RefusalKind::Overloaded,
                format!("{REQUESTS_MAX} requests wait for the connection with server {server}"),
            ),
            None => Refusal::invalid(format!("the job has no server {server}")),
        };
        Some(Event::Reply {
            server,
            id,
            reply: Reply::Refused(refused),
        })
    }

    /// Waits for the next event of the links, else for `gradient`, at most for `patience`.
    pub(super) fn wait(
        &mut self,
        patience: Option<Duration>,
        gradient: impl Future<Output = ComputeDone>,
    ) -> Option<Event> {
        let next = async {
            tokio::select! {
                biased;
                // This keeps an end of its own that sends: the stopper.
                Some(event) = self.events.recv() => event,
                done = gradient => Event::Computed(done),
            }
        };
        match patience {
            None => Some(self.runtime.block_on(next)),
            // The timer is made inside, where there is a runtime.
            Some(patience) => self
                .runtime
                .block_on(async { tokio::time::timeout(patience, next).await })
                .ok(),
        }
    }

    /// Sends what is still held, within a bound, and ends all links.
    pub(super) fn close(mut self) {
        self.requests.clear();
        // Nobody reads events any more; a link must not wait for it.
        self.events.close();
        let mut tasks = self.tasks;
        self.runtime.block_on(async {
            let ended = async {
                for task in &mut tasks {
                    // A link that failed has nothing left to send.
                    task.await.ok();
                }
            };
            // A link may be in the middle of connecting with a server that does not answer.
            tokio::time::timeout(FAREWELL, ended).await.ok();
        });
        for task in tasks {
            task.abort();
        }
    }
}
