//! The desk: what one server knows of sessions, beside its shards. Sessions, admission and, on
//! server 0, the coordinator, behind one lock.
//!
//! Nothing here touches a parameter, so the lock is held for less than a microsecond a part.

mod ending;
mod events;
mod losses;
mod retries;
mod saving;

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Life, ServerId, SessionId, WorkerId};
use thalweg_common::message::{Granted, Heartbeat, LeaveReason, NextRange, Offer, PartTally};
use thalweg_common::message::{Register, SessionRole, Waits};
use thalweg_common::time::Time;

use crate::admission::{Admission, Lapse, Signs, SlotState, Ticket};
use crate::coordinator::Coordinator;
use crate::desk::ending::End;
use crate::desk::losses::Loss;
use crate::desk::retries::Retries;
use crate::history::{History, kept, kept_reason};
use crate::plan::{OnWorkerLoss, Plan};

/// What a worker said of itself, for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    pub(crate) place: String,
    pub(crate) doing: String,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) compute: Duration,
    pub(crate) waited: Duration,
    pub(crate) retries: Retries,
}

/// A change of membership that the shards must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    Enlist(WorkerId, SessionId),
    Retire(WorkerId),
    Release(SessionId),
    Close(WorkerId, SessionId),
    Settle(WorkerId),
}

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) admission: Admission,
    pub(crate) coordinator: Option<Coordinator>,
    pub(crate) notes: Vec<Note>,
    /// Parts that were refused before a shard saw them, by worker slot; the last entry is of those who
    /// have none.
    pub(crate) turned_away: Vec<PartTally>,
    pub(crate) released: Vec<Ticket>,
    pub(crate) follow: Vec<Follow>,
    pub(crate) history: History,
    /// Who waited for whom at the gate.
    pub(crate) waits: Waits,
    observers: BTreeMap<SessionId, Time>,
    /// Whether one of them has left after the end.
    observed: bool,
    /// The lives of servers 0, 1, … as those who registered here have met them.
    lives: Vec<Life>,
    /// Whether this process was told to stop.
    stopping: bool,
    /// How the job ended early, at a server that does not decide it.
    end: Option<End>,
    /// Whether it failed because its training diverged.
    diverged: bool,
    contacted: bool,
    /// Whether a worker has left with the word that the job is over.
    over_said: bool,
    on_worker_loss: OnWorkerLoss,
    started: Time,
    over_since: Option<Time>,
    /// When somebody last asked how things stand, and since when nothing is left to do here.
    looked: Option<Time>,
    finished_since: Option<Time>,
    /// Whether this server has returned from a checkpoint.
    has_returned: bool,
    /// The last session of each worker that was given up because it hung.
    hung: BTreeMap<WorkerId, SessionId>,
    /// Since when nobody is left, of whom the last fell silent, and what became of that one.
    silence: Option<(Time, String)>,
}

impl Desk {
    pub(crate) fn new(plan: &Plan, now: Time) -> Self {
        let workers = plan.training.workers;
        let coordinates = plan.server.0 == 0;
        Self {
            admission: Admission::new(
                plan.consistency,
                workers,
                plan.training.aggregation.backup_workers(),
            )
            .with_signs(Signs {
                heartbeat: plan.bounds.heartbeat,
                lease: plan.bounds.lease,
                iteration: plan.bounds.iteration,
            }),
            coordinator: coordinates.then(|| Coordinator::new(plan.coordinator.clone())),
            notes: vec![Note::default(); workers as usize],
            turned_away: vec![PartTally::default(); workers as usize + 1],
            released: Vec::new(),
            follow: Vec::new(),
            history: History::new(plan.bounds.history_events, now),
            waits: Waits::default(),
            observers: BTreeMap::new(),
            observed: false,
            lives: vec![],
            stopping: false,
            end: None,
            diverged: false,
            contacted: false,
            over_said: false,
            on_worker_loss: plan.on_worker_loss,
            started: now,
            over_since: None,
            looked: None,
            finished_since: None,
            has_returned: false,
            hung: BTreeMap::new(),
            silence: None,
        }
    }

    /// Compares the lives of the job's servers with those that others have met. One that was started
    /// anew holds fresh parameters among trained ones: the job has failed. Workers are believed that have its data; to
    /// others who have met another life it is only told.
    /// `own` is this server's place among them and its present life.
    pub(crate) fn meet(
        &mut self,
        now: Time,
        own: (ServerId, Life),
        register: &Register,
    ) -> Result<(), Refusal> {
        let lives = &register.lives;
        let is_believed = register.role == SessionRole::Worker && register.data.is_some();
        let mut met = self.lives.clone();
        met.extend(lives.iter().skip(met.len()));
        if let Some(life) = met.get_mut(own.0.0 as usize) {
            *life = own.1;
        }
        if let Some(server) = met.iter().zip(lives).position(|(met, life)| met != life) {
            let why = format!(
                "server {server} was started anew and has lost its parameters; end all processes of the job and \
                 start it again"
            );
            if !is_believed {
                return Err(Refusal::new(RefusalKind::Stopping, why));
            }
            self.break_off(now, &why);
            return self.judge_end();
        }
        if is_believed {
            self.lives = met;
        }
        Ok(())
    }

