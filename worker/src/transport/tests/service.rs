//! The small servers of the loop's tests behind real sockets, with connections that can break.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use thalweg_common::ids::{Clock, Fingerprint, Generation, Life, ServerId, SessionId, WorkerId};
use thalweg_common::message::{Registered, Reply, Request};
use thalweg_proto::codec::{Assembled, FrameLimits, ReplyEnvelope, RequestAssembler, reply_frames};
use thalweg_proto::transport::tune_server;
use thalweg_proto::{ParameterServer, ParameterServerServer, v1};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request as Call, Response, Status, Streaming};

use crate::worker::tests::Cluster;

/// Of [`Service::breaks_after`]: every stream ends as soon as it stands.
pub(super) const CUTS: i64 = i64::MIN;

/// One server of a cluster.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) server: ServerId,
    pub(super) servers: u32,
    pub(super) cluster: Arc<Mutex<Cluster>>,
    /// Requests until the stream breaks before its answer; negative: it does not.
    pub(super) breaks_after: Arc<AtomicI64>,
}

impl Service {
    /// Serves on a free port until the runtime ends.
    pub(super) async fn start(self) -> SocketAddr {
        self.start_at("127.0.0.1:0").await
    }

    /// Serves there until the runtime ends.
    pub(super) async fn start_at(self, address: &str) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tune_server(tonic::transport::Server::builder())
            .add_service(ParameterServerServer::new(self))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        address
    }

    fn answer(&self, request: Request) -> Reply {
        let Request::Register(register) = request else {
            return self.cluster.lock().answer(self.server, request);
        };
        Reply::Registered(Box::new(Registered {
            protocol: 1,
            session: register.session.unwrap_or(SessionId(3)),
            worker: register.worker.unwrap_or(WorkerId(0)),
            server: self.server,
            servers: self.servers,
            fingerprint: Fingerprint(1),
            generation: Generation(1),
            job: "name = \"test\"".to_owned(),
            life: Life(7),
            clock: Clock(0),
        }))
    }

    async fn run(
        self,
        mut frames: Streaming<v1::ClientFrame>,
        out: mpsc::Sender<Result<v1::ServerFrame, Status>>,
    ) {
        let limits = FrameLimits::default();
        let mut assembler = RequestAssembler::new(limits);
        while let Ok(Some(frame)) = frames.message().await {
            let (envelope, request) = match assembler.accept(frame).unwrap() {
                Assembled::Pending => continue,
                Assembled::Whole(envelope, request) => (envelope, request),
                Assembled::Refused(_, refusal) => panic!("refused: {refusal}"),
            };
            let reply = self.answer(request);
            if self.breaks_after.fetch_sub(1, Ordering::Relaxed) == 0 {
                out.send(Err(Status::unavailable("broken by test")))
                    .await
                    .ok();
                return;
            }
            let envelope = ReplyEnvelope {
                request_id: envelope.request_id,
                credit: 0,
            };
            for frame in reply_frames(envelope, &reply, &limits).unwrap() {
                if out.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("a worker speaks on its stream"))
}

#[tonic::async_trait]
impl ParameterServer for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

    async fn session(&self, call: Call<Streaming<v1::ClientFrame>>) -> Answer<Self::SessionStream> {
        let (out, frames) = mpsc::channel(16);
        // Without its other end the stream is over.
        if self.breaks_after.load(Ordering::Relaxed) != CUTS {
            tokio::spawn(self.clone().run(call.into_inner(), out));
        }
        Ok(Response::new(Box::pin(ReceiverStream::new(frames))))
    }

    async fn register(&self, _: Call<v1::Register>) -> Answer<v1::Registered> {
        unused()
    }

    async fn push(&self, _: Call<v1::Push>) -> Answer<v1::PushReply> {
        unused()
    }

    async fn pull(&self, _: Call<v1::Pull>) -> Answer<v1::PullReply> {
        unused()
    }

    async fn push_pull(&self, _: Call<v1::PushPull>) -> Answer<v1::PushPullReply> {
        unused()
    }

    async fn next_range(&self, _: Call<v1::NextRange>) -> Answer<v1::Granted> {
        unused()
    }

    async fn heartbeat(&self, _: Call<v1::Heartbeat>) -> Answer<v1::HeartbeatReply> {
        unused()
    }

    async fn get_status(&self, _: Call<v1::StatusRequest>) -> Answer<v1::Status> {
        unused()
    }

    async fn leave(&self, _: Call<v1::Leave>) -> Answer<v1::LeaveReply> {
        unused()
    }

    async fn conclude(&self, _: Call<v1::Conclude>) -> Answer<v1::ConcludeReply> {
        unused()
    }

    async fn checkpoint(&self, _: Call<v1::CheckpointRequest>) -> Answer<v1::CheckpointReply> {
        unused()
    }

    async fn offer(&self, _: Call<v1::Offer>) -> Answer<v1::OfferReply> {
        unused()
    }

    async fn read_data(&self, _: Call<v1::ReadDataRequest>) -> Answer<v1::DataPiece> {
        unused()
    }
}
