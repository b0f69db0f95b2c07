//! One session stream: frames in, requests to the handler, frames out.
//!
//! Pushes are submitted in the order of their arrival and finished in that order; pulls and the
//! rest are answered as they can be. Everything in flight is bounded: requests by the permits,
//! frames by the channel, bytes by the assembler.

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, Pool, ReplyEnvelope, RequestAssembler, RequestEnvelope, reply_frames,
};
use thalweg_proto::security::Caller;
use thalweg_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::counted::Line;
use super::handle::{Handler, Submitted};
use super::meter::Meter;
use super::serve::pause;
use super::spans::Subject;

/// Frames that wait for the network per session.
const OUTBOUND_FRAMES_MAX: usize = 64;

/// How long a session is left unread at most: signs of life come on the same stream.
const REST_MAX: Duration = Duration::from_millis(250);

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
    /// For the messages of all sessions that are not whole.
    pub(super) room: Pool,
    /// Places for pulls of all sessions.
    pub(super) pulls: Arc<Semaphore>,
    /// Its connection.
    pub(super) line: Option<Line>,
    /// Who speaks.
    pub(super) caller: Caller,
}

struct Unfinished {
    request_id: u64,
    submitted: Submitted,
    _permit: OwnedSemaphorePermit,
    /// Until it is finished and answered.
    _in_line: InLine,
}

/// The sending half of a session.
#[derive(Clone)]
struct Answers {
    handler: Arc<Handler>,
    limits: FrameLimits,
    credit: u32,
    frames: Outbound,
    meter: Arc<Meter>,
    /// What is told of the session is told in it, whichever task does.
    span: Span,
}

impl Session {
    /// Runs the session on a task of its own and returns its outgoing frames.
    pub(super) fn run(
        self,
        inbound: impl Frames,
    ) -> mpsc::Receiver<Result<v1::ServerFrame, Status>> {
        let (frames, outbound) = mpsc::channel(OUTBOUND_FRAMES_MAX);
        let socket = self.line.as_ref().map(|line| line.bytes.clone());
        let server = self.handler.server.clone();
        let subject = Subject::new(server.plan().training.workers);
        let span = subject.span();
        let answers = Answers {
            handler: self.handler.clone(),
            limits: self.limits,
            credit: self.requests_max,
            frames,
            meter: Arc::new(Meter::new(server, socket.unwrap_or_default())),
            span: span.clone(),
        };
        tokio::spawn(self.receive(inbound, answers, subject).instrument(span));
        outbound
    }

