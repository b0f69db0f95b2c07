//! The clock table: how far each worker slot is, whether it counts, and when it last gave a sign.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{Holder, WorkerState};
use thalweg_common::time::Time;

/// What a slot is to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Expected, not here yet. Counts.
    Absent,
    /// Held by a session. Counts.
    Active,
    /// Held by a session that has no data to work on. Does not count.
    Idle,
    /// Left in order. Does not count.
    Left,
    /// Lease expired or failed. Does not count.
    Lost,
}

impl SlotState {
    /// Whether the gate waits for such a slot.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Absent | Self::Active)
    }

    /// The state as a status page shows it.
    #[must_use]
    pub fn shown(self) -> WorkerState {
        match self {
            Self::Absent => WorkerState::Absent,
            Self::Active | Self::Idle => WorkerState::Active,
            Self::Left => WorkerState::Left,
            Self::Lost => WorkerState::Lost,
        }
    }
}

/// One worker slot.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What it is to the gate.
    pub state: SlotState,
    /// The session that holds or held it.
    pub session: Option<SessionId>,
    /// Iterations finished, on this table's scale.
    pub clock: Clock,
    /// When the clock last moved.
    pub moved: Time,
    /// The last sign of life.
    pub seen: Time,
    /// Why it was lost.
    pub why: String,
    /// Added to the session's own clock to get this table's: a late worker counts from 0 itself.
    lift: u64,
}

impl Slot {
    /// Whether a session holds it.
    fn is_held(&self) -> bool {
        matches!(self.state, SlotState::Active | SlotState::Idle)
    }
}

/// What is heard of a session that lives.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// Silence after which it is lost.
    pub lease: Duration,
    /// Time in one iteration after which the slowest is lost, though it lives.
    pub iteration: Duration,
}

impl Signs {
    /// Silence that says something: two signs of life are missing, or the lease is nearly over.
    fn notable(self) -> Duration {
        let two = self.heartbeat.saturating_mul(2);
        two.min(self.heartbeat.saturating_add(self.lease) / 2)
    }
}

impl Default for Signs {
    /// Those of a job that says nothing of it.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            iteration: Duration::from_secs(3600),
        }
    }
}

/// The clocks of all worker slots.
#[derive(Clone, Debug)]
pub struct Clocks {
    slots: Vec<Slot>,
    /// The clocks of slots that count, with how many stand at each: of ten thousand workers nobody looks at
    /// all for each push.
    counting: BTreeMap<Clock, usize>,
    /// So many of the slowest are not waited for.
    backup_workers: usize,
    first_entry: Option<Time>,
    /// The floor at the last look, and since when it was the same.
    floor_seen: (Option<Clock>, Time),
    pub(super) signs: Signs,
}

impl Clocks {
    /// `workers` absent slots at clock 0, of which the slowest `backup_workers` are not waited for.
    #[must_use]
    pub fn new(workers: u32, backup_workers: u32) -> Self {
        let slot = Slot {
            state: SlotState::Absent,
            session: None,
            clock: Clock(0),
            moved: Time::ZERO,
            seen: Time::ZERO,
            why: String::new(),
            lift: 0,
        };
        let counting = [(Clock(0), workers as usize)];
        Self {
            slots: vec![slot; workers as usize],
            counting: counting.into_iter().filter(|(_, n)| 0 < *n).collect(),
            backup_workers: backup_workers as usize,
            first_entry: None,
            floor_seen: (None, Time::ZERO),
            signs: Signs::default(),
        }
    }

    /// The slots, by worker.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The least clock among slots that count and are waited for; `None` if none counts.
    #[must_use]
    pub fn floor(&self) -> Option<Clock> {
        let all: usize = match self.backup_workers {
            0 => 1,
            _ => self.counting.values().sum(),
        };
        let mut left = self.backup_workers.min(all.saturating_sub(1));
        self.counting.iter().find_map(|(clock, slots)| {
            if left < *slots {
                return Some(*clock);
            }
            left -= slots;
            None
        })
    }

