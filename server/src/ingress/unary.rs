//! The service: the session stream, and the same requests as unary calls for light clients. Both
//! enter the same handler.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{
    Conclude, Heartbeat, Leave, Offer, PullReply, Register, Reply, Request, StatusRequest,
};
use thalweg_proto::ParameterServer;
use thalweg_proto::codec::{FrameLimits, Pool};
use thalweg_proto::convert::ConvertError;
use thalweg_proto::security::{Call, Caller, Denied};
use thalweg_proto::status::to_status;
use thalweg_proto::transport::{Admission, FrameReader, Peer, SessionService};
use thalweg_proto::v1;
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::HeaderMap;
use tonic::{Extensions, Response, Status, Streaming};

use super::counted::Line;
use super::data::{DataDesk, Piece};
use super::handle::Handler;
use super::session::{Frames, Session, too_many_pulls};
use super::spans::in_call;
use crate::observe;

/// How many times longer than another unary call one for a checkpoint may take: all parameters go to a disk and come
/// back.
const CHECKPOINT_TIMES: u32 = 10;

/// The gRPC face of a server.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) handler: Arc<Handler>,
    pub(super) limits: FrameLimits,
    pub(super) requests_max: u32,
    /// How long a unary call may take until its message is whole and answered.
    pub(super) call_time_max: Duration,
    /// For the messages of all sessions that are not whole.
    pub(super) room: Pool,
    /// Places for pulls of all sessions.
    pub(super) pulls: Arc<Semaphore>,
    pub(super) data: Arc<DataDesk>,
    /// Places for unary calls: each may hold a message while it is under way.
    pub(super) calls: Arc<Semaphore>,
}

/// What was found out about a unary call by its head.
#[derive(Clone, Debug)]
struct Admitted {
    call: Call,
    caller: Caller,
}

type Answer<T> = Result<Response<T>, Status>;

type Outgoing = ReceiverStream<Result<v1::ServerFrame, Status>>;

impl SessionService for Service {
    type Frames = Outgoing;

    fn open(
        &self,
        request: tonic::Request<FrameReader<v1::ClientFrame>>,
    ) -> Result<Outgoing, Status> {
        self.begin(request)
    }

    fn admit(
        &self,
        method: &str,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<Admission, Status> {
        let Some(call) = Call::ALL.into_iter().find(|call| call.name() == method) else {
            // The router answers what there is not.
            return Ok(Admission::default());
        };
        let caller = self.recognise(call, headers, extensions)?;
        if let Some(line) = line(extensions) {
            line.standing.note_request();
        }
        extensions.insert(Admitted { call, caller });
        match self.calls.clone().try_acquire_owned() {
            Ok(place) => Ok(Admission {
                place: Some(place),
                within: Some(match call {
                    Call::Checkpoint => CHECKPOINT_TIMES * self.call_time_max,
                    _ => self.call_time_max,
                }),
            }),
            Err(_) => {
                let words = "as many unary calls are under way as the server has places for; call again later, \
                             or open a session";
                Err(self.refused(&Refusal::new(RefusalKind::Overloaded, words)))
            }
        }
    }
}

impl Service {
    fn begin(&self, request: tonic::Request<impl Frames>) -> Result<Outgoing, Status> {
        let (metadata, extensions, frames) = request.into_parts();
        // Nothing has been asked for yet: the session's requests are noted as they come.
        let caller = self.recognise(Call::Session, metadata.as_ref(), &extensions)?;
        let line = line(&extensions).cloned();
        let session = Session {
            line,
            handler: self.handler.clone(),
            limits: self.limits,
            requests_max: self.requests_max,
            room: self.room.clone(),
            pulls: self.pulls.clone(),
            caller,
        };
        Ok(ReceiverStream::new(session.run(frames)))
    }