    /// Opens a session, or finds the open one again. On server 0 numbers are made, elsewhere they
    /// are brought along.
    pub(crate) fn open(
        &mut self,
        now: Time,
        register: &Register,
        sessions_max: u64,
    ) -> Result<(SessionId, WorkerId), Refusal> {
        if self.stopping {
            let (_, why) = self.phase();
            return Err(Refusal::new(RefusalKind::Stopping, why));
        }
        // Observers see how it ended.
        if register.role == SessionRole::Worker {
            self.judge_end()?;
        }
        let is_full = || {
            let known = register.session.is_some_and(|session| self.knows(session));
            !known && sessions_max <= self.living()
        };
        // Where there are places for all there is nothing to count: ten thousand workers come one by one.
        let places = self.admission.clocks().slots().len() + self.observers.len();
        if sessions_max <= places as u64 && is_full() {
            return Err(Refusal::new(
                RefusalKind::Overloaded,
                format!(
                    "{sessions_max} sessions are open, as many as [limits] sessions_max says; close \
                     one, or raise it"
                ),
            ));
        }
        let worker = match register.role {
            SessionRole::Observer => WorkerId(self.slots()),
            SessionRole::Worker => self.slot_for(register)?,
        };
        let session = self.number_for(register)?;
        match register.role {
            SessionRole::Observer => {
                self.observers.insert(session, now);
            }
            SessionRole::Worker => self.enter(now, (worker, session), register)?,
        }
        self.contacted = true;
        Ok((session, worker))
    }

    /// The number of a session. Server 0 makes them, and takes only those that it made; other servers are told, and
    /// take no number of an observer for a worker's: an observer could take the next worker's from it.
    fn number_for(&mut self, register: &Register) -> Result<SessionId, Refusal> {
        let observes = register.role == SessionRole::Observer;
        let Some(session) = register.session else {
            let coordinator = self.coordinator.as_mut().ok_or_else(not_the_coordinator)?;
            return Ok(coordinator.new_session(observes));
        };
        if session.is_of_observer() != observes {
            return Err(Refusal::invalid(format!(
                "session {session} is {}; register with the number that server 0 gave",
                if observes {
                    "a worker's"
                } else {
                    "an observer's"
                }
            )));
        }
        if self
            .coordinator
            .as_ref()
            .is_some_and(|coordinator| !coordinator.has_given(session))
        {
            return Err(Refusal::new(
                RefusalKind::UnknownSession,
                format!(
                    "session {session} was never opened here; register without a number: server 0 gives them"
                ),
            ));
        }
        Ok(session)
    }

    fn slot_for(&self, register: &Register) -> Result<WorkerId, Refusal> {
        let slots = self.admission.clocks().slots();
        match register.worker {
            Some(worker) if (worker.0 as usize) < slots.len() => {
                self.judge_return(worker, register)?;
                Ok(worker)
            }
            Some(worker) => Err(Refusal::invalid(format!(
                "worker {worker} asked for a slot, but the job has workers 0 to {}; raise [cluster] \
                 workers or ask for another slot",
                slots.len().saturating_sub(1)
            ))),
            None => (0_u32..)
                .zip(slots)
                .find(|(_, slot)| !matches!(slot.state, SlotState::Active | SlotState::Idle))
                .map(|(worker, _)| WorkerId(worker))
                .ok_or_else(|| {
                    Refusal::new(
                        RefusalKind::SlotsTaken,
                        format!(
                            "all {} worker slots of the job are taken; a lost worker's slot is free \
                             when its lease has run out, or at once with `--worker N`",
                            slots.len()
                        ),
                    )
                }),
        }
    }

