//! One server without I/O: every decision that a server takes, as plain calls.
//!
//! Three drivers stand around it: gRPC, threads in one process, and virtual time. `now` comes in
//! with every call, and whoever a call releases from the gate is asked for with
//! [`Server::take_released`]. Each shard has a lock of its own, its token; locks are taken in the
//! order shard, desk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, WorkerId};
use thalweg_common::message::{
    Asked, Conclude, Granted, Heartbeat, HeartbeatReply, Leave, NextRange, Offer, Outcome, Part,
    PartAck, Phase, Pull, PullPart, PullReply, Push, PushHeader, Read, Register, Registered,
    SessionRole,
};
use thalweg_common::optimizer::Reader;
use thalweg_common::registry::SettingError;
use thalweg_common::time::Time;

use crate::admission::{Gate, Lapse, Ticket};
use crate::desk::{Desk, Follow};
use crate::history::{PushEvent, Who};
use crate::identity;
use crate::plan::Plan;
use crate::saved::CheckpointNotes;
use crate::shard::{self, ReadBy, Shard};

/// Bytes that went through a server; the driver counts them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames of workers' pushes and their acknowledgements, bytes.
    pub push_frames: AtomicU64,
    /// Frames of workers' pulls and their answers, bytes.
    pub pull_frames: AtomicU64,
    /// All other frames of workers, bytes.
    pub other_frames: AtomicU64,
    /// Bytes on the sockets of workers, both ways.
    pub of_workers: AtomicU64,
    /// Bytes received at the sockets.
    pub received: AtomicU64,
    /// Bytes sent at the sockets.
    pub sent: AtomicU64,
}

