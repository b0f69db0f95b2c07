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

    /// Sessions were here before this process: those that do not come back in the time to join are lost.
    pub fn expect(&mut self, now: Time) {
        self.clocks.expect(now);
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
    pub fn lapsed(&self, now: Time, join: Duration) -> Vec<Lapse> {
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
mod tests {
    use super::*;

    const NOW: Time = Time::ZERO;
    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);

    fn pair(consistency: Consistency) -> Admission {
        let mut admission = Admission::new(consistency, 2, 0);
        admission.enter(NOW, A, SessionId(1));
        admission.enter(NOW, B, SessionId(2));
        admission
    }

    fn parked(gate: &Gate) -> Ticket {
        match gate {
            Gate::Parked(ticket) => *ticket,
            Gate::Open => panic!("the gate is shut"),
        }
    }

    #[test]
    fn bulk_synchronous_workers_wait_for_each_other() {
        let mut gate = pair(Consistency::Bsp);
        assert_eq!(gate.ask(NOW, A, Clock(0)), Gate::Open);
        assert!(gate.advance(NOW, A, Clock(1)).is_empty());
        let ticket = parked(&gate.ask(NOW, A, Clock(1)));
        assert_eq!(gate.waits(NOW)[&A].on, vec![B]);
        assert_eq!(gate.advance(NOW, B, Clock(1)), vec![ticket]);
        assert_eq!(gate.give_up(NOW, ticket), None);
    }

    #[test]
    fn whoever_asks_ahead_waits_for_nobody_until_it_has_come_so_far_itself() {
        let later = |seconds| NOW + Duration::from_secs(seconds);
        let mut gate = pair(Consistency::Bsp);
        let tickets = [A, B].map(|worker| parked(&gate.ask(NOW, worker, Clock(1))));
        assert!(gate.waits(later(2)).is_empty(), "both compute");
        assert!(gate.advance(later(3), A, Clock(1)).is_empty());
        let waits = gate.waits(later(5));
        let wait = &waits[&A];
        assert_eq!(waits.len(), 1, "worker 1 is within its iteration");
        assert_eq!(wait.on, [B]);
        assert_eq!(wait.since, Duration::from_secs(2));
        assert_eq!(gate.advance(later(7), B, Clock(1)), tickets);
        let opened = |time| Opened {
            worker: A,
            floor: Clock(1),
            time: Duration::from_secs(time),
            last: B,
        };
        assert_eq!(
            gate.take_opened(),
            [opened(4)],
            "the last waited for nobody"
        );
        // The same where its patience ended before it had come so far.
        let ahead = parked(&gate.ask(later(8), A, Clock(2)));
        gate.give_up(later(9), ahead);
        gate.advance(later(10), A, Clock(2));
        parked(&gate.ask(later(11), A, Clock(2)));
        assert_eq!(gate.waits(later(12))[&A].since, Duration::from_secs(2));
    }

    #[test]
    fn the_waits_of_a_session_end_with_it() {
        let later = |seconds| NOW + Duration::from_secs(seconds);
        let mut gate = pair(Consistency::Bsp);
        gate.advance(NOW, A, Clock(1));
        let ticket = parked(&gate.ask(NOW, A, Clock(1)));
        gate.leave(later(5), A, SlotState::Lost, "lease expired");
        assert!(gate.waits(later(6)).is_empty());
        gate.enter(later(7), A, SessionId(3));
        assert!(gate.waits(later(8)).is_empty(), "another has asked that");
        assert_eq!(gate.advance(later(9), B, Clock(1)), [ticket]);
        assert_eq!(gate.take_opened(), []);
    }

    #[test]
    fn a_worker_that_is_not_waited_for_goes_through_below_the_clock_of_the_others_and_has_not_waited()
     {
        let later = |seconds| NOW + Duration::from_secs(seconds);
        let mut gate = Admission::new(Consistency::Bsp, 3, 1);
        let c = WorkerId(2);
        for (worker, session) in [(A, 1), (B, 2), (c, 3)] {
            gate.enter(NOW, worker, SessionId(session));
        }
        let ahead = parked(&gate.ask(NOW, c, Clock(1)));
        gate.advance(later(1), A, Clock(1));
        let ticket = parked(&gate.ask(later(1), A, Clock(1)));
        let waits = gate.waits(later(2));
        assert_eq!(waits.keys().collect::<Vec<_>>(), [&A]);
        let prefix = "all but 1 must reach clock 1: worker 1 ";
        assert!(waits[&A].why.starts_with(prefix), "{}", waits[&A].why);
        assert_eq!(gate.advance(later(3), B, Clock(1)), [ahead, ticket]);
        let wait = Opened {
            worker: A,
            floor: Clock(1),
            time: Duration::from_secs(2),
            last: B,
        };
        assert_eq!(gate.take_opened(), [wait]);
    }

    #[test]
    fn of_thousands_that_wait_for_thousands_the_first_are_named() {
        let mut gate = Admission::new(Consistency::Bsp, 2_000, 0);
        let half = (0..1_000).map(WorkerId);
        for worker in half.clone().chain((1_000..2_000).map(WorkerId)) {
            gate.enter(NOW, worker, SessionId(u64::from(worker.0)));
        }
        for worker in half {
            gate.advance(NOW, worker, Clock(1));
            parked(&gate.ask(NOW, worker, Clock(1)));
        }
        let waits = gate.waits(NOW);
        assert_eq!(waits.len(), 1_000);
        let wait = &waits[&WorkerId(999)];
        assert_eq!(wait.on.len(), HOLDERS_MAX);
        assert_eq!(wait.on[0], WorkerId(1_000));
        assert!(wait.why.ends_with("; and maybe others"), "{}", wait.why);
    }

    #[test]
    fn stale_synchronous_workers_run_ahead_by_the_lag() {
        let mut gate = pair(Consistency::Ssp { lag: 2 });
        gate.advance(NOW, A, Clock(2));
        assert_eq!(gate.ask(NOW, A, Clock(2)), Gate::Open);
        gate.advance(NOW, A, Clock(3));
        let ticket = parked(&gate.ask(NOW, A, Clock(3)));
        let (floor, holders) = gate.give_up(NOW, ticket).unwrap();
        assert_eq!(
            (floor, holders[0].worker, holders[0].clock),
            (Clock(1), B, Clock(0))
        );
    }

    #[test]
    fn a_round_without_the_slowest_goes_on_and_takes_the_straggler_along() {
        let mut gate = Admission::new(Consistency::Bsp, 3, 1);
        let c = WorkerId(2);
        for (worker, session) in [(A, 1), (B, 2), (c, 3)] {
            gate.enter(NOW, worker, SessionId(session));
        }
        gate.advance(NOW, A, Clock(1));
        let ticket = parked(&gate.ask(NOW, A, Clock(1)));
        assert_eq!(gate.advance(NOW, B, Clock(1)), vec![ticket]);
        for round in 2..=4 {
            gate.advance(NOW, A, Clock(round));
            gate.advance(NOW, B, Clock(round));
        }
        // The straggler's first push comes in round 4: it may begin that one at once, and is in it.
        gate.advance(NOW, c, Clock(1));
        assert_eq!(gate.clocks().slots()[2].clock, Clock(4));
        assert_eq!(gate.ask(NOW, c, Clock(1)), Gate::Open);
        gate.advance(NOW, c, Clock(2));
        let ticket = parked(&gate.ask(NOW, c, Clock(2)));
        assert_eq!(gate.advance(NOW, A, Clock(5)), vec![ticket]);
    }

    #[test]
    fn asynchronous_workers_never_wait() {
        let mut gate = Admission::new(Consistency::Asp, 2, 0);
        assert_eq!(gate.ask(NOW, A, Clock(1_000)), Gate::Open);
    }

    #[test]
    fn a_worker_that_has_not_joined_holds_the_gate_until_it_is_given_up() {
        let mut gate = Admission::new(Consistency::Bsp, 2, 0);
        gate.enter(NOW, A, SessionId(1));
        gate.advance(NOW, A, Clock(1));
        let ticket = parked(&gate.ask(NOW, A, Clock(1)));
        let later = NOW + Duration::from_secs(61);
        gate.alive(later, A, SessionId(1));
        let lapsed = gate.lapsed(later, Duration::from_secs(60));
        assert_eq!(lapsed.len(), 1);
        assert_eq!((lapsed[0].worker, lapsed[0].session), (B, None));
        assert_eq!(
            gate.leave(NOW, B, SlotState::Lost, "never joined"),
            vec![ticket]
        );
    }

    #[test]
    fn a_worker_that_lives_and_finishes_nothing_is_given_up_and_who_waits_for_it_is_not() {
        let join = Duration::from_secs(60);
        for consistency in [Consistency::Bsp, Consistency::Ssp { lag: 2 }] {
            let mut gate = pair(consistency).with_signs(Signs {
                iteration: Duration::from_secs(100),
                ..Signs::default()
            });
            gate.advance(NOW, A, Clock(3));
            let ticket = parked(&gate.ask(NOW, A, Clock(3)));
            let lapsed = |gate: &mut Admission, seconds| {
                let now = NOW + Duration::from_secs(seconds);
                gate.alive(now, A, SessionId(1));
                gate.alive(now, B, SessionId(2));
                gate.lapsed(now, join)
            };
            assert!(lapsed(&mut gate, 100).is_empty());
            // The time in which nobody could be heard counts for nobody.
            gate.slept(Duration::from_secs(50));
            assert!(lapsed(&mut gate, 150).is_empty());
            let [hung] = &lapsed(&mut gate, 151)[..] else {
                panic!("one hangs");
            };
            assert_eq!((hung.worker, hung.session), (B, Some(SessionId(2))));
            assert!(
                hung.why.starts_with("finished no iteration for 101.0 s"),
                "{}",
                hung.why
            );
            let released = gate.leave(NOW, B, SlotState::Lost, &hung.why);
            assert_eq!(released, vec![ticket]);
        }
    }

    #[test]
    fn whoever_waits_for_a_silent_worker_is_told_how_long_its_lease_still_runs() {
        let signs = |heartbeat, lease| Signs {
            heartbeat: Duration::from_millis(heartbeat),
            lease: Duration::from_millis(lease),
            ..Signs::default()
        };
        let mut gate = pair(Consistency::Bsp).with_signs(signs(500, 2_000));
        gate.advance(NOW, A, Clock(1));
        parked(&gate.ask(NOW, A, Clock(1)));
        let why = |gate: &Admission, millis| {
            let now = NOW + Duration::from_millis(millis);
            let wait = gate.waits(now).remove(&A).unwrap();
            let left = gate.clocks().lease_left(now, &gate.clocks().slots()[1]);
            (wait.why, left)
        };
        let prefix = "all must reach clock 1: worker 1 is at clock 0";
        let computes = format!("{prefix} (in an iteration for 1.0 s)");
        assert_eq!(why(&gate, 1_000), (computes, None));
        let silent = format!("{prefix} (not heard of for 1.4 s; its lease ends in 0.6 s)");
        let left = Duration::from_millis(600);
        assert_eq!(why(&gate, 1_400), (silent, Some(left)));
        // Where two signs of life are a whole lease, one and a half say something.
        let gate = gate.with_signs(signs(1_000, 2_000));
        assert_eq!(why(&gate, 1_500).1, None);
        assert_eq!(why(&gate, 1_600).1, Some(Duration::from_millis(400)));
    }

    #[test]
    fn a_lost_an_idle_and_a_late_worker_hold_nobody() {
        let mut gate = pair(Consistency::Bsp);
        gate.advance(NOW, A, Clock(5));
        let ticket = parked(&gate.ask(NOW, A, Clock(5)));
        assert_eq!(
            gate.leave(NOW, B, SlotState::Lost, "lease expired"),
            vec![ticket]
        );
        // B comes back with a clock of its own that starts at 0: the table lifts it to A's.
        gate.enter(NOW, B, SessionId(3));
        assert_eq!(gate.ask(NOW, A, Clock(5)), Gate::Open);
        assert_eq!(gate.ask(NOW, B, Clock(0)), Gate::Open);
        gate.advance(NOW, A, Clock(6));
        let ticket = parked(&gate.ask(NOW, A, Clock(6)));
        assert_eq!(gate.idle(NOW, B, true), vec![ticket]);
    }

    #[test]
    fn a_wait_is_told_when_it_ends_with_its_whole_length_and_who_came_last() {
        let later = |seconds| NOW + Duration::from_secs(seconds);
        let mut gate = pair(Consistency::Bsp);
        gate.advance(NOW, A, Clock(1));
        let wait = |floor, seconds, last| Opened {
            worker: A,
            floor: Clock(floor),
            time: Duration::from_secs(seconds),
            last,
        };
        let ticket = parked(&gate.ask(NOW, A, Clock(1)));
        gate.give_up(later(5), ticket);
        parked(&gate.ask(later(6), A, Clock(1)));
        let waits = gate.waits(later(7)).remove(&A).unwrap();
        assert_eq!(waits.since, Duration::from_secs(7), "it was asked again");
        gate.advance(later(8), B, Clock(1));
        assert_eq!(gate.take_opened(), [wait(1, 8, B)]);
        // The gate opens between two askings.
        gate.advance(later(9), A, Clock(2));
        let ticket = parked(&gate.ask(later(10), A, Clock(2)));
        gate.give_up(later(15), ticket);
        gate.advance(later(16), B, Clock(2));
        assert_eq!(gate.take_opened(), [wait(2, 6, B)]);
        assert_eq!(gate.ask(later(17), A, Clock(2)), Gate::Open);
        // Another question is another wait, and one that ended with its worker is told of no other.
        gate.advance(later(17), A, Clock(4));
        let ticket = parked(&gate.ask(later(18), A, Clock(3)));
        gate.give_up(later(19), ticket);
        parked(&gate.ask(later(20), A, Clock(4)));
        gate.leave(later(21), B, SlotState::Lost, "lease expired");
        assert_eq!(gate.take_opened(), [wait(3, 3, B), wait(4, 1, B)]);
        gate.enter(later(22), B, SessionId(3));
        gate.advance(later(22), A, Clock(5));
        let ticket = parked(&gate.ask(later(23), A, Clock(5)));
        gate.give_up(later(24), ticket);
        gate.leave(later(25), A, SlotState::Left, "left");
        assert_eq!(gate.take_opened(), []);
    }
}
