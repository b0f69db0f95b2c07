//! The service: the session stream, and the same requests as unary calls for light clients. Both
//! enter the same handler.

use std::pin::Pin;
use std::sync::Arc;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{
    Conclude, Heartbeat, Leave, Offer, PullReply, Register, Reply, Request, StatusRequest,
};
use thalweg_proto::ParameterServer;
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::convert::ConvertError;
use thalweg_proto::status::to_status;
use thalweg_proto::transport::{FrameReader, SessionService};
use thalweg_proto::v1;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::counted::SocketBytes;
use super::data::{DataDesk, Piece};
use super::handle::Handler;
use super::session::{Frames, Session};
use crate::observe;

/// The gRPC face of a server.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) handler: Arc<Handler>,
    pub(super) limits: FrameLimits,
    pub(super) requests_max: u32,
    pub(super) data: Arc<DataDesk>,
}

type Answer<T> = Result<Response<T>, Status>;

type Outgoing = ReceiverStream<Result<v1::ServerFrame, Status>>;

impl SessionService for Service {
    type Frames = Outgoing;

    fn open(
        &self,
        request: tonic::Request<FrameReader<v1::ClientFrame>>,
    ) -> Result<Outgoing, Status> {
        Ok(self.begin(request))
    }
}

impl Service {
    fn begin(&self, request: tonic::Request<impl Frames>) -> Outgoing {
        let socket = request
            .extensions()
            .get::<SocketBytes>()
            .cloned()
            .unwrap_or_default();
        let session = Session {
            socket,
            handler: self.handler.clone(),
            limits: self.limits,
            requests_max: self.requests_max,
        };
        ReceiverStream::new(session.run(request.into_inner()))
    }

    async fn call(&self, request: Request) -> Result<Reply, Status> {
        // Apply must not be cut in half by a caller that hangs up: it runs on a task of its own.
        let handler = self.handler.clone();
        let reply = tokio::spawn(async move { handler.handle(request, None).await });
        match reply.await {
            Ok(Reply::Refused(refusal)) => {
                self.handler.load.refused(refusal.kind);
                Err(to_status(&refusal))
            }
            Ok(reply) => Ok(reply),
            Err(error) => Err(internal(&error.to_string())),
        }
    }

    async fn push_reply(&self, push: v1::Push) -> Result<v1::PushReply, Status> {
        let push = push.try_into().map_err(refuse)?;
        match self.call(Request::Push(push)).await? {
            Reply::Pushed(acks) => Ok(acks.as_slice().into()),
            other => Err(unexpected(&other)),
        }
    }

    async fn pull_reply(&self, pull: v1::Pull) -> Result<v1::PullReply, Status> {
        let pull = pull.try_into().map_err(refuse)?;
        match self.call(Request::Pull(pull)).await? {
            Reply::Pulled(reply) => Ok(v1::PullReply::from(&reply as &PullReply)),
            other => Err(unexpected(&other)),
        }
    }
}