    /// Changes a slot and what counts with it; nothing if there is no such slot.
    fn change(&mut self, worker: WorkerId, change: impl FnOnce(&mut Slot)) {
        let Some(slot) = self.slots.get_mut(worker.0 as usize) else {
            return;
        };
        let before = slot.state.counts().then_some(slot.clock);
        change(slot);
        let after = slot.state.counts().then_some(slot.clock);
        if before == after {
            return;
        }
        if let Some(clock) = before
            && let Some(slots) = self.counting.get_mut(&clock)
        {
            *slots -= 1;
            if *slots == 0 {
                self.counting.remove(&clock);
            }
        }
        if let Some(clock) = after {
            *self.counting.entry(clock).or_default() += 1;
        }
    }

    /// A session's own clock on this table's scale.
    #[must_use]
    pub fn effective(&self, worker: WorkerId, own: Clock) -> Clock {
        self.slots
            .get(worker.0 as usize)
            .map_or(own, |slot| own.plus(slot.lift))
    }

    /// How many of the slowest are not waited for.
    pub(super) fn backup_workers(&self) -> usize {
        self.backup_workers
    }

    /// The session that holds a slot, or held it last.
    pub(super) fn session(&self, worker: WorkerId) -> Option<SessionId> {
        self.slots.get(worker.0 as usize)?.session
    }

    /// The slot of a worker, if this session holds it.
    pub(super) fn held_by(&self, worker: WorkerId, session: Option<SessionId>) -> Option<&Slot> {
        let slot = self.slots.get(worker.0 as usize)?;
        (slot.is_held() && slot.session == session).then_some(slot)
    }

