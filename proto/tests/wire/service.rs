//! A parameter server for the tests of the session stream: it answers from nothing.

use std::net::SocketAddr;
use std::pin::Pin;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Sequence, Version};
use thalweg_common::message::{Payload, Pull, PullReply, Push, Read, Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, Interleave, ReplyEnvelope, RequestAssembler, reply_frames,
};
use thalweg_proto::transport::{FrameReader, SessionService, WireServer, tune_server};
use thalweg_proto::{ParameterServer, ParameterServerServer, status, v1};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status, Streaming};

/// The metadata with which a client asks to be refused.
pub(crate) const REFUSE_ME: &str = "refuse-me";

type Answer<T> = Result<Response<T>, Status>;
type Outgoing = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

/// Answers a pull with values of 0.25, gives every other request back as a refusal that shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service;

/// Starts a server on a free port: with our session service, or with tonic's codec alone.
pub(crate) async fn start(ours: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let max = FrameLimits::default().message_bytes_max;
    let mut server = tune_server(Server::builder());
    if ours {
        let router = server.add_service(WireServer::new(Service, max));
        tokio::spawn(router.serve_with_incoming(incoming));
    } else {
        let service = ParameterServerServer::new(Service).max_decoding_message_size(max);
        tokio::spawn(server.add_service(service).serve_with_incoming(incoming));
    }
    address
}

fn open<Frames>(request: tonic::Request<Frames>) -> Result<Outgoing, Status>
where
    Frames: Stream<Item = Result<v1::ClientFrame, Status>> + Send + Unpin + 'static,
{
    if request.metadata().contains_key(REFUSE_ME) {
        let refusal = Refusal::new(RefusalKind::Stopping, "the server is ending");
        return Err(status::to_status(&refusal));
    }
    let limits = FrameLimits::default();
    let (answers, outgoing) = mpsc::channel(8);
    let (failure, failed) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut frames = request.into_inner();
        let mut assembler = RequestAssembler::new(limits);
        while let Some(frame) = frames.next().await {
            let assembled = match frame {
                Ok(frame) => assembler
                    .accept(frame)
                    .expect("the tests send frames in order"),
                Err(status) => return drop(failure.send(Err(status)).await),
            };
            let Assembled::Whole(envelope, request) = assembled else {
                continue;
            };
            let envelope = ReplyEnvelope {
                request_id: envelope.request_id,
                credit: 0,
            };
            let frames = reply_frames(envelope, &answer(&request), &limits).expect("a small head");
            if answers.send(frames).await.is_err() {
                return;
            }
        }
    });
    let frames = Interleave::new(ReceiverStream::new(outgoing), limits.open_messages_max);
    Ok(Box::pin(frames.map(Ok).chain(ReceiverStream::new(failed))))
}

/// The answer to a request.
pub(crate) fn answer(request: &Request) -> Reply {
    match request {
        Request::Pull(pull) => Reply::Pulled(read(pull)),
        Request::Push(push) => Reply::Refused(Refusal::invalid(summary(push))),
        other => Reply::Refused(Refusal::invalid(format!("{other:?}"))),
    }
}

fn read(pull: &Pull) -> PullReply {
    let reads = pull.parts.iter().map(|part| Read {
        shard: part.shard,
        version: Version(1),
        applied: Sequence(0),
        payload: Payload::from_values(&vec![0.25; part.address.len()]),
        at_read: Payload::default(),
    });
    PullReply::Ready(reads.collect())
}

/// The number and the sum of a push's values.
pub(crate) fn summary(push: &Push) -> String {
    let values = || push.parts.iter().flat_map(|part| part.payload.iter());
    format!(
        "{} values, sum {}",
        values().count(),
        values().map(f64::from).sum::<f64>()
    )
}

impl SessionService for Service {
    type Frames = Outgoing;

    fn open(
        &self,
        request: tonic::Request<FrameReader<v1::ClientFrame>>,
    ) -> Result<Outgoing, Status> {
        open(request)
    }
}

#[tonic::async_trait]
impl ParameterServer for Service {
    type SessionStream = Outgoing;

    async fn session(
        &self,
        request: tonic::Request<Streaming<v1::ClientFrame>>,
    ) -> Answer<Outgoing> {
        open(request).map(Response::new)
    }

    async fn pull(&self, request: tonic::Request<v1::Pull>) -> Answer<v1::PullReply> {
        let pull = Pull::try_from(request.into_inner())
            .map_err(|error| status::to_status(&error.into()))?;
        Ok(Response::new((&read(&pull)).into()))
    }

    async fn push(&self, _: tonic::Request<v1::Push>) -> Answer<v1::PushReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn push_pull(&self, _: tonic::Request<v1::PushPull>) -> Answer<v1::PushPullReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn register(&self, _: tonic::Request<v1::Register>) -> Answer<v1::Registered> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn next_range(&self, _: tonic::Request<v1::NextRange>) -> Answer<v1::Granted> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn heartbeat(&self, _: tonic::Request<v1::Heartbeat>) -> Answer<v1::HeartbeatReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn get_status(&self, _: tonic::Request<v1::StatusRequest>) -> Answer<v1::Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn conclude(&self, _: tonic::Request<v1::Conclude>) -> Answer<v1::ConcludeReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn checkpoint(
        &self,
        _: tonic::Request<v1::CheckpointRequest>,
    ) -> Answer<v1::CheckpointReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn offer(&self, _: tonic::Request<v1::Offer>) -> Answer<v1::OfferReply> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn read_data(&self, _: tonic::Request<v1::ReadDataRequest>) -> Answer<v1::DataPiece> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn leave(&self, _: tonic::Request<v1::Leave>) -> Answer<v1::LeaveReply> {
        Err(Status::unimplemented("not in these tests"))
    }
}
