//! One session stream: frames in, requests to the handler, frames out.
//!
//! Pushes are submitted in the order of their arrival and finished in that order; pulls and the
//! rest are answered as they can be. Everything in flight is bounded: requests by the permits,
//! frames by the channel, bytes by the assembler.

use std::sync::Arc;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, ReplyEnvelope, RequestAssembler, RequestEnvelope, reply_frames,
};
use thalweg_proto::security::Caller;
use thalweg_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::counted::SocketBytes;
use super::handle::{Handler, Submitted};
use super::meter::Meter;

/// Frames that wait for the network per session.
const OUTBOUND_FRAMES_MAX: usize = 64;

/// The frames of a client, as they come.
pub(super) trait Frames:
    Stream<Item = Result<v1::ClientFrame, Status>> + Send + Unpin + 'static
{
}

impl<S: Stream<Item = Result<v1::ClientFrame, Status>> + Send + Unpin + 'static> Frames for S {}

type Outbound = mpsc::Sender<Result<v1::ServerFrame, Status>>;

/// What a session needs to run.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) handler: Arc<Handler>,
    pub(super) limits: FrameLimits,
    /// Requests in flight at once.
    pub(super) requests_max: u32,
    /// The bytes of its connection.
    pub(super) socket: SocketBytes,
    /// Who speaks.
    pub(super) caller: Caller,
}

struct Unfinished {
    request_id: u64,
    submitted: Submitted,
    permit: OwnedSemaphorePermit,
}

/// The sending half of a session.
#[derive(Clone)]
struct Answers {
    handler: Arc<Handler>,
    limits: FrameLimits,
    credit: u32,
    frames: Outbound,
    meter: Arc<Meter>,
}

impl Session {
    /// Runs the session on a task of its own and returns its outgoing frames.
    pub(super) fn run(
        self,
        inbound: impl Frames,
    ) -> mpsc::Receiver<Result<v1::ServerFrame, Status>> {
        let (frames, outbound) = mpsc::channel(OUTBOUND_FRAMES_MAX);
        let answers = Answers {
            handler: self.handler.clone(),
            limits: self.limits,
            credit: self.requests_max,
            frames,
            meter: Arc::new(Meter::new(self.handler.server.clone(), self.socket.clone())),
        };
        tokio::spawn(self.receive(inbound, answers));
        outbound
    }

    async fn receive(self, mut inbound: impl Frames, answers: Answers) {
        let permits = Arc::new(Semaphore::new(self.requests_max as usize));
        let mut assembler = RequestAssembler::new(self.limits);
        let mut tasks = JoinSet::new();
        let (unfinished, finisher) = mpsc::channel(self.requests_max as usize);
        tasks.spawn(finish_in_order(finisher, answers.clone()));
        let mut ending = self.handler.ending.subscribe();
        while let Some(frame) = next_frame(&mut inbound, &mut ending).await {
            answers.meter.received(&frame);
            let (envelope, request) = match assembler.accept(frame) {
                Ok(Assembled::Pending) => continue,
                Ok(Assembled::Whole(envelope, request)) => (envelope, request),
                Ok(Assembled::Refused(envelope, refusal)) => {
                    answers
                        .send(envelope.request_id, Reply::Refused(refusal))
                        .await;
                    continue;
                }
                Err(error) => {
                    let refusal =
                        Refusal::invalid(format!("the session stream is broken: {error}"));
                    answers.end(&refusal).await;
                    break;
                }
            };
            while tasks.try_join_next().is_some() {}
            match permits.clone().try_acquire_owned() {
                Err(_) => {
                    let refusal = overloaded(self.requests_max);
                    if let Request::Push(push) = &request {
                        let (server, parts) = (&self.handler.server, push.parts.len());
                        server.turn_away(&push.header, refusal.kind, parts);
                    }
                    answers
                        .send(envelope.request_id, Reply::Refused(refusal))
                        .await;
                }
                Ok(permit) => {
                    self.serve(
                        envelope,
                        request,
                        permit,
                        (&answers, &unfinished, &mut tasks),
                    )
                    .await;
                }
            }
        }
        // The client is gone: what waits for it is given up, what was submitted is done all the
        // same by the shards.
        tasks.shutdown().await;
    }

    async fn serve(
        &self,
        envelope: RequestEnvelope,
        request: Request,
        permit: OwnedSemaphorePermit,
        (answers, unfinished, tasks): (&Answers, &mpsc::Sender<Unfinished>, &mut JoinSet<()>),
    ) {
        let RequestEnvelope {
            request_id,
            deadline,
        } = envelope;
        if let Err(refusal) = self.handler.guard.judge(&self.caller, &request) {
            answers.send(request_id, Reply::Refused(refusal)).await;
            return;
        }
        match request {
            Request::Push(push) => match self.handler.submit(push, deadline) {
                Err(refusal) => answers.send(request_id, Reply::Refused(refusal)).await,
                Ok(submitted)
                    if submitted.is_ready()
                        && unfinished.capacity() == unfinished.max_capacity() =>
                {
                    let acks = self.handler.finish(submitted).await;
                    answers.send(request_id, Reply::Pushed(acks)).await;
                }
                Ok(submitted) => {
                    let push = Unfinished {
                        request_id,
                        submitted,
                        permit,
                    };
                    // The finisher lives as long as this loop; the permits bound its queue.
                    drop(unfinished.send(push).await);
                }
            },
            Request::Pull(_) => {
                let answers = answers.clone();
                tasks.spawn(async move {
                    let reply = answers.handler.handle(request, deadline).await;
                    answers.send(request_id, reply).await;
                    drop(permit);
                });
            }
            other => {
                let reply = self.handler.answer(other);
                self.handler.guard.note(&self.caller, &reply);
                answers.send(request_id, reply).await;
            }
        }
    }
}

/// The next frame; `None` when the client is gone or the server ends.
async fn next_frame(
    inbound: &mut impl Frames,
    ending: &mut watch::Receiver<bool>,
) -> Option<v1::ClientFrame> {
    tokio::select! {
        biased;
        frame = inbound.next() => frame.and_then(Result::ok),
        _ = ending.wait_for(|over| *over) => None,
    }
}

async fn finish_in_order(mut unfinished: mpsc::Receiver<Unfinished>, answers: Answers) {
    while let Some(Unfinished {
        request_id,
        submitted,
        permit,
    }) = unfinished.recv().await
    {
        let acks = answers.handler.finish(submitted).await;
        answers.send(request_id, Reply::Pushed(acks)).await;
        drop(permit);
    }
}

impl Answers {
    async fn send(&self, request_id: u64, reply: Reply) {
        let envelope = ReplyEnvelope {
            request_id,
            credit: self.credit,
        };
        if let Reply::Refused(refusal) = &reply {
            self.handler.load.refused(refusal.kind);
        }
        let kind = self.meter.reply(&reply);
        let frames = reply_frames(envelope, &reply, &self.limits)
            .or_else(|error| reply_frames(envelope, &Reply::Refused(error.into()), &self.limits));
        for frame in frames.into_iter().flatten() {
            self.meter.sent(kind, &frame);
            if self.frames.send(Ok(frame)).await.is_err() {
                return;
            }
        }
    }

    async fn end(&self, refusal: &Refusal) {
        // A client that has gone away needs no reason.
        drop(
            self.frames
                .send(Err(thalweg_proto::status::to_status(refusal)))
                .await,
        );
    }
}

fn overloaded(requests_max: u32) -> Refusal {
    Refusal::new(
        RefusalKind::Overloaded,
        format!("{requests_max} requests of this session are in flight; wait for an answer"),
    )
}