    /// Who has not reached `floor`: the first of them, at most `HOLDERS_MAX`.
    #[must_use]
    pub fn holders(&self, now: Time, floor: Clock) -> Vec<Holder> {
        (0_u32..)
            .map(WorkerId)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.state.counts() && slot.clock < floor)
            .map(|(worker, slot)| Holder {
                worker,
                clock: slot.clock,
                since: now.since(slot.moved),
                why: self.describe(now, slot),
            })
            .take(HOLDERS_MAX)
            .collect()
    }

    /// How long the lease of a slot still runs that has been silent for longer than a session that lives is.
    #[must_use]
    pub fn lease_left(&self, now: Time, slot: &Slot) -> Option<Duration> {
        let silent = now.since(slot.seen);
        let is_notable = slot.is_held() && self.signs.notable() < silent;
        is_notable.then(|| self.signs.lease.saturating_sub(silent))
    }

    /// Why a slot that others wait for has not come as far as they.
    fn describe(&self, now: Time, slot: &Slot) -> String {
        let seconds = |time: Duration| time.as_secs_f64();
        match (slot.state, self.lease_left(now, slot)) {
            (SlotState::Absent, _) => "has not joined".to_owned(),
            (_, Some(left)) => format!(
                "not heard of for {:.1} s; its lease ends in {:.1} s",
                seconds(now.since(slot.seen)),
                seconds(left)
            ),
            (_, None) => format!(
                "in an iteration for {:.1} s",
                seconds(now.since(slot.moved))
            ),
        }
    }

    pub(super) fn enter(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        self.first_entry.get_or_insert(now);
        let is_taken_again = self
            .slots
            .get(worker.0 as usize)
            .is_some_and(|slot| slot.state != SlotState::Absent);
        let lifted = is_taken_again.then(|| self.others_floor(worker)).flatten();
        self.change(worker, |slot| {
            if slot.session == Some(session) && slot.state != SlotState::Lost {
                slot.seen = now;
                return;
            }
            // The gate has held everybody for an absent slot; a freed one lets the others run on.
            slot.lift = match slot.state {
                SlotState::Absent => 0,
                _ => lifted.map_or(slot.clock.0, |floor| floor.0.max(slot.clock.0)),
            };
            slot.clock = Clock(slot.lift);
            slot.session = Some(session);
            slot.state = SlotState::Active;
            (slot.moved, slot.seen) = (now, now);
            slot.why.clear();
        });
    }

    /// The clock of a session that has finished nothing.
    pub(super) fn start_of(&self, worker: WorkerId) -> Clock {
        self.effective(worker, Clock(0))
    }

    /// Lets the clock of a session that has finished nothing start elsewhere.
    pub(super) fn restart(&mut self, now: Time, worker: WorkerId, start: Clock) {
        self.change(worker, |slot| {
            (slot.lift, slot.clock, slot.moved) = (start.0, start, now);
        });
    }

    pub(super) fn alive(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        if let Some(slot) = self.slots.get_mut(worker.0 as usize)
            && slot.session == Some(session)
        {
            slot.seen = now;
        }
    }

    pub(super) fn idle(&mut self, now: Time, worker: WorkerId, idle: bool) {
        let Some(slot) = self.slots.get(worker.0 as usize) else {
            return;
        };
        match (slot.state, idle) {
            (SlotState::Active, true) => {
                self.change(worker, |slot| slot.state = SlotState::Idle);
            }
            (SlotState::Idle, false) => {
                let others = self.others_floor(worker);
                self.change(worker, |slot| {
                    let behind = others.map_or(0, |floor| floor.0.saturating_sub(slot.clock.0));
                    slot.lift += behind;
                    slot.clock = slot.clock.plus(behind);
                    slot.state = SlotState::Active;
                    slot.moved = now;
                });
            }
            _ => {}
        }
    }

    pub(super) fn advance(&mut self, now: Time, worker: WorkerId, own: Clock) {
        let clock = self.effective(worker, own);
        self.change(worker, |slot| {
            if slot.clock < clock {
                slot.clock = clock;
                slot.moved = now;
            }
        });
        // The round of a worker that was not waited for is over: it goes on with the open one.
        if let Some(floor) = self.floor() {
            self.change(worker, |slot| {
                if slot.clock < floor {
                    slot.lift += floor.0 - slot.clock.0;
                    slot.clock = floor;
                    slot.moved = now;
                }
            });
        }
    }

    pub(super) fn leave(&mut self, worker: WorkerId, state: SlotState, why: &str) {
        self.change(worker, |slot| {
            slot.state = state;
            slot.why = why.to_owned();
        });
    }

    /// Everybody was last seen so much later than it seemed.
    pub(super) fn slept(&mut self, time: Duration) {
        for slot in &mut self.slots {
            (slot.seen, slot.moved) = (slot.seen + time, slot.moved + time);
        }
        self.floor_seen.1 = self.floor_seen.1 + time;
    }

    /// Whose lease has run out, who hangs, or who did not come in the time to join.
    pub(super) fn lapsed(&mut self, now: Time, join: Duration) -> Vec<super::Lapse> {
        let Signs {
            lease, iteration, ..
        } = self.signs;
        let floor = self.floor();
        if self.floor_seen.0 != floor {
            self.floor_seen = (floor, now);
        }
        // Whoever has come further waits for others, and has its time from when the last of them has come as far.
        let (_, since) = self.floor_seen;
        let hangs = |slot: &Slot| {
            let is_slowest = floor.is_some_and(|floor| slot.clock <= floor);
            let is_heard = now.since(slot.seen) <= self.signs.notable();
            is_slowest && is_heard && now.since(slot.moved.max(since)) > iteration
        };
        let joined_too_late = self
            .first_entry
            .is_some_and(|first| now.since(first) > join);
        (0_u32..)
            .map(WorkerId)
            .zip(&self.slots)
            .filter_map(|(worker, slot)| {
                let why = match slot.state {
                    SlotState::Active | SlotState::Idle if now.since(slot.seen) > lease => format!(
                        "gave no sign of life for {:.1} s (the lease is {:.1} s)",
                        now.since(slot.seen).as_secs_f64(),
                        lease.as_secs_f64()
                    ),
                    SlotState::Active if hangs(slot) => format!(
                        "finished no iteration for {:.1} s, though it gave signs of life (limits.iteration_seconds is \
                         {:.1} s)",
                        now.since(slot.moved).as_secs_f64(),
                        iteration.as_secs_f64()
                    ),
                    SlotState::Absent if joined_too_late => format!(
                        "did not join within {:.1} s of the first",
                        join.as_secs_f64()
                    ),
                    _ => return None,
                };
                Some(super::Lapse {
                    worker,
                    session: slot.session,
                    hangs: slot.state == SlotState::Active && now.since(slot.seen) <= lease,
                    why,
                })
            })
            .collect()
    }

    fn others_floor(&self, worker: WorkerId) -> Option<Clock> {
        (0_u32..)
            .zip(&self.slots)
            .filter(|(other, slot)| *other != worker.0 && slot.state == SlotState::Active)
            .map(|(_, slot)| slot.clock)
            .min()
    }
}

/// Of all holders of a gate so many are told of: thousands of workers that wait for thousands are no answer that
/// anybody reads, and would take longer to write than to wait for.
pub(super) const HOLDERS_MAX: usize = 64;