    fn enter(
        &mut self,
        now: Time,
        (worker, session): (WorkerId, SessionId),
        register: &Register,
    ) -> Result<(), Refusal> {
        let place = &register.place;
        let slot = &self.admission.clocks().slots()[worker.0 as usize];
        if let Some(living) = slot.session
            && session < living
        {
            return Err(fenced(
                worker,
                session,
                "a later session has taken its slot",
            ));
        }
        if slot.session == Some(session) && slot.state == SlotState::Lost {
            return Err(fenced(worker, session, &slot.why));
        }
        if let Some(old) = slot.session
            && old != session
        {
            self.follow.push(Follow::Close(worker, old));
            if let Some(coordinator) = &mut self.coordinator {
                coordinator.lose(worker);
            }
        }
        let before = slot.session;
        self.silence = None;
        // Server 0 says where a clock starts; the others are told.
        let start = register.clock.filter(|_| self.coordinator.is_none());
        self.admission.enter(now, worker, session);
        let own = self.admission.start_of(worker);
        if let Some(start) = start.filter(|start| before != Some(session) && *start != own) {
            // Server 0 counts otherwise than this one did: it has returned.
            let released = self.admission.restart(now, worker, start);
            self.released.extend(released);
            self.tell_opened(now);
            self.follow.push(Follow::Settle(worker));
        }
        if before != Some(session) {
            let clock = self.admission.clocks().slots()[worker.0 as usize].clock;
            self.tell_joined(now, (worker, session), (clock, place), before);
        }
        self.follow.push(Follow::Enlist(worker, session));
        let note = &mut self.notes[worker.0 as usize];
        let retries = match before == Some(session) {
            true => note.retries,
            false => note.retries.with_new_session(),
        };
        *note = Note {
            place: kept(place),
            doing: "joined".to_owned(),
            retries,
            ..Note::default()
        };
        Ok(())
    }

    /// Whether a session is open here.
    fn knows(&self, session: SessionId) -> bool {
        let slots = self.admission.clocks().slots();
        self.observes(session) || slots.iter().any(|slot| slot.session == Some(session))
    }

    /// Sessions that are open: workers' and observers'.
    fn living(&self) -> u64 {
        let slots = self.admission.clocks().slots().iter();
        let present = |s: SlotState| matches!(s, SlotState::Active | SlotState::Idle);
        (slots.filter(|slot| present(slot.state)).count() + self.observers.len()) as u64
    }

    /// Judges who is speaking, and takes it as a sign of life.
    pub(crate) fn hear(
        &mut self,
        now: Time,
        worker: WorkerId,
        session: SessionId,
    ) -> Result<(), Refusal> {
        if let Some(seen) = self.observers.get_mut(&session) {
            *seen = now;
            return Ok(());
        }
        let slot = self.admission.clocks().slots().get(worker.0 as usize);
        let Some(slot) = slot.filter(|slot| slot.session.is_some()) else {
            return Err(unknown(worker, session));
        };
        match (slot.session, slot.state) {
            (Some(held), SlotState::Active | SlotState::Idle) if held == session => {
                self.admission.alive(now, worker, session);
                Ok(())
            }
            (Some(held), _) if held == session => Err(fenced(worker, session, &slot.why)),
            // Nobody has the number 0.
            (Some(held), _) if SessionId(0) < session && session < held => Err(fenced(
                worker,
                session,
                "a later session has taken its slot",
            )),
            _ => Err(unknown(worker, session)),
        }
    }

    /// Whether `session` observes.
    pub(crate) fn observes(&self, session: SessionId) -> bool {
        self.observers.contains_key(&session)
    }

    /// Observer sessions that are open.
    pub(crate) fn observers(&self) -> usize {
        self.observers.len()
    }

    /// A worker pushes or pulls: it is not idle. Says whether it was.
    pub(crate) fn active(&mut self, now: Time, worker: WorkerId, session: SessionId) -> bool {
        self.set_idle(now, worker, session, false)
    }

    pub(crate) fn next_range(&mut self, now: Time, asked: &NextRange) -> Result<Granted, Refusal> {
        self.judge_end()?;
        let coordinator = self.coordinator.as_mut().ok_or_else(not_the_coordinator)?;
        Ok(coordinator.next_range(now, asked))
    }

    /// Takes a worker's sign of life.
    ///
    /// # Errors
    /// A [`Refusal`] with the cause if the job has ended without being done.
    pub(crate) fn heartbeat(&mut self, now: Time, heartbeat: &Heartbeat) -> Result<(), Refusal> {
        let _ = self.set_idle(now, heartbeat.worker, heartbeat.session, heartbeat.idle);
        if let Some(note) = self.notes.get_mut(heartbeat.worker.0 as usize) {
            note.doing = kept(&heartbeat.doing);
            note.sent_bytes = heartbeat.sent_bytes;
            note.received_bytes = heartbeat.received_bytes;
            note.compute = heartbeat.compute;
            note.waited = heartbeat.waited;
            note.retries.hear(heartbeat.retries);
        }
        self.judge_end()
    }

