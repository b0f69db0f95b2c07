//! Station 2: may it proceed? The clock table, the gate and the leases of one server.
//!
//! Comes after ingress, before the shards. One rule covers bulk-synchronous, stale-synchronous and
//! asynchronous training: iteration `c` may start iff every worker that counts has reached clock
//! `c − lag`. A worker counts from the start of the job until it leaves, is lost, or is idle for
//! want of data. Decisions are pure: `now` comes in, released tickets go out.
//!
//! A worker may ask for an iteration while it still computes the one before: it waits for others only once it
//! has itself reached the clock that it asks of all.

mod clocks;

#[cfg(test)]
mod schedules;

use clocks::HOLDERS_MAX;
pub use clocks::{Clocks, Signs, Slot, SlotState};

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::consistency::Consistency;
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{Holder, Wait};
use thalweg_common::time::Time;

/// The name of a parked pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The answer of the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Go on.
    Open,
    /// Wait; the ticket is released when the gate opens.
    Parked(Ticket),
}

/// A worker whose lease ran out or that never came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// The worker.
    pub worker: WorkerId,
    /// Its session, unless it never came.
    pub session: Option<SessionId>,
    /// Whether it lives and does not go on.
    pub hangs: bool,
    /// What happened, in words that go on where the worker was named.
    pub why: String,
}

/// A wait at the gate that has ended because the gate opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who waited.
    pub worker: WorkerId,
    /// The clock that all had to reach.
    pub floor: Clock,
    /// How long, over all the times that it asked, since it had reached `floor` itself; more than nothing.
    pub time: Duration,
    /// Whose clock, or whose leaving, opened the gate: another worker.
    pub last: WorkerId,
}

#[derive(Clone, Copy, Debug)]
struct Parked {
    worker: WorkerId,
    /// Who asked. Whoever takes the slot after it has questions of its own.
    session: Option<SessionId>,
    floor: Clock,
    /// Since when the worker waits for others: it has asked, and has reached `floor` itself. `None` while it is
    /// on its way there and has asked ahead.
    began: Option<Time>,
}

impl Parked {
    /// The worker waits from now on, if it has come to where the others must come.
    fn begin(&mut self, now: Time, clocks: &Clocks) {
        let slot = clocks.held_by(self.worker, self.session);
        if slot.is_some_and(|slot| self.floor <= slot.clock) {
            self.began.get_or_insert(now);
        }
    }

    /// How long the worker has waited for others; `None` if it does not, or is no longer there. While its clock
    /// still moves it works: where a lag lets it, it may ask far ahead.
    fn waited(&self, now: Time, clocks: &Clocks) -> Option<Duration> {
        let slot = clocks.held_by(self.worker, self.session)?;
        self.began.map(|began| now.since(began.max(slot.moved)))
    }
}

/// Clock table, gate and leases of one server.
#[derive(Debug)]
pub struct Admission {
    consistency: Consistency,
    clocks: Clocks,
    parked: BTreeMap<Ticket, Parked>,
    /// The last question of each worker that was taken back: it is about to be asked again, and the wait
    /// goes on.
    taken_back: BTreeMap<WorkerId, Parked>,
    opened: Vec<Opened>,
    next_ticket: u64,
}

impl Admission {
    /// A table for `workers` slots, none of them taken, all at clock 0; the gate does not wait for the
    /// slowest `backup_workers` of them.
    #[must_use]
    pub fn new(consistency: Consistency, workers: u32, backup_workers: u32) -> Self {
        Self {
            consistency,
            clocks: Clocks::new(workers, backup_workers),
            parked: BTreeMap::new(),
            taken_back: BTreeMap::new(),
            opened: Vec::new(),
            next_ticket: 0,
        }
    }

    /// The same, where sessions give other signs of life than usual.
    #[must_use]
    pub fn with_signs(mut self, signs: Signs) -> Self {
        self.clocks.signs = signs;
        self
    }

