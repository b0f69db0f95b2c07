//! A link with one server: a task that keeps a session stream open, sends what the loop sends, and
//! tells the loop what comes, what broke and what is whole again.
//!
//! A session belongs to no connection: every request names it. So a link that comes back opens a
//! stream and nothing else; whether the server still knows the session, its next answer says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::{Heartbeat, Reply, Request};
use thalweg_common::seed;
use thalweg_proto::codec::{FrameLimits, RequestEnvelope, RequestFrames, request_frames};
use thalweg_proto::security::Credentials;
use tokio::sync::mpsc;

use super::ack_loss::AckLoss;
use super::grpc::Stream;
use super::pieces::{self, Gathering};
use super::traffic::Traffic;
use crate::worker::{Event, RequestId};

/// Bounds of the pause between two tries to connect.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Requests whose answers are waited for.
const OPEN_MAX: usize = 1024;

/// Low bits of a request's number on the stream that number its pieces.
const PIECE_BITS: u32 = 16;

/// How long a link that is told to end may take to send what it holds.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// A request on its way to a link.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: RequestId,
    pub(super) request: Request,
    /// How long the loop waits for the answer.
    pub(super) within: Duration,
}

/// One link.
#[derive(Debug)]
pub(super) struct Link {
    /// Whom it links with.
    pub(super) server: ServerId,
    /// Where that is (HOST:PORT).
    pub(super) address: String,
    /// What is shown there.
    pub(super) credentials: Credentials,
    /// The bounds of frames and parts.
    pub(super) limits: FrameLimits,
    /// How long a connection may take to stand.
    pub(super) connect_within: Duration,
    /// Seed of the next pause.
    pub(super) jitter: u64,
    /// The acknowledgements that the loop is not to hear of.
    pub(super) ack_loss: AckLoss,
    /// What the loop sends.
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    /// What the loop is told.
    pub(super) events: mpsc::Sender<Event>,
    /// The worker's byte counters.
    pub(super) traffic: Arc<Traffic>,
}

/// How a stream ended.
enum Ending {
    /// The loop has ended.
    Orderly,
    Broken(String),
}