    /// Who calls, if this caller may.
    fn recognise(
        &self,
        call: Call,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Status> {
        let caller = self.handler.guard.recognise(extensions, headers);
        let denied = |denied: Denied| self.refused(&denied.into());
        call.judge(&caller).map_err(denied)?;
        Ok(caller)
    }

    fn refused(&self, refusal: &Refusal) -> Status {
        self.handler.load.refused(refusal.kind);
        let mut refusal = refusal.clone();
        self.handler.say_when(&mut refusal);
        to_status(&refusal)
    }

    fn refuse(&self, error: ConvertError) -> Status {
        self.refused(&error.into())
    }

    async fn call(&self, caller: &Caller, request: Request) -> Result<Reply, Status> {
        let guard = &self.handler.guard;
        guard
            .judge(caller, &request)
            .map_err(|refusal| self.refused(&refusal))?;
        // Apply must not be cut in half by a caller that hangs up: it runs on a task of its own.
        let handler = self.handler.clone();
        let method = Call::of(&request).name();
        let served = async move { handler.handle(request, None).await };
        let reply = tokio::spawn(in_call(method, served));
        match reply.await {
            Ok(Reply::Refused(refusal)) => Err(self.refused(&refusal)),
            Ok(reply) => {
                guard.note(caller, &reply);
                Ok(reply)
            }
            Err(error) => Err(internal(&error.to_string())),
        }
    }

    async fn push_reply(&self, caller: &Caller, push: v1::Push) -> Result<v1::PushReply, Status> {
        let push = push.try_into().map_err(|error| self.refuse(error))?;
        match self.call(caller, Request::Push(push)).await? {
            Reply::Pushed(acks) => Ok(acks.as_slice().into()),
            other => Err(unexpected(&other)),
        }
    }

    async fn pull_reply(&self, caller: &Caller, pull: v1::Pull) -> Result<v1::PullReply, Status> {
        let pull = pull.try_into().map_err(|error| self.refuse(error))?;
        let Ok(_place) = self.pulls.clone().try_acquire_owned() else {
            return Err(self.refused(&too_many_pulls()));
        };
        match self.call(caller, Request::Pull(pull)).await? {
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
        Ok(Response::new(Box::pin(self.begin(request)?)))
    }

    async fn register(&self, request: tonic::Request<v1::Register>) -> Answer<v1::Registered> {
        let (caller, register) = meet(Call::Register, request)?;
        let register = Register::try_from(register).map_err(|error| self.refuse(error))?;
        match self.call(&caller, Request::Register(register)).await? {
            Reply::Registered(registered) => Ok(Response::new((&*registered).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn push(&self, request: tonic::Request<v1::Push>) -> Answer<v1::PushReply> {
        let (caller, push) = meet(Call::Push, request)?;
        self.push_reply(&caller, push).await.map(Response::new)
    }

    async fn pull(&self, request: tonic::Request<v1::Pull>) -> Answer<v1::PullReply> {
        let (caller, pull) = meet(Call::Pull, request)?;
        self.pull_reply(&caller, pull).await.map(Response::new)
    }

    async fn push_pull(&self, request: tonic::Request<v1::PushPull>) -> Answer<v1::PushPullReply> {
        let (caller, v1::PushPull { push, pull }) = meet(Call::PushPull, request)?;
        let (Some(push), Some(pull)) = (push, pull) else {
            let message =
                "push_pull: expected both a push and a pull; call the one alone otherwise";
            return Err(self.refused(&Refusal::invalid(message)));
        };
        let push = Some(self.push_reply(&caller, push).await?);
        let pull = Some(self.pull_reply(&caller, pull).await?);
        Ok(Response::new(v1::PushPullReply { push, pull }))
    }

    async fn next_range(&self, request: tonic::Request<v1::NextRange>) -> Answer<v1::Granted> {
        let (caller, asked) = meet(Call::NextRange, request)?;
        match self.call(&caller, Request::NextRange(asked.into())).await? {
            Reply::Granted(granted) => Ok(Response::new((&granted).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn heartbeat(
        &self,
        request: tonic::Request<v1::Heartbeat>,
    ) -> Answer<v1::HeartbeatReply> {
        let (caller, heartbeat) = meet(Call::Heartbeat, request)?;
        let heartbeat = Heartbeat::from(heartbeat);
        match self.call(&caller, Request::Heartbeat(heartbeat)).await? {
            Reply::Heartbeat(reply) => Ok(Response::new(reply.into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn get_status(&self, request: tonic::Request<v1::StatusRequest>) -> Answer<v1::Status> {
        let (caller, asked) = meet(Call::GetStatus, request)?;
        let asked = StatusRequest::from(asked);
        match self.call(&caller, Request::Status(asked)).await? {
            Reply::Status(status) => Ok(Response::new((&*status).into())),
            other => Err(unexpected(&other)),
        }
    }

    async fn leave(&self, request: tonic::Request<v1::Leave>) -> Answer<v1::LeaveReply> {
        let (caller, leave) = meet(Call::Leave, request)?;
        let leave = Leave::try_from(leave).map_err(|error| self.refuse(error))?;
        match self.call(&caller, Request::Leave(leave)).await? {
            Reply::Left => Ok(Response::new(v1::LeaveReply {})),
            other => Err(unexpected(&other)),
        }
    }

    async fn conclude(&self, request: tonic::Request<v1::Conclude>) -> Answer<v1::ConcludeReply> {
        let (caller, conclude) = meet(Call::Conclude, request)?;
        let conclude = Conclude::from(conclude);
        match self.call(&caller, Request::Conclude(conclude)).await? {
            Reply::Concluded => Ok(Response::new(v1::ConcludeReply {})),
            other => Err(unexpected(&other)),
        }
    }

    async fn read_data(
        &self,
        request: tonic::Request<v1::ReadDataRequest>,
    ) -> Answer<v1::DataPiece> {
        self.handler.load.came(observe::Request::Data);
        let (_, request) = meet(Call::ReadData, request)?;
        let fingerprint = self.handler.server.plan().fingerprint;
        if *request.fingerprint != fingerprint.to_bytes() {
            return Err(self.refused(&Refusal::new(
                RefusalKind::WrongJob,
                format!(
                    "the training rows of another job are asked for; this one is {fingerprint}"
                ),
            )));
        }
        let Piece { file_bytes, data } = match self.data.piece(request.offset).await {
            Ok(piece) => piece,
            Err(refusal) => return Err(self.refused(&refusal)),
        };
        Ok(Response::new(v1::DataPiece {
            file_bytes,
            data: data.into(),
        }))
    }

    async fn checkpoint(
        &self,
        request: tonic::Request<v1::CheckpointRequest>,
    ) -> Answer<v1::CheckpointReply> {
        meet(Call::Checkpoint, request)?;
        self.handler.load.came(observe::Request::Checkpoint);
        let written = self.handler.checkpoint().await;
        let written = written.map_err(|refusal| self.refused(&refusal))?;
        Ok(Response::new(v1::CheckpointReply {
            written: Some((&written).into()),
        }))
    }

    async fn offer(&self, request: tonic::Request<v1::Offer>) -> Answer<v1::OfferReply> {
        let (caller, offer) = meet(Call::Offer, request)?;
        let offer = Offer::from(offer);
        match self.call(&caller, Request::Offer(offer)).await? {
            Reply::Offered(used) => Ok(Response::new(v1::OfferReply { used })),
            other => Err(unexpected(&other)),
        }
    }
}

/// The caller and the message of a call that was admitted. No other call gets here; if one did, it would not be served.
fn meet<T>(call: Call, request: tonic::Request<T>) -> Result<(Caller, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    match extensions.remove::<Admitted>() {
        Some(admitted) if admitted.call == call => Ok((admitted.caller, message)),
        other => Err(internal(&format!("{call:?} came in admitted as {other:?}"))),
    }
}

/// The connection of a call; a call that came over none has none.
fn line(extensions: &Extensions) -> Option<&Line> {
    let peer = extensions.get::<Peer<Line>>();
    peer.map(|peer| &peer.below)
}

fn unexpected(reply: &Reply) -> Status {
    internal(&format!("the handler answered {reply:?}"))
}

fn internal(message: &str) -> Status {
    to_status(&Refusal::new(RefusalKind::Internal, message))
}