    /// The clock table.
    #[must_use]
    pub fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// May `worker` read for `iteration`? Parks the question if not.
    pub fn ask(&mut self, now: Time, worker: WorkerId, iteration: Clock) -> Gate {
        let Some(floor) = self
            .consistency
            .floor(self.clocks.effective(worker, iteration))
        else {
            return Gate::Open;
        };
        if self.clocks.floor().is_none_or(|least| floor <= least) {
            return Gate::Open;
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        let is_the_same = |_: &WorkerId, before: &mut Parked| before.floor == floor;
        let before = self
            .taken_back
            .extract_if(worker..=worker, is_the_same)
            .next();
        let mut parked = before.map(|(_, parked)| parked).unwrap_or_else(|| Parked {
            worker,
            session: self.clocks.session(worker),
            floor,
            began: None,
        });
        parked.begin(now, &self.clocks);
        self.parked.insert(ticket, parked);
        Gate::Parked(ticket)
    }

    /// Takes a question back (its patience ended, or its connection did) and says whom it waited
    /// for. `None` if it was released already.
    pub fn give_up(&mut self, now: Time, ticket: Ticket) -> Option<(Clock, Vec<Holder>)> {
        let parked = self.parked.remove(&ticket)?;
        self.taken_back.insert(parked.worker, parked);
        Some((parked.floor, self.clocks.holders(now, parked.floor)))
    }

    /// A session takes a slot. Its clock starts at the least that counts, so that a late or
    /// restarted worker neither holds nor passes the gate.
    pub fn enter(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        self.clocks.enter(now, worker, session);
        self.taken_back.remove(&worker);
    }

    /// Lets the clock of a session that has finished nothing start elsewhere. Returns the tickets that
    /// this releases.
    pub fn restart(&mut self, now: Time, worker: WorkerId, start: Clock) -> Vec<Ticket> {
        self.clocks.restart(now, worker, start);
        self.release(now, worker)
    }

    /// The clock of a slot's session when it had finished nothing.
    #[must_use]
    pub fn start_of(&self, worker: WorkerId) -> Clock {
        self.clocks.start_of(worker)
    }

    /// A sign of life of a session.
    pub fn alive(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        self.clocks.alive(now, worker, session);
    }

    /// A worker says whether it is idle. Returns the tickets that this releases.
    pub fn idle(&mut self, now: Time, worker: WorkerId, idle: bool) -> Vec<Ticket> {
        self.clocks.idle(now, worker, idle);
        self.release(now, worker)
    }

    /// A worker has finished `clock` iterations and their parts are applied here, or came too late
    /// for their round: then it goes on with the round that is open. Returns the tickets that this
    /// releases.
    pub fn advance(&mut self, now: Time, worker: WorkerId, clock: Clock) -> Vec<Ticket> {
        self.clocks.advance(now, worker, clock);
        self.release(now, worker)
    }

    /// A slot no longer counts. Returns the tickets that this releases.
    pub fn leave(
        &mut self,
        now: Time,
        worker: WorkerId,
        state: SlotState,
        why: &str,
    ) -> Vec<Ticket> {
        self.clocks.leave(worker, state, why);
        self.taken_back.remove(&worker);
        self.release(now, worker)
    }

    /// The waits that have ended since the last call, in the order in which they were begun.
    pub fn take_opened(&mut self) -> Vec<Opened> {
        std::mem::take(&mut self.opened)
    }

    /// The workers that were silent for longer than their lease, those that hang, and, if the oldest session is
    /// older than `join`, those that never came.
    #[must_use]
    pub fn lapsed(&mut self, now: Time, join: Duration) -> Vec<Lapse> {
        self.clocks.lapsed(now, join)
    }

    /// Nobody could be heard for so long: all leases are that much longer, once.
    pub fn slept(&mut self, time: Duration) {
        self.clocks.slept(time);
    }

    /// The waits that workers are in, of each the longest if there are several. Whoever has asked ahead and
    /// still computes waits for nobody.
    #[must_use]
    pub fn waits(&self, now: Time) -> BTreeMap<WorkerId, Wait> {
        let mut longest: BTreeMap<WorkerId, (Duration, Clock)> = BTreeMap::new();
        for parked in self.parked.values() {
            let Some(since) = parked.waited(now, &self.clocks) else {
                continue;
            };
            let kept = longest
                .entry(parked.worker)
                .or_insert((since, parked.floor));
            if kept.0 < since {
                *kept = (since, parked.floor);
            }
        }
        // Many wait for few clocks.
        let mut holders: BTreeMap<Clock, Vec<Holder>> = BTreeMap::new();
        let waits = longest.into_iter().map(|(worker, (since, floor))| {
            let holders = holders
                .entry(floor)
                .or_insert_with(|| self.clocks.holders(now, floor));
            let wait = Wait {
                on: holders.iter().map(|holder| holder.worker).collect(),
                since,
                why: self.why(floor, holders),
            };
            (worker, wait)
        });
        waits.collect()
    }

    /// Why a gate is shut until all have reached `floor`, in words.
    fn why(&self, floor: Clock, holders: &[Holder]) -> String {
        let said = |h: &Holder| format!("worker {} is at clock {} ({})", h.worker, h.clock, h.why);
        let mut words: Vec<_> = holders.iter().map(said).collect();
        if holders.len() == HOLDERS_MAX {
            words.push("and maybe others".to_owned());
        }
        let who = match self.clocks.backup_workers() {
            0 => "all".to_owned(),
            spared => format!("all but {spared}"),
        };
        format!("{who} must reach clock {floor}: {}", words.join("; "))
    }

    /// Lets go whoever waits for nobody any more, because of `last`, whose own waits begin where it has come to
    /// the clock that it asked of all.
    fn release(&mut self, now: Time, last: WorkerId) -> Vec<Ticket> {
        let least = self.clocks.floor();
        let clocks = &self.clocks;
        let open = |parked: &Parked| least.is_none_or(|least| parked.floor <= least);
        let end = |parked: &Parked| {
            let time = parked.waited(now, clocks).filter(|time| !time.is_zero());
            time.map(|time| Opened {
                worker: parked.worker,
                floor: parked.floor,
                time,
                last,
            })
        };
        let between_two_askings = self.taken_back.extract_if(.., |_, parked| open(parked));
        let opened = between_two_askings.filter_map(|(_, parked)| end(&parked));
        self.opened.extend(opened);
        if let Some(taken_back) = self.taken_back.get_mut(&last) {
            taken_back.begin(now, clocks);
        }
        let mut released = Vec::new();
        for (ticket, parked) in &mut self.parked {
            if open(parked) {
                released.push(*ticket);
                self.opened.extend(end(parked));
            } else if parked.worker == last {
                parked.begin(now, clocks);
            }
        }
        for ticket in &released {
            self.parked.remove(ticket);
        }
        released
    }
}

#[cfg(test)]
mod tests;
