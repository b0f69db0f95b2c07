//! A session stream with one server, as plain request and reply: for observers, and for whoever
//! needs an answer more than throughput.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::message::{Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, ReplyAssembler, RequestEnvelope, request_frames,
};
use thalweg_proto::security::{Credentials, refusal};
use thalweg_proto::transport::{FrameReader, open_session, tune_client};
use thalweg_proto::v1;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use super::channel::{self, Closed};
use super::pieces::{self, Gathering};
use super::stranger::{self, Found};

/// Frames that wait for the network.
const OUTBOUND_FRAMES_MAX: usize = 16;

/// How long whoever is there instead of a server may take to connect, and to answer.
const STRANGER_PATIENCE: Duration = Duration::from_secs(1);

/// Why a request got no reply.
#[derive(Clone, Debug, Error)]
pub enum ClientError {
    /// Not an address.
    #[error("`{address}` is no server address; expected HOST:PORT, for example 127.0.0.1:7700")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody answers there.
    #[error("cannot reach a server at {address}: {cause}; is it running, and is this its port?")]
    Unreachable {
        /// The address.
        address: String,
        /// What the transport said.
        cause: String,
    },
    /// Somebody else answers there.
    #[error(
        "{address} does not speak gRPC (HTTP/2): it answers `{answer}`; is this the port of a \
         server?"
    )]
    Foreign {
        /// The address.
        address: String,
        /// How the answer begins.
        answer: String,
    },
    /// Whoever is there says nothing.
    #[error(
        "{address} does not speak gRPC (HTTP/2), or hangs: it {how}; is this the port of a server?"
    )]
    Mute {
        /// The address.
        address: String,
        /// What it does instead.
        how: String,
    },
    /// The server speaks TLS, and is asked without.
    #[error(
        "{address} speaks TLS; give --certs FOLDER, or --token-file FILE with --ca-sha256 DIGEST"
    )]
    Encrypted {
        /// The address.
        address: String,
    },
    /// One end does not want to speak with the other.
    #[error("{address}: {cause}")]
    Denied {
        /// The address.
        address: String,
        /// Who does not, and why.
        cause: String,
    },
    /// The connection ended before the reply.
    #[error("the connection to {address} ended: {cause}")]
    Lost {
        /// The address.
        address: String,
        /// What the transport said.
        cause: String,
    },
    /// The reply did not come in time.
    #[error("the server at {address} did not answer within {:.1} s", .waited.as_secs_f64())]
    Late {
        /// The address.
        address: String,
        /// How long the caller waited.
        waited: Duration,
    },
    /// The request cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

#[derive(Debug, Default)]
struct Inbox {
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    ended: Option<String>,
}

/// One session stream.
#[derive(Debug)]
pub struct Client {
    address: String,
    limits: FrameLimits,
    frames: mpsc::Sender<v1::ClientFrame>,
    inbox: Arc<Mutex<Inbox>>,
    next: AtomicU64,
}

impl Client {
    /// Connects to the server at `address` (HOST:PORT).
    ///
    /// # Errors
    /// [`ClientError`] if it is no address, or no server answers there within `patience`. To find
    /// out who does may take three seconds more.
    pub async fn connect(
        address: &str,
        credentials: &Credentials,
        limits: FrameLimits,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let uri = format!("http://{address}");
        let endpoint = Endpoint::from_shared(uri)
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some())
            .ok_or_else(|| ClientError::Address {
                address: address.to_owned(),
            })?;
        let (frames, outbound) = mpsc::channel(OUTBOUND_FRAMES_MAX);
        let open = async {
            let traffic = Arc::default();
            let endpoint = tune_client(endpoint);
            let channel = channel::open(&endpoint, address, credentials, &traffic).await?;
            let frames = ReceiverStream::new(outbound);
            let metadata = credentials.metadata();
            open_session(channel, frames, metadata, limits.message_bytes_max)
                .await
                .map_err(|status| Closed::by_status(&status, credentials))
        };
        let late = || format!("no answer within {:.1} s", patience.as_secs_f64());
        let opened = tokio::time::timeout(patience, open).await;
        let inbound = match opened.unwrap_or_else(|_| Err(Closed::Lost(late()))) {
            Ok(inbound) => inbound,
            Err(Closed::Denied(cause)) => {
                let address = address.to_owned();
                return Err(ClientError::Denied { address, cause });
            }
            Err(Closed::Lost(cause)) => {
                return Err(who_is_there(address, credentials, cause).await);
            }
        };
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        tokio::spawn(receive(inbound, limits, inbox.clone()));
        let next = AtomicU64::new(1);
        Ok(Self {
            address: address.to_owned(),
            limits,
            frames,
            inbox,
            next,
        })
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// [`ClientError`] if the connection ends or `patience` does.
    pub async fn call(&self, request: Request, patience: Duration) -> Result<Reply, ClientError> {
        let exchange = async {
            let mut begun = Vec::new();
            for piece in pieces::cut(request) {
                begun.push(self.begin(&piece, patience).await?);
            }
            let mut gathering = Gathering::of(begun.len());
            for (piece, (request_id, reply)) in begun.into_iter().enumerate() {
                let _forget = Forget {
                    inbox: &self.inbox,
                    request_id,
                };
                let reply = reply.await.map_err(|_| self.lost(self.cause()))?;
                if let Some(reply) = gathering.take(piece, reply) {
                    return Ok(reply);
                }
            }
            Err(self.lost(self.cause()))
        };
        let late = || ClientError::Late {
            address: self.address.clone(),
            waited: patience,
        };
        tokio::time::timeout(patience, exchange)
            .await
            .map_err(|_| late())?
    }