    async fn receive(self, mut inbound: impl Frames, answers: Answers, mut subject: Subject) {
        let permits = Arc::new(Semaphore::new(self.requests_max as usize));
        let mut assembler = RequestAssembler::new(self.limits).within(self.room.clone());
        let mut tasks = JoinSet::new();
        let line = Queue::default();
        let (unfinished, finisher) = mpsc::channel(self.requests_max as usize);
        tasks.spawn(finish_in_order(finisher, answers.clone()));
        let mut ending = self.handler.ending.subscribe();
        let mut rest = Duration::ZERO;
        while let Some(frame) = next_frame(&mut inbound, &mut ending, take(&mut rest)).await {
            answers.meter.received(&frame);
            let (envelope, request) = match assembler.accept(frame) {
                Ok(Assembled::Pending) => continue,
                Ok(Assembled::Whole(envelope, request)) => (envelope, request),
                Ok(Assembled::Refused(envelope, refusal)) => {
                    let mut refusal = refusal;
                    self.handler.say_when(&mut refusal);
                    rest = refusal.retry_after.unwrap_or_default();
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
            if let Some(line) = &self.line {
                line.standing.note_request();
            }
            match permits.clone().try_acquire_owned() {
                Err(_) => {
                    let refusal = self.overloaded();
                    rest = refusal.retry_after.unwrap_or_default();
                    if let Request::Push(push) = &request {
                        let (server, parts) = (&self.handler.server, push.parts.len());
                        server.turn_away(&push.header, refusal.kind, parts);
                    }
                    answers
                        .send(envelope.request_id, Reply::Refused(refusal))
                        .await;
                }
                Ok(permit) => {
                    let served = self.serve(
                        envelope,
                        request,
                        permit,
                        (&answers, (&unfinished, &line), &mut tasks, &mut subject),
                    );
                    rest = served.await;
                }
            }
        }
        // The client is gone: what waits for it is given up, what was submitted is done all the
        // same by the shards.
        tasks.shutdown().await;
    }

    /// Answers how long the session is to be left unread: not at all, or as long as whoever was refused for
    /// want of room is told to wait. So those who do not wait cost no more than those who do: what they send
    /// stays with them, by the windows of HTTP/2.
    async fn serve(
        &self,
        envelope: RequestEnvelope,
        request: Request,
        permit: OwnedSemaphorePermit,
        (answers, (unfinished, line), tasks, subject): (
            &Answers,
            (&mpsc::Sender<Unfinished>, &Queue),
            &mut JoinSet<()>,
            &mut Subject,
        ),
    ) -> Duration {
        let RequestEnvelope {
            request_id,
            deadline,
        } = envelope;
        if let Err(refusal) = self.handler.guard.judge(&self.caller, &request) {
            answers.send(request_id, Reply::Refused(refusal)).await;
            return Duration::ZERO;
        }
        subject.hear(&request);
        match request {
            Request::Push(push) => match self.handler.submit(push, deadline) {
                Err(refusal) => answers.send(request_id, Reply::Refused(refusal)).await,
                // Pieces of one push come after each other, and the last moves the clock: it must not pass one
                // that a shard still works on.
                Ok(submitted) if submitted.is_ready() && line.is_empty() => {
                    let rest = submitted.retry_after();
                    let acks = self.handler.finish(submitted).await;
                    answers.send(request_id, Reply::Pushed(acks)).await;
                    return rest;
                }
                Ok(submitted) => {
                    let rest = submitted.retry_after();
                    let push = Unfinished {
                        request_id,
                        submitted,
                        _permit: permit,
                        _in_line: line.enter(),
                    };
                    // The finisher lives as long as this loop; the permits bound its queue.
                    drop(unfinished.send(push).await);
                    return rest;
                }
            },
            Request::Pull(_) => {
                let Ok(place) = self.pulls.clone().try_acquire_owned() else {
                    answers
                        .send(request_id, Reply::Refused(too_many_pulls()))
                        .await;
                    return Duration::ZERO;
                };
                let answers = answers.clone();
                tasks.spawn(async move {
                    let reply = answers.handler.handle(request, deadline).await;
                    answers.send(request_id, reply).await;
                    drop((permit, place));
                });
            }
            other => {
                let reply = self.handler.answer(other);
                self.handler.guard.note(&self.caller, &reply);
                answers.send(request_id, reply).await;
            }
        }
        Duration::ZERO
    }

    fn overloaded(&self) -> Refusal {
        let max = self.requests_max;
        let words = format!("{max} requests of this session are in flight; wait for an answer");
        Refusal::new(RefusalKind::Overloaded, words).with_retry_after(self.handler.retry_after())
    }
}

/// The next frame after a rest; `None` when the client is gone or the server ends.
async fn next_frame(
    inbound: &mut impl Frames,
    ending: &mut watch::Receiver<bool>,
    rest: Duration,
) -> Option<v1::ClientFrame> {
    let next = async {
        if !rest.is_zero() {
            pause(rest.min(REST_MAX)).await;
        }
        inbound.next().await
    };
    tokio::select! {
        biased;
        frame = next => frame.and_then(Result::ok),
        _ = ending.wait_for(|over| *over) => None,
    }
}

async fn finish_in_order(mut unfinished: mpsc::Receiver<Unfinished>, answers: Answers) {
    while let Some(Unfinished {
        request_id,
        submitted,
        _permit,
        _in_line,
    }) = unfinished.recv().await
    {
        let acks = answers.handler.finish(submitted).await;
        answers.send(request_id, Reply::Pushed(acks)).await;
    }
}

/// How many pushes of a session are not finished: also the one that the finisher has taken out of its channel and
/// waits for.
#[derive(Clone, Debug, Default)]
struct Queue(Arc<AtomicUsize>);

/// One of them, for as long as this lives.
#[derive(Debug)]
struct InLine(Queue);

impl Queue {
    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    fn enter(&self) -> InLine {
        self.0.fetch_add(1, Ordering::AcqRel);
        InLine(self.clone())
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a pull is not begun.
pub(super) fn too_many_pulls() -> Refusal {
    let words = "as many pulls are under way as the server has memory for ([limits] inflight_pulls_max for every \
                 worker and an observer); send it again later";
    Refusal::new(RefusalKind::Overloaded, words)
}

impl Answers {
    async fn send(&self, request_id: u64, mut reply: Reply) {
        if let Reply::Refused(refusal) = &mut reply {
            self.handler.say_when(refusal);
        }
        let envelope = ReplyEnvelope {
            request_id,
            credit: self.credit,
        };
        if let Reply::Refused(refusal) = &reply {
            self.handler.load.refused(refusal.kind);
            tracing::debug!(parent: &self.span, reason = %refusal.kind, "a request is refused");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_in_line_until_it_is_answered() {
        let line = Queue::default();
        assert!(line.is_empty());
        let (first, second) = (line.enter(), line.enter());
        // The finisher has taken the first out of its channel.
        drop(second);
        assert!(!line.is_empty());
        drop(first);
        assert!(line.is_empty());
    }
}