#[tonic::async_trait]
impl ParameterServer for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

    async fn session(
        &self,
        request: tonic::Request<Streaming<v1::ClientFrame>>,
    ) -> Answer<Self::SessionStream> {
        Ok(Response::new(Box::pin(self.begin(request))))
    }

    async fn register(&self, request: tonic::Request<v1::Register>) -> Answer<v1::Registered> {
        let register = Register::try_from(request.into_inner()).map_err(refuse)?;
        match self.call(Request::Register(register)).await? {
            Reply::Registered(registered) => Ok(Response::new((&*registered).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn push(&self, request: tonic::Request<v1::Push>) -> Answer<v1::PushReply> {
        self.push_reply(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn pull(&self, request: tonic::Request<v1::Pull>) -> Answer<v1::PullReply> {
        self.pull_reply(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn push_pull(&self, request: tonic::Request<v1::PushPull>) -> Answer<v1::PushPullReply> {
        let v1::PushPull { push, pull } = request.into_inner();
        let (Some(push), Some(pull)) = (push, pull) else {
            let message =
                "push_pull: expected both a push and a pull; call the one alone otherwise";
            return Err(to_status(&Refusal::invalid(message)));
        };
        let push = Some(self.push_reply(push).await?);
        let pull = Some(self.pull_reply(pull).await?);
        Ok(Response::new(v1::PushPullReply { push, pull }))
    }

    async fn next_range(&self, request: tonic::Request<v1::NextRange>) -> Answer<v1::Granted> {
        let request = Request::NextRange(request.into_inner().into());
        match self.call(request).await? {
            Reply::Granted(granted) => Ok(Response::new((&granted).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn heartbeat(
        &self,
        request: tonic::Request<v1::Heartbeat>,
    ) -> Answer<v1::HeartbeatReply> {
        let heartbeat = Heartbeat::from(request.into_inner());
        match self.call(Request::Heartbeat(heartbeat)).await? {
            Reply::Heartbeat(reply) => Ok(Response::new(reply.into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn get_status(&self, request: tonic::Request<v1::StatusRequest>) -> Answer<v1::Status> {
        let asked = StatusRequest::from(request.into_inner());
        match self.call(Request::Status(asked)).await? {
            Reply::Status(status) => Ok(Response::new((&*status).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn leave(&self, request: tonic::Request<v1::Leave>) -> Answer<v1::LeaveReply> {
        let leave = Leave::try_from(request.into_inner()).map_err(refuse)?;
        match self.call(Request::Leave(leave)).await? {
            Reply::Left => Ok(Response::new(v1::LeaveReply {})),
            other => Err(unexpected(&other)),
        }
    }

    async fn conclude(&self, request: tonic::Request<v1::Conclude>) -> Answer<v1::ConcludeReply> {
        let conclude = Conclude::from(request.into_inner());
        match self.call(Request::Conclude(conclude)).await? {
            Reply::Concluded => Ok(Response::new(v1::ConcludeReply {})),
            other => Err(unexpected(&other)),
        }
    }

    async fn read_data(
        &self,
        request: tonic::Request<v1::ReadDataRequest>,
    ) -> Answer<v1::DataPiece> {
        self.handler.load.came(observe::Request::Data);
        let request = request.into_inner();
        let fingerprint = self.handler.server.plan().fingerprint;
        if *request.fingerprint != fingerprint.to_bytes() {
            return Err(to_status(&Refusal::new(
                RefusalKind::WrongJob,
                format!(
                    "the training rows of another job are asked for; this one is {fingerprint}"
                ),
            )));
        }
        let Piece { file_bytes, data } = match self.data.piece(request.offset).await {
            Ok(piece) => piece,
            Err(refusal) => return Err(to_status(&refusal)),
        };
        Ok(Response::new(v1::DataPiece {
            file_bytes,
            data: data.into(),
        }))
    }

    async fn checkpoint(
        &self,
        _request: tonic::Request<v1::CheckpointRequest>,
    ) -> Answer<v1::CheckpointReply> {
        self.handler.load.came(observe::Request::Checkpoint);
        let written = self.handler.checkpoint().await.map_err(|refusal| {
            self.handler.load.refused(refusal.kind);
            to_status(&refusal)
        })?;
        Ok(Response::new(v1::CheckpointReply {
            written: Some((&written).into()),
        }))
    }

    async fn offer(&self, request: tonic::Request<v1::Offer>) -> Answer<v1::OfferReply> {
        let offer = Offer::from(request.into_inner());
        match self.call(Request::Offer(offer)).await? {
            Reply::Offered(used) => Ok(Response::new(v1::OfferReply { used })),
            other => Err(unexpected(&other)),
        }
    }
}

fn refuse(error: ConvertError) -> Status {
    to_status(&error.into())
}

fn unexpected(reply: &Reply) -> Status {
    internal(&format!("the handler answered {reply:?}"))
}

fn internal(message: &str) -> Status {
    to_status(&Refusal::new(RefusalKind::Internal, message))
}
