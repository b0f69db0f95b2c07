//! From a request to its reply: the one function that the session stream and the unary calls enter.

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::ShardId;
use thalweg_common::message::{
    CheckpointStatus, Outcome, Part, PartAck, Payload, Pull, PullPart, PullReply, Push, PushHeader,
    Read, Reply, Request,
};
use thalweg_common::time::Time;
use tokio::sync::{oneshot, watch};

use super::guard::Guard;
use super::owners::Owners;
use super::waiters::Waiters;
use crate::admission::{Gate, Ticket};
use crate::checkpoint::Keeper;
use crate::history::PushEvent;
use crate::observe::{self, Books, Load, Snapshot, Window};
use crate::server::Server;
use crate::shard::ReadBy;
use thalweg_proto::transport::Clock;

/// A server with what is needed to drive it.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: Arc<Server>,
    pub(super) owners: Owners,
    pub(super) waiters: Waiters,
    pub(super) clock: Clock,
    pub(super) load: Arc<Load>,
    /// What its books said when it began to serve.
    pub(super) before: Books,
    pub(super) connections_max: usize,
    pub(super) queue_parts_max: usize,
    /// How long a request may wait before it is begun, unless it says less.
    pub(super) request_time_max: Duration,
    /// Who may ask what.
    pub(super) guard: Guard,
    /// Who writes the server's checkpoints, if it keeps any.
    pub(super) keeper: Option<Arc<Keeper>>,
    /// Turns true when the server ends: sessions are closed then.
    pub(super) ending: watch::Sender<bool>,
}

/// A push whose parts are under way.
#[derive(Debug)]
pub(super) struct Submitted {
    header: Arc<PushHeader>,
    event: PushEvent,
    /// The elements of each part, and its acknowledgement.
    acks: Vec<(usize, Slot)>,
}

/// Bounds of what an overloaded server asks for: a wait shorter than a message takes is none, and a longer one would
/// leave a server idle that has caught up.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));

/// An acknowledgement, or where it will come from.
#[derive(Debug)]
enum Slot {
    Here(PartAck),
    Coming(oneshot::Receiver<PartAck>),
}

impl Submitted {
    /// Whether every part has been judged.
    pub(super) fn is_ready(&self) -> bool {
        let is_here = |(_, slot): &(usize, Slot)| matches!(slot, Slot::Here(_));
        self.acks.iter().all(is_here)
    }

    /// How long its worker is asked to wait, because parts found no room; 0 if all did.
    pub(super) fn retry_after(&self) -> Duration {
        let asked = self.acks.iter().filter_map(|(_, slot)| match slot {
            Slot::Here(PartAck {
                outcome: Outcome::Refused(refusal),
                ..
            }) => refusal.retry_after,
            Slot::Here(_) | Slot::Coming(_) => None,
        });
        asked.max().unwrap_or_default()
    }
}

impl Handler {
    /// Serves a request to its end.
    pub(super) async fn handle(&self, request: Request, deadline: Option<Duration>) -> Reply {
        match request {
            Request::Push(push) => match self.submit(push, deadline) {
                Ok(submitted) => Reply::Pushed(self.finish(submitted).await),
                Err(refusal) => Reply::Refused(refusal),
            },
            Request::Pull(pull) => self.pull(pull, deadline).await,
            other => self.answer(other),
        }
    }

    /// Answers what needs no shard.
    pub(super) fn answer(&self, request: Request) -> Reply {
        self.load.came((&request).into());
        let reply = self.server.answer(self.clock.now(), request);
        self.release();
        reply
    }

    /// Judges a push's header and sends its parts on their way: small ones to idle shards at once,
    /// the others to the owner threads.
    pub(super) fn submit(
        &self,
        push: Push,
        deadline: Option<Duration>,
    ) -> Result<Submitted, Refusal> {
        let now = self.clock.now();
        self.load.came(observe::Request::Push);
        let parts = push.parts.len();
        let event = self.server.judge_push(now, &push.header, parts)?;
        self.server.judge_claims(now, &push)?;
        let begin_by = now
            + deadline
                .unwrap_or(self.request_time_max)
                .min(self.request_time_max);
        let header = Arc::new(push.header);
        let acks = push
            .parts
            .into_iter()
            .map(|part| {
                let elements = part.address.len();
                let slot = match self.owners.token(part.shard, values_bytes(&part)) {
                    Some(_token) => Slot::Here(self.push_part(now, &header, &part)),
                    None => self.queue(&header, part, begin_by),
                };
                (elements, slot)
            })
            .collect();
        Ok(Submitted {
            header,
            event,
            acks,
        })
    }