    /// Sends one piece; its reply comes out of the receiver.
    async fn begin(
        &self,
        request: &Request,
        patience: Duration,
    ) -> Result<(u64, oneshot::Receiver<Reply>), ClientError> {
        let request_id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, reply) = oneshot::channel();
        {
            let mut inbox = self.inbox.lock();
            if let Some(cause) = inbox.ended.clone() {
                return Err(self.lost(cause));
            }
            inbox.waiting.insert(request_id, answer);
        }
        let envelope = RequestEnvelope {
            request_id,
            deadline: Some(patience),
        };
        let frames = request_frames(envelope, request, &self.limits)
            .map_err(|error| ClientError::Request(error.to_string()))?;
        for frame in frames {
            let sent = self.frames.send(frame).await;
            sent.map_err(|_| self.lost(self.cause()))?;
        }
        Ok((request_id, reply))
    }

    fn cause(&self) -> String {
        self.inbox
            .lock()
            .ended
            .clone()
            .unwrap_or_else(|| "closed by the server".to_owned())
    }

    fn lost(&self, cause: String) -> ClientError {
        ClientError::Lost {
            address: self.address.clone(),
            cause,
        }
    }
}

/// Why no session could be opened: `cause`, or that somebody else is there.
async fn who_is_there(address: &str, credentials: &Credentials, cause: String) -> ClientError {
    let found = stranger::find_out(address, STRANGER_PATIENCE).await;
    let address = address.to_owned();
    match found {
        Found::Nobody | Found::Http2 => ClientError::Unreachable { address, cause },
        Found::Tls if credentials.are_for_tls() => {
            let denied = denial(&address, credentials).await;
            denied.unwrap_or(ClientError::Unreachable { address, cause })
        }
        Found::Tls => ClientError::Encrypted { address },
        Found::Mute(how) => ClientError::Mute { address, how },
        Found::Other(answer) => ClientError::Foreign { address, answer },
    }
}

/// Why the server does not take what is shown, if that is so: asked once a connection has ended without a word.
pub(super) async fn denial(address: &str, credentials: &Credentials) -> Option<ClientError> {
    if !credentials.are_for_tls() {
        return None;
    }
    let asked = refusal(address, credentials);
    let denied = tokio::time::timeout(STRANGER_PATIENCE, asked)
        .await
        .ok()??;
    Some(ClientError::Denied {
        address: address.to_owned(),
        cause: denied.to_string(),
    })
}

/// Forgets a request whose caller has gone away.
struct Forget<'a> {
    inbox: &'a Mutex<Inbox>,
    request_id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inbox.lock().waiting.remove(&self.request_id);
    }
}

async fn receive(
    mut inbound: FrameReader<v1::ServerFrame>,
    limits: FrameLimits,
    inbox: Arc<Mutex<Inbox>>,
) {
    let mut assembler = ReplyAssembler::new(limits);
    let ended = loop {
        let frame = match inbound.message().await {
            Ok(Some(frame)) => frame,
            Ok(None) => break "closed by the server".to_owned(),
            Err(status) => break status.message().to_owned(),
        };
        let (envelope, reply) = match assembler.accept(frame) {
            Ok(Assembled::Pending) => continue,
            Ok(Assembled::Whole(envelope, reply)) => (envelope, reply),
            Ok(Assembled::Refused(envelope, refusal)) => (envelope, Reply::Refused(refusal)),
            Err(error) => break error.to_string(),
        };
        if let Some(answer) = inbox.lock().waiting.remove(&envelope.request_id) {
            // The caller's patience may have ended.
            drop(answer.send(reply));
        }
    };
    let mut inbox = inbox.lock();
    inbox.ended = Some(ended);
    inbox.waiting.clear();
}

/// An error with all that lies behind it, on one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