impl Counters {
    /// The bytes on workers' sockets that pushes took, and those that pulls took.
    #[must_use]
    pub fn pushed_and_pulled(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| u128::from(counter.load(Ordering::Relaxed));
        let (push, pull) = (load(&self.push_frames), load(&self.pull_frames));
        let all = (push + pull + load(&self.other_frames)).max(1);
        let share = |part: u128| {
            let bytes = load(&self.of_workers) * part / all;
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        (share(push), share(pull))
    }

    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// One server of a job.
#[derive(Debug)]
pub struct Server {
    pub(crate) plan: Plan,
    pub(crate) desk: Mutex<Desk>,
    pub(crate) shards: BTreeMap<ShardId, Mutex<Shard>>,
    pub(crate) started: Time,
    /// Held while shards follow the desk, so that changes reach them in the order of decision.
    following: Mutex<()>,
    /// Bytes that went through.
    pub counters: Counters,
    /// What the driver says of checkpoints.
    pub checkpoints: CheckpointNotes,
}

impl Server {
    /// Builds a server's shards and an empty desk.
    ///
    /// # Errors
    /// [`SettingError`] if the optimizer or one of its settings is unknown or out of range.
    pub fn new(mut plan: Plan, now: Time) -> Result<Self, SettingError> {
        let shards = shard::shards(&plan.layout, &plan.map, plan.server, &plan.training)?;
        let shards = shards
            .into_iter()
            .map(|(id, shard)| (id, Mutex::new(shard)))
            .collect();
        // The shards have them.
        plan.training.initial = None;
        let desk = Mutex::new(Desk::new(&plan, now));
        Ok(Self {
            plan,
            desk,
            shards,
            started: now,
            following: Mutex::new(()),
            counters: Counters::default(),
            checkpoints: CheckpointNotes::default(),
        })
    }

    /// The server's part in the job.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shards held here.
    pub fn shard_ids(&self) -> impl Iterator<Item = ShardId> {
        self.shards.keys().copied()
    }

    /// Opens a session.
    ///
    /// # Errors
    /// A [`Refusal`] if versions, job or data do not match, or no slot is free.
    pub fn register(&self, now: Time, register: &Register) -> Result<Registered, Refusal> {
        let registered = self.judge_register(now, register);
        let who = (register.worker, register.session);
        self.told((now, who, Asked::Register), registered)
    }

    fn judge_register(&self, now: Time, register: &Register) -> Result<Registered, Refusal> {
        let protocol = identity::judge(&self.plan, register)?;
        let own = (self.plan.server, self.plan.life);
        self.desk.lock().meet(now, own, register)?;
        let (session, worker, clock) = match (register.role, register.data) {
            (SessionRole::Worker, None) => (SessionId(0), WorkerId(0), Clock(0)),
            _ => {
                let max = self.plan.bounds.sessions_max;
                let mut desk = self.desk.lock();
                let (session, worker) = desk.open(now, register, max)?;
                let clock = desk.admission.start_of(worker);
                drop(desk);
                self.follow();
                (session, worker, clock)
            }
        };
        Ok(Registered {
            protocol,
            session,
            worker,
            server: self.plan.server,
            servers: self.plan.map.servers(),
            fingerprint: self.plan.fingerprint,
            generation: self.plan.map.generation(),
            job: self.plan.job_text.clone(),
            life: self.plan.life,
            clock,
        })
    }

    /// Judges who pushes what, before any of its so many parts is looked at. What becomes of them is noted
    /// in the event, for [`Server::finish_push`].
    ///
    /// # Errors
    /// A [`Refusal`] of all of them if job, map or session is not the present one.
    pub fn judge_push(
        &self,
        now: Time,
        header: &PushHeader,
        parts: usize,
    ) -> Result<PushEvent, Refusal> {
        if let Err(refusal) = self.judge_header(now, header) {
            let mut desk = self.desk.lock();
            desk.turn_away(header.worker, refusal.kind, parts as u64);
            let who = (Some(header.worker), Some(header.session));
            desk.tell_refused(now, who, Asked::Push, &refusal);
            return Err(refusal);
        }
        Ok(PushEvent::new(header, self.plan.training.staleness))
    }

    fn judge_header(&self, now: Time, header: &PushHeader) -> Result<(), Refusal> {
        self.judge_job(header.fingerprint, header.generation)?;
        let all = self.plan.coordinator.examples_total;
        if all < header.weight {
            return Err(Refusal::invalid(format!(
                "a push weighs {} examples, and the whole job has {all}; a push weighs as much as its batch",
                header.weight
            )));
        }
        let mut desk = self.desk.lock();
        desk.hear(now, header.worker, header.session)?;
        if desk.observes(header.session) {
            return Err(Refusal::invalid(
                "observers do not push; register as a worker",
            ));
        }
        let changed = desk.active(now, header.worker, header.session);
        drop(desk);
        if changed {
            self.follow();
        }
        Ok(())
    }

    /// Judges what a push of several parts says of the data before any of them is applied: one shard keeps the books,
    /// and would refuse its own part alone. Where another server keeps them, nobody here can tell.
    ///
    /// # Errors
    /// A [`Refusal`] of all parts if a range is not on loan to the worker, or the weight is not theirs.
    pub fn judge_claims(&self, now: Time, push: &Push) -> Result<(), Refusal> {
        let header = &push.header;
        let mut parts = push.parts.iter();
        let books = parts.find(|part| self.keeps_the_ledger(part.shard));
        let Some(part) = books.filter(|_| 1 < push.parts.len()) else {
            return Ok(());
        };
        if self.judge_loans(header).is_ok() {
            return Ok(());
        }
        // What it says may be wrong because it came before: what it commits is on loan no more. The shard's lock is
        // held until that is known, since the same push may be applied by another hand just now.
        let shard = self.shards[&part.shard].lock();
        if !shard.is_new(header.session, part.sequence) {
            return Ok(());
        }
        let Err(refusal) = self.judge_loans(header) else {
            return Ok(());
        };
        let mut desk = self.desk.lock();
        desk.turn_away(header.worker, refusal.kind, push.parts.len() as u64);
        let who = (Some(header.worker), Some(header.session));
        desk.tell_refused(now, who, Asked::Push, &refusal);
        Err(refusal)
    }

    /// Judges whether what a push says it used is on loan to its worker.
    fn judge_loans(&self, header: &PushHeader) -> Result<(), Refusal> {
        match &self.desk.lock().coordinator {
            Some(coordinator) => coordinator
                .judge(header)
                .map_err(|error| Refusal::invalid(error.to_string())),
            None => Ok(()),
        }
    }

    /// Judges one part of a push and applies or accepts it. Its header was judged.
    #[must_use]
    pub fn push_part(&self, now: Time, header: &PushHeader, part: &Part) -> PartAck {
        let Some(shard) = self.shards.get(&part.shard) else {
            let which = (part.shard, part.sequence);
            return self.refuse_part(header, which, self.no_such_shard(part.shard));
        };
        if self.keeps_the_ledger(part.shard) {
            self.push_ledger(now, &mut shard.lock(), header, part)
        } else {
            shard.lock().push(header, part)
        }
    }

    /// Refuses a part that no shard has seen, and counts it.
    #[must_use]
    pub fn refuse_part(
        &self,
        header: &PushHeader,
        (shard, sequence): (ShardId, Sequence),
        refusal: Refusal,
    ) -> PartAck {
        self.turn_away(header, refusal.kind, 1);
        PartAck {
            shard,
            sequence,
            outcome: Outcome::Refused(refusal),
        }
    }

    /// Counts parts that are refused before a shard sees them.
    pub(crate) fn turn_away(&self, header: &PushHeader, kind: RefusalKind, parts: usize) {
        let mut desk = self.desk.lock();
        desk.turn_away(header.worker, kind, parts as u64);
    }

    /// The ledger shard's parts commit data: judged with their ranges, counted once.
    fn push_ledger(
        &self,
        now: Time,
        shard: &mut Shard,
        header: &PushHeader,
        part: &Part,
    ) -> PartAck {
        if shard.is_new(header.session, part.sequence)
            && let Err(refusal) = self.judge_loans(header)
        {
            return shard.refuse(header, part, refusal);
        }
        let ack = shard.push(header, part);
        if matches!(
            ack.outcome,
            Outcome::Applied { .. } | Outcome::Accepted { .. } | Outcome::Dropped { .. }
        ) && let Some(coordinator) = &mut self.desk.lock().coordinator
        {
            coordinator.commit(now, header);
        }
        ack
    }

    /// All parts of a push have been through [`Server::push_part`], and the event has noted what became of
    /// them: the worker's clock moves on, unless one was refused.
    pub fn finish_push(&self, now: Time, header: &PushHeader, event: &PushEvent) {
        self.desk.lock().finish_push(now, header, event.seen);
    }

    /// Asks the gate whether a pull may be served.
    ///
    /// # Errors
    /// A [`Refusal`] if job, map or session is not the present one.
    pub fn ask(&self, now: Time, pull: &Pull) -> Result<Gate, Refusal> {
        let gate = self.judge_pull(now, pull);
        let who = (Some(pull.worker), Some(pull.session));
        self.told((now, who, Asked::Pull), gate)
    }

    fn judge_pull(&self, now: Time, pull: &Pull) -> Result<Gate, Refusal> {
        self.judge_job(pull.fingerprint, pull.generation)?;
        let mut desk = self.desk.lock();
        desk.hear(now, pull.worker, pull.session)?;
        if desk.observes(pull.session) {
            return Ok(Gate::Open);
        }
        let changed = desk.active(now, pull.worker, pull.session);
        let gate = desk.admission.ask(now, pull.worker, pull.clock);
        drop(desk);
        if changed {
            self.follow();
        }
        Ok(gate)
    }

    /// Takes a parked pull back and says whom it waits for; `None` if it was released meanwhile.
    pub fn give_up(&self, now: Time, ticket: Ticket) -> Option<PullReply> {
        let (floor, holders) = self.desk.lock().admission.give_up(now, ticket)?;
        Some(PullReply::NotYet { floor, holders })
    }

    /// The tickets released since the last call.
    pub fn take_released(&self) -> Vec<Ticket> {
        std::mem::take(&mut self.desk.lock().released)
    }

    /// On whose behalf a pull reads: asked once per pull.
    pub fn reads_by(&self, pull: &Pull) -> ReadBy {
        let observes = self.desk.lock().observes(pull.session);
        ReadBy {
            reader: if observes {
                Reader::Observer
            } else {
                Reader::Worker
            },
            session: pull.session,
            until: pull.clock,
        }
    }

    /// Reads one part of an admitted pull.
    ///
    /// # Errors
    /// A [`Refusal`] if the shard or the address is not held here.
    pub fn read(&self, by: ReadBy, part: &PullPart) -> Result<Read, Refusal> {
        let shard = self.shards.get(&part.shard);
        shard
            .ok_or_else(|| self.no_such_shard(part.shard))?
            .lock()
            .read(by, &part.address)
    }

    /// Deals the next data ranges, or the last ones again if the session has not received them.
    ///
    /// # Errors
    /// A [`Refusal`] if the session is not open, or this is not server 0.
    pub fn next_range(&self, now: Time, asked: &NextRange) -> Result<Granted, Refusal> {
        let mut desk = self.desk.lock();
        let granted = desk
            .hear(now, asked.worker, asked.session)
            .and_then(|()| desk.next_range(now, asked));
        drop(desk);
        let who = (Some(asked.worker), Some(asked.session));
        self.told((now, who, Asked::Range), granted)
    }

    /// Takes a sign of life.
    ///
    /// # Errors
    /// A [`Refusal`] if the session is not open.
    pub fn heartbeat(&self, now: Time, heartbeat: &Heartbeat) -> Result<HeartbeatReply, Refusal> {
        let reply = self.hear_beat(now, heartbeat);
        let who = (Some(heartbeat.worker), Some(heartbeat.session));
        self.told((now, who, Asked::Heartbeat), reply)
    }

    fn hear_beat(&self, now: Time, heartbeat: &Heartbeat) -> Result<HeartbeatReply, Refusal> {
        let mut desk = self.desk.lock();
        desk.hear(now, heartbeat.worker, heartbeat.session)?;
        if !desk.observes(heartbeat.session) {
            desk.heartbeat(now, heartbeat)?;
        }
        let progress = desk
            .coordinator
            .as_ref()
            .map_or(0, crate::coordinator::Coordinator::committed);
        let stop = desk.is_over(now);
        drop(desk);
        self.follow();
        Ok(HeartbeatReply { progress, stop })
    }

    /// Closes a session. Closing one that is not open is no error: the wish is fulfilled.
    pub fn leave(&self, now: Time, leave: &Leave) {
        let mut desk = self.desk.lock();
        if desk.observes(leave.session) {
            desk.dismiss(now, leave.session);
        } else if desk.hear(now, leave.worker, leave.session).is_ok() {
            desk.leave(now, leave.worker, leave.reason, &leave.cause);
        } else {
            desk.hear_of_end(now, leave);
        }
        drop(desk);
        self.follow();
    }

    /// Ends the job as done once nothing is on loan: an observer has seen enough.
    ///
    /// # Errors
    /// A [`Refusal`] if the session is no observer's, or this is not server 0.
    pub fn conclude(&self, now: Time, conclude: &Conclude) -> Result<(), Refusal> {
        let mut desk = self.desk.lock();
        desk.hear(now, conclude.worker, conclude.session)?;
        desk.conclude(now, conclude.session, &conclude.why)
    }

    /// Takes word that rows of a stream have arrived. Answers with the row below which all are used.
    ///
    /// # Errors
    /// A [`Refusal`] if the session is no observer's, this is not server 0, or the job has no stream.
    pub fn offer(&self, now: Time, offer: Offer) -> Result<u64, Refusal> {
        let mut desk = self.desk.lock();
        desk.hear(now, offer.worker, offer.session)?;
        desk.offer(now, offer)
    }

    /// Examples committed, as this server's first shard counts them.
    #[must_use]
    pub fn progress(&self) -> u64 {
        let first = self.shards.values().next();
        first.map_or(0, |shard| shard.lock().status().progress)
    }

    /// Time passes. Returns who was lost since the last call.
    pub fn tick(&self, now: Time) -> Vec<Lapse> {
        let lapsed = self.desk.lock().tick(now, &self.plan);
        self.follow();
        lapsed
    }

    /// The server itself was not running for so long: that nobody was heard says nothing of them.
    pub fn slept(&self, time: Duration) {
        self.desk.lock().slept(time);
    }

    /// Somebody asks how things stand.
    pub(crate) fn looked_at(&self, now: Time) {
        self.desk.lock().looked_at(now);
    }

    /// Ends the job from here: the process was told to stop.
    pub fn stop(&self, now: Time, why: &str) {
        self.desk.lock().stop(now, why);
    }

    /// Whether there is nothing left to do here and nobody left to wait for.
    #[must_use]
    pub fn is_finished(&self, now: Time) -> bool {
        self.desk.lock().is_finished(now, &self.plan)
    }

    /// Where the job is in its life, and why it ended if it ended early.
    #[must_use]
    pub fn phase(&self) -> (Phase, String) {
        self.desk.lock().phase()
    }

    /// Whether it is decided that the job has failed, also for a server that is started again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.desk.lock().has_failed()
    }

    /// Judges whether a shard is held here.
    ///
    /// # Errors
    /// [`RefusalKind::UnknownShard`] with its holder, if it has one.
    pub fn judge_shard(&self, shard: ShardId) -> Result<(), Refusal> {
        if self.shards.contains_key(&shard) {
            Ok(())
        } else {
            Err(self.no_such_shard(shard))
        }
    }

    /// Writes a refusal into the history on its way to whoever asked.
    fn told<T>(
        &self,
        (now, who, asked): (Time, Who, Asked),
        answer: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        answer.inspect_err(|refusal| {
            let mut desk = self.desk.lock();
            desk.tell_refused(now, who, asked, refusal);
        })
    }

    fn judge_job(&self, fingerprint: Fingerprint, generation: Generation) -> Result<(), Refusal> {
        identity::judge_fingerprint(&self.plan, fingerprint)?;
        let held = self.plan.map.generation();
        if generation == held {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::WrongGeneration,
            format!("the part was cut by shard map {generation}; this server holds map {held}"),
        ))
    }

    fn keeps_the_ledger(&self, shard: ShardId) -> bool {
        self.plan.server.0 == 0 && self.shards.keys().next() == Some(&shard)
    }

    fn no_such_shard(&self, shard: ShardId) -> Refusal {
        let server = self.plan.server;
        let message = match self.plan.map.shard(shard) {
            Some(span) => {
                format!(
                    "shard {shard} is held by server {}, not by server {server}",
                    span.server
                )
            }
            None => format!(
                "shard {shard} does not exist: the map has shards 0 to {}",
                self.plan.map.shards().len() - 1
            ),
        };
        Refusal::new(RefusalKind::UnknownShard, message)
    }

    /// Lets the shards follow what the desk decided.
    pub(crate) fn follow(&self) {
        let _in_order = self.following.lock();
        let follow = std::mem::take(&mut self.desk.lock().follow);
        for change in follow {
            for shard in self.shards.values() {
                let mut shard = shard.lock();
                match change {
                    Follow::Enlist(worker, session) => shard.enlist(worker, session),
                    Follow::Retire(worker) => shard.retire(worker),
                    Follow::Release(session) => shard.release(session),
                    Follow::Close(worker, session) => shard.close(worker, session),
                    Follow::Settle(worker) => shard.settle(worker),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