impl Link {
    /// Keeps a stream open until the loop drops its end of `outgoing`.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        let mut was_lost = false;
        loop {
            match self.open().await {
                Ok(stream) => {
                    if was_lost {
                        self.tell(Event::Back {
                            server: self.server,
                        })
                        .await;
                    }
                    match self.serve(stream, &mut failures).await {
                        Ending::Orderly => return,
                        Ending::Broken(cause) => self.lose(&mut was_lost, cause).await,
                    }
                }
                Err(cause) => self.lose(&mut was_lost, cause).await,
            }
            if self.pause(failures).await {
                return;
            }
            failures = failures.saturating_add(1);
        }
    }

    async fn lose(&self, was_lost: &mut bool, cause: String) {
        *was_lost = true;
        tracing::debug!(
            server = self.server.0,
            address = self.address,
            cause,
            "connection lost"
        );
        self.tell(Event::Lost {
            server: self.server,
            cause,
        })
        .await;
    }

    async fn open(&self) -> Result<Stream, String> {
        let open = Stream::open(&self.address, self.limits, &self.credentials, &self.traffic);
        let within = self.connect_within;
        tokio::time::timeout(within, open)
            .await
            .unwrap_or_else(|_| {
                Err(format!(
                    "no connection within {:.1} s",
                    within.as_secs_f64()
                ))
            })
    }

    /// Waits before the next try. What the loop sends meanwhile is lost, and the loop knows. Says
    /// whether the loop has ended.
    async fn pause(&mut self, failures: u32) -> bool {
        let (first, max) = BACK_OFF;
        let bound = first.saturating_mul(1 << failures.min(16)).min(max);
        self.jitter = seed::mix(self.jitter);
        let wait = bound.mul_f64(seed::unit(self.jitter));
        let drain = async { while self.outgoing.recv().await.is_some() {} };
        tokio::time::timeout(wait, drain).await.is_ok()
    }

    /// Serves a stream to its end. An answer ends the row of `failures`, and not yet that the stream stands: a peer
    /// that takes streams and cuts them is no better than one that takes none.
    async fn serve(&mut self, stream: Stream, failures: &mut u32) -> Ending {
        let Stream {
            requests,
            mut answers,
        } = stream;
        let mut open = BTreeMap::new();
        loop {
            // A request is taken only when there is room for it, so that answers are read even
            // while the network takes no more.
            let outgoing = async {
                let Ok(room) = requests.reserve().await else {
                    return Err(());
                };
                Ok(self.outgoing.recv().await.map(|outgoing| (room, outgoing)))
            };
            tokio::select! {
                biased;
                answer = answers.next() => match answer {
                    Ok(Some((piece, reply))) => {
                        *failures = 0;
                        self.answer(&mut open, piece, reply).await;
                    }
                    Ok(None) => return Ending::Broken(closed()),
                    Err(cause) => return Ending::Broken(cause),
                },
                outgoing = outgoing => match outgoing {
                    Ok(Some((room, outgoing))) => {
                        drop(room);
                        self.send(&requests, &mut open, outgoing).await;
                    }
                    Ok(None) => break,
                    // The reason comes with the answers.
                    Err(()) => {
                        let last = tokio::time::timeout(FAREWELL, answers.next()).await;
                        let cause = last.ok().and_then(Result::err);
                        return Ending::Broken(cause.unwrap_or_else(closed));
                    }
                },
            }
        }
        drop(requests);
        let farewell = async { while let Ok(Some(_)) = answers.next().await {} };
        tokio::time::timeout(FAREWELL, farewell).await.ok();
        Ending::Orderly
    }

    /// Sends a request, in pieces if it is large.
    async fn send(
        &mut self,
        requests: &mpsc::Sender<RequestFrames>,
        open: &mut BTreeMap<u64, Gathering>,
        outgoing: Outgoing,
    ) {
        let Outgoing {
            id,
            request,
            within,
        } = outgoing;
        let request = self.filled(request);
        let pieces = pieces::cut(request);
        open.insert(id.0, Gathering::of(pieces.len()));
        if OPEN_MAX < open.len() {
            // The loop has long repeated what is not answered after so many others.
            open.pop_first();
        }
        for (piece, request) in (0_u64..).zip(pieces) {
            let request_id = (id.0 << PIECE_BITS) | piece;
            let envelope = RequestEnvelope {
                request_id,
                deadline: Some(within),
            };
            match request_frames(envelope, &request, &self.limits) {
                // A stream that takes no more has ended, and its answers say why.
                Ok(frames) => drop(requests.send(frames).await),
                Err(error) => {
                    self.answer(open, request_id, Reply::Refused(error.into()))
                        .await;
                }
            }
        }
    }

    /// Takes the answer to a piece; tells the loop when its request is answered as a whole.
    async fn answer(&mut self, open: &mut BTreeMap<u64, Gathering>, request_id: u64, reply: Reply) {
        let id = request_id >> PIECE_BITS;
        let piece = usize::try_from(request_id & ((1 << PIECE_BITS) - 1)).unwrap_or(usize::MAX);
        let Some(gathering) = open.get_mut(&id) else {
            return;
        };
        if let Some(reply) = gathering.take(piece, reply) {
            open.remove(&id);
            if self.ack_loss.loses(&reply) {
                self.traffic.drops_ack();
                return;
            }
            let (server, id) = (self.server, RequestId(id));
            self.tell(Event::Reply { server, id, reply }).await;
        }
    }

    /// A heartbeat with the bytes that only the transport knows.
    fn filled(&self, request: Request) -> Request {
        match request {
            Request::Heartbeat(heartbeat) => Request::Heartbeat(Heartbeat {
                sent_bytes: self.traffic.sent_bytes(),
                received_bytes: self.traffic.received_bytes(),
                ..heartbeat
            }),
            other => other,
        }
    }

    /// Tells the loop. One that has ended hears nothing.
    async fn tell(&self, event: Event) {
        self.events.send(event).await.ok();
    }
}

fn closed() -> String {
    "closed by the server".to_owned()
}