    fn set_idle(&mut self, now: Time, worker: WorkerId, session: SessionId, idle: bool) -> bool {
        let slots = self.admission.clocks().slots();
        let Some(slot) = slots.get(worker.0 as usize) else {
            return false;
        };
        match (slot.state, idle) {
            (SlotState::Active, true) => self.follow.push(Follow::Retire(worker)),
            (SlotState::Idle, false) => self.follow.push(Follow::Enlist(worker, session)),
            _ => return false,
        }
        let released = self.admission.idle(now, worker, idle);
        self.released.extend(released);
        self.tell_opened(now);
        true
    }

    /// Ends the job as done once nothing is on loan; `why` says what was reached. A server that does not decide it
    /// believes that it is done.
    pub(crate) fn conclude(
        &mut self,
        now: Time,
        session: SessionId,
        why: &str,
    ) -> Result<(), Refusal> {
        if !self.observes(session) {
            return Err(Refusal::invalid(
                "only an observer may say that a job has reached its aim; register as one",
            ));
        }
        match &mut self.coordinator {
            Some(coordinator) => coordinator.conclude(now, &kept_reason(why)),
            None => self.over_said = true,
        }
        Ok(())
    }

    /// Rows of a stream have arrived; answers with the row below which all are used.
    pub(crate) fn offer(&mut self, now: Time, offer: Offer) -> Result<u64, Refusal> {
        if !self.observes(offer.session) {
            return Err(Refusal::invalid(
                "only an observer may offer rows of a stream; register as one",
            ));
        }
        let coordinator = self.coordinator.as_mut().ok_or_else(not_the_coordinator)?;
        coordinator
            .offer(now, offer.rows, offer.closed)
            .ok_or_else(|| {
                Refusal::invalid(
                    "rows of a stream were offered to a job whose data are no stream; its data set is \
                     known whole",
                )
            })
    }

    pub(crate) fn leave(&mut self, now: Time, worker: WorkerId, reason: LeaveReason, cause: &str) {
        match reason {
            LeaveReason::Done => {
                self.over_said = true;
                self.depart(now, worker, SlotState::Left, "left at the end of the job");
            }
            LeaveReason::Stopped if cause.is_empty() => {
                self.depart(now, worker, SlotState::Left, "was told to stop");
            }
            LeaveReason::Stopped => {
                self.give_up(now, worker, cause);
            }
            LeaveReason::Failed => {
                let why = format!("failed: {}", kept_reason(cause));
                self.lose(now, (worker, Loss::Sure), &why);
            }
            LeaveReason::Diverged | LeaveReason::JobFailed => {
                self.lose_all(now, worker, (reason, cause));
            }
        }
    }

    /// An observer has left. One that leaves after the end has read what it wanted.
    pub(crate) fn dismiss(&mut self, now: Time, session: SessionId) {
        self.observers.remove(&session);
        self.observed |= self.over_said || self.is_over(now);
    }

    /// Counts parts that no shard will see.
    pub(crate) fn turn_away(&mut self, worker: WorkerId, kind: RefusalKind, parts: u64) {
        let slot = (worker.0 as usize).min(self.notes.len());
        self.turned_away[slot].refuse(kind, parts);
    }

    /// Time passes: leases run out. Returns who was lost.
    pub(crate) fn tick(&mut self, now: Time, plan: &Plan) -> Vec<Lapse> {
        let bounds = plan.bounds;
        self.observers
            .retain(|_, seen| now.since(*seen) <= bounds.lease);
        let over = self.is_over(now);
        let lapsed = self.admission.lapsed(now, bounds.join);
        for lapse in &lapsed {
            if over && lapse.session.is_none() {
                self.depart(now, lapse.worker, SlotState::Left, "never joined");
            } else {
                let loss = match lapse.session.is_none() && self.silence.is_none() {
                    true => Loss::Sure,
                    false => Loss::Silent,
                };
                if lapse.hangs
                    && let Some(session) = lapse.session
                {
                    self.hung.insert(lapse.worker, session);
                }
                self.lose(now, (lapse.worker, loss), &lapse.why);
            }
        }
        self.end_silence(now, bounds.join);
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.tick(now);
        }
        lapsed
    }

    fn slots(&self) -> u32 {
        u32::try_from(self.notes.len()).expect("slots are counted in 32 bits")
    }
}

fn fenced(worker: WorkerId, session: SessionId, why: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Fenced,
        format!("session {session} of worker {worker} is over ({why}); register anew"),
    )
}

fn unknown(worker: WorkerId, session: SessionId) -> Refusal {
    Refusal::new(
        RefusalKind::UnknownSession,
        format!(
            "session {session} of worker {worker} is not known here: it was never opened, or this server has \
             returned from a checkpoint since; register with this server"
        ),
    )
}

fn not_the_coordinator() -> Refusal {
    Refusal::invalid(
        "this server is not server 0: open sessions and ask for data ranges at server 0, the first \
         address of --join",
    )
}
