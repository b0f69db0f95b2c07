//! The gRPC service of the sink.

use std::pin::Pin;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Pull, Push, Reply};
use thalweg_proto::codec::{
    Assembled, FrameLimits, Interleave, ReplyEnvelope, ReplyFrames, RequestAssembler, reply_frames,
};
use thalweg_proto::transport::{FrameReader, SessionService};
use thalweg_proto::{ParameterServer, status, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::echo::Store;
use super::probe::SHARD_BYTES;

/// The metadata under which a client asks for a chunk length.
pub(super) const CHUNK_METADATA: &str = "bench-chunk-bytes";

/// Answers under way on one stream.
const ANSWERS_MAX: usize = 64;

/// A parameter server that keeps nothing.
#[derive(Debug)]
pub(super) struct Sink {
    store: Store,
}

impl Sink {
    pub(super) fn new() -> Self {
        Self {
            store: Store::new(SHARD_BYTES),
        }
    }
}

type Outgoing = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

impl Sink {
    /// Starts a session.
    fn run<Frames>(&self, request: Request<Frames>) -> Outgoing
    where
        Frames: Stream<Item = Result<v1::ClientFrame, Status>> + Send + Unpin + 'static,
    {
        let chunk_bytes = request
            .metadata()
            .get(CHUNK_METADATA)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .unwrap_or(FrameLimits::default().chunk_bytes);
        let limits = FrameLimits {
            chunk_bytes,
            ..FrameLimits::default()
        };
        let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
        tokio::spawn(receive(
            request.into_inner(),
            self.store.clone(),
            limits,
            answers,
        ));
        let frames = Interleave::new(ReceiverStream::new(outgoing), limits.open_messages_max);
        Box::pin(frames.map(Ok))
    }
}

impl SessionService for Sink {
    type Frames = Outgoing;

    fn open(&self, request: Request<FrameReader<v1::ClientFrame>>) -> Result<Outgoing, Status> {
        Ok(self.run(request))
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn unsupported() -> Status {
    status::to_status(&Refusal::new(
        RefusalKind::Unsupported,
        "the sink has no sessions",
    ))
}

#[tonic::async_trait]
impl ParameterServer for Sink {
    type SessionStream = Outgoing;

    async fn session(
        &self,
        request: Request<Streaming<v1::ClientFrame>>,
    ) -> Answer<Self::SessionStream> {
        Ok(Response::new(self.run(request)))
    }

    async fn push(&self, request: Request<v1::Push>) -> Answer<v1::PushReply> {
        let push = Push::try_from(request.into_inner())
            .map_err(|error| status::to_status(&error.into()))?;
        Ok(Response::new(Store::push(&push).as_slice().into()))
    }

    async fn pull(&self, request: Request<v1::Pull>) -> Answer<v1::PullReply> {
        let pull = Pull::try_from(request.into_inner())
            .map_err(|error| status::to_status(&error.into()))?;
        Ok(Response::new((&self.store.pull(&pull)).into()))
    }

    /// The bare echo: the first part's bytes go back as they came, unjudged.
    async fn push_pull(&self, request: Request<v1::PushPull>) -> Answer<v1::PushPullReply> {
        let push = request.into_inner().push.unwrap_or_default();
        let reads = push.parts.into_iter().map(|part| v1::Read {
            shard: part.shard,
            payload_bytes: part.payload_bytes,
            payload: part.payload,
            ..v1::Read::default()
        });
        let reads = v1::Reads {
            reads: reads.collect(),
        };
        let outcome = Some(v1::pull_reply::Outcome::Ready(reads));
        Ok(Response::new(v1::PushPullReply {
            push: None,
            pull: Some(v1::PullReply { outcome }),
        }))
    }

    async fn register(&self, _: Request<v1::Register>) -> Answer<v1::Registered> {
        Err(unsupported())
    }

    async fn next_range(&self, _: Request<v1::NextRange>) -> Answer<v1::Granted> {
        Err(unsupported())
    }

    async fn heartbeat(&self, _: Request<v1::Heartbeat>) -> Answer<v1::HeartbeatReply> {
        Err(unsupported())
    }

    async fn get_status(&self, _: Request<v1::StatusRequest>) -> Answer<v1::Status> {
        Err(unsupported())
    }

    async fn leave(&self, _: Request<v1::Leave>) -> Answer<v1::LeaveReply> {
        Err(unsupported())
    }

    async fn conclude(&self, _: Request<v1::Conclude>) -> Answer<v1::ConcludeReply> {
        Err(unsupported())
    }

    async fn checkpoint(&self, _: Request<v1::CheckpointRequest>) -> Answer<v1::CheckpointReply> {
        Err(unsupported())
    }

    async fn offer(&self, _: Request<v1::Offer>) -> Answer<v1::OfferReply> {
        Err(unsupported())
    }

    async fn read_data(&self, _: Request<v1::ReadDataRequest>) -> Answer<v1::DataPiece> {
        Err(unsupported())
    }
}

/// Assembles requests and sends their answers until the stream ends.
async fn receive(
    mut incoming: impl Stream<Item = Result<v1::ClientFrame, Status>> + Unpin,
    store: Store,
    limits: FrameLimits,
    answers: mpsc::Sender<ReplyFrames>,
) -> Result<(), Status> {
    let mut assembler = RequestAssembler::new(limits);
    while let Some(frame) = incoming.try_next().await? {
        let assembled = assembler
            .accept(frame)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (request_id, reply) = match assembled {
            Assembled::Pending => continue,
            Assembled::Whole(envelope, request) => (envelope.request_id, store.answer(&request)),
            Assembled::Refused(envelope, refusal) => (envelope.request_id, Reply::Refused(refusal)),
        };
        let envelope = ReplyEnvelope {
            request_id,
            credit: 0,
        };
        let frames = reply_frames(envelope, &reply, &limits)
            .map_err(|error| status::to_status(&error.into()))?;
        if answers.send(frames).await.is_err() {
            break;
        }
    }
    Ok(())
}