    /// Waits for the parts of a push, then moves the worker's clock. Pushes of one session are
    /// finished in the order of their arrival.
    pub(super) async fn finish(&self, submitted: Submitted) -> Vec<PartAck> {
        let Submitted {
            header,
            mut event,
            acks: slots,
        } = submitted;
        let mut acks = Vec::with_capacity(slots.len());
        for (elements, slot) in slots {
            let ack = match slot {
                Slot::Here(ack) => ack,
                Slot::Coming(ack) => ack.await.expect("an owner thread answers every part"),
            };
            event.note(elements, &ack);
            acks.push(ack);
        }
        self.server.finish_push(self.clock.now(), &header, &event);
        self.release();
        acks
    }

    /// Writes a checkpoint now; answers once it was read back.
    pub(super) async fn checkpoint(&self) -> Result<CheckpointStatus, Refusal> {
        let keeper = self.keeper.as_ref().ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unsupported,
                "this server keeps no checkpoints; start it with --checkpoints DIR",
            )
        })?;
        let (answer, written) = oneshot::channel();
        let asked = keeper.ask(Box::new(move |written| {
            // Who asked may have gone away.
            answer.send(written).ok();
        }));
        let full = "too many checkpoints are asked for, or the server ends; ask again later";
        asked.map_err(|_| Refusal::new(RefusalKind::Overloaded, full))?;
        let ended = || Refusal::new(RefusalKind::Stopping, "the server has ended");
        let written = written.await.map_err(|_| ended())?;
        written.map_err(|why| Refusal::new(RefusalKind::Internal, why))
    }

    fn push_part(&self, now: Time, header: &PushHeader, part: &Part) -> PartAck {
        let begun = self.clock.now();
        let ack = self.server.push_part(now, header, part);
        self.load.applied(self.clock.now().since(begun));
        ack
    }

    fn queue(&self, header: &Arc<PushHeader>, part: Part, begin_by: Time) -> Slot {
        let which = (part.shard, part.sequence);
        let (answer, ack) = oneshot::channel();
        let (server, clock, load) = (self.server.clone(), self.clock, self.load.clone());
        let of_job = header.clone();
        let job = Box::new(move || {
            let now = clock.now();
            let done = if now > begin_by {
                server.refuse_part(&of_job, which, past_deadline(part.shard))
            } else {
                let done = server.push_part(now, &of_job, &part);
                load.applied(clock.now().since(now));
                done
            };
            // The session may have ended; the part is done all the same.
            drop(answer.send(done));
        });
        match self.owners.enqueue(which.0, job) {
            Ok(()) => Slot::Coming(ack),
            Err(_) => {
                let refusal = self.cannot_queue(which.0);
                Slot::Here(self.server.refuse_part(header, which, refusal))
            }
        }
    }

    async fn pull(&self, pull: Pull, deadline: Option<Duration>) -> Reply {
        self.load.came(observe::Request::Pull);
        match self.admit(&pull, deadline).await {
            Ok(None) => {}
            Ok(Some(not_yet)) => return Reply::Pulled(not_yet),
            Err(refusal) => return Reply::Refused(refusal),
        }
        let by = self.server.reads_by(&pull);
        let mut slots = Vec::with_capacity(pull.parts.len());
        for part in pull.parts {
            match self.read(by, part) {
                Ok(slot) => slots.push(slot),
                Err(refusal) => return Reply::Refused(refusal),
            }
        }
        let mut reads = Vec::with_capacity(slots.len());
        for slot in slots {
            let read = match slot {
                ReadSlot::Here(read) => read,
                ReadSlot::Coming(read) => read.await.expect("an owner thread answers every read"),
            };
            match read {
                Ok(read) => reads.push(read),
                Err(refusal) => return Reply::Refused(refusal),
            }
        }
        Reply::Pulled(PullReply::Ready(reads))
    }

    /// Waits at the gate, within the pull's patience.
    async fn admit(
        &self,
        pull: &Pull,
        deadline: Option<Duration>,
    ) -> Result<Option<PullReply>, Refusal> {
        let gate = self.server.ask(self.clock.now(), pull);
        self.release();
        let Gate::Parked(ticket) = gate? else {
            return Ok(None);
        };
        let guard = Parked {
            handler: self,
            ticket,
        };
        let patience = pull
            .patience
            .min(deadline.unwrap_or(self.request_time_max))
            .min(self.request_time_max);
        let released = tokio::time::timeout(patience, self.waiters.wait(ticket))
            .await
            .is_ok();
        if released {
            return Ok(None);
        }
        // Released in this very moment: then the gate is open.
        Ok(guard.give_up())
    }

    fn read(&self, by: ReadBy, part: PullPart) -> Result<ReadSlot, Refusal> {
        let (shard, bytes) = (part.shard, part.address.len() * Payload::VALUE_BYTES);
        if let Some(_token) = self.owners.token(shard, bytes) {
            return Ok(ReadSlot::Here(self.server.read(by, &part)));
        }
        let (answer, read) = oneshot::channel();
        let server = self.server.clone();
        let job = Box::new(move || drop(answer.send(server.read(by, &part))));
        match self.owners.enqueue(shard, job) {
            Ok(()) => Ok(ReadSlot::Coming(read)),
            Err(_) => Err(self.cannot_queue(shard)),
        }
    }

    fn cannot_queue(&self, shard: ShardId) -> Refusal {
        match self.server.judge_shard(shard) {
            Err(refusal) => refusal,
            Ok(()) => {
                let words = format!(
                    "the queue of shard {shard} is full; send again later, or raise [limits] \
                     queue_parts_max"
                );
                let longer = self.load.turned_away();
                let wait = self.retry_after().mul_f64(longer).min(RETRY_AFTER.1);
                Refusal::new(RefusalKind::Overloaded, words).with_retry_after(wait)
            }
        }
    }

    /// When it is worth coming back, if nobody else is: after the time that half of the fullest queue takes, so
    /// that who was refused comes before it runs dry.
    pub(super) fn retry_after(&self) -> Duration {
        let (_, fullest) = self.owners.queued();
        let half = u32::try_from(fullest / 2).unwrap_or(u32::MAX);
        let (least, most) = RETRY_AFTER;
        self.load
            .usual_apply()
            .saturating_mul(half)
            .clamp(least, most)
    }

    /// Adds to a refusal for want of room when to come again, if it does not say so.
    pub(super) fn say_when(&self, refusal: &mut Refusal) {
        if refusal.kind == RefusalKind::Overloaded {
            refusal
                .retry_after
                .get_or_insert_with(|| self.retry_after());
        }
    }

    /// What a scrape shows at this moment. It looks at every shard, each under its lock.
    pub(super) fn snapshot(&self) -> Snapshot {
        let (queued, fullest) = self.owners.queued();
        let queue = Window {
            used: fullest as u64,
            max: self.queue_parts_max as u64,
        };
        let load = self.load.numbers(self.connections_max, queued, queue);
        let mut snapshot = self.server.snapshot(self.clock.now(), &self.before, load);
        snapshot.certificate_until = self.guard.certificate_until();
        let status = &mut snapshot.status;
        (status.pushed_bytes, status.pulled_bytes) =
            self.load.rising(status.pushed_bytes, status.pulled_bytes);
        snapshot
    }

    /// Wakes whoever the last decisions released.
    pub(super) fn release(&self) {
        self.waiters.release(self.server.take_released());
    }
}

fn past_deadline(shard: ShardId) -> Refusal {
    Refusal::new(
        RefusalKind::Deadline,
        format!("the part for shard {shard} waited past its deadline; send it again"),
    )
}

/// What a part moves in the store: what it costs, however few bytes it came in.
fn values_bytes(part: &Part) -> usize {
    part.address.len() * Payload::VALUE_BYTES
}

enum ReadSlot {
    Here(Result<Read, Refusal>),
    Coming(oneshot::Receiver<Result<Read, Refusal>>),
}

/// A place at the gate; leaving it in any way, by an answer or because the session ended, gives
/// it up.
struct Parked<'a> {
    handler: &'a Handler,
    ticket: Ticket,
}

impl Parked<'_> {
    fn give_up(&self) -> Option<PullReply> {
        self.handler.waiters.forget(self.ticket);
        self.handler
            .server
            .give_up(self.handler.clock.now(), self.ticket)
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}
