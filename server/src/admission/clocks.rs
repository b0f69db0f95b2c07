//! The clock table: how far each worker slot is, whether it counts, and when it last gave a sign.

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

/// The clocks of all worker slots.
#[derive(Clone, Debug)]
pub struct Clocks {
    slots: Vec<Slot>,
    /// So many of the slowest are not waited for.
    backup_workers: usize,
    first_entry: Option<Time>,
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
        Self {
            slots: vec![slot; workers as usize],
            backup_workers: backup_workers as usize,
            first_entry: None,
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
        let counting = self.slots.iter().filter(|slot| slot.state.counts());
        let counting = counting.map(|slot| slot.clock);
        if self.backup_workers == 0 {
            return counting.min();
        }
        let mut clocks: Vec<Clock> = counting.collect();
        clocks.sort_unstable();
        let place = self.backup_workers.min(clocks.len().saturating_sub(1));
        clocks.get(place).copied()
    }

    /// A session's own clock on this table's scale.
    #[must_use]
    pub fn effective(&self, worker: WorkerId, own: Clock) -> Clock {
        self.slots
            .get(worker.0 as usize)
            .map_or(own, |slot| own.plus(slot.lift))
    }

    /// Who has not reached `floor`.
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
                why: describe(now, slot),
            })
            .collect()
    }

    pub(super) fn enter(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        self.first_entry.get_or_insert(now);
        let lifted = self.others_floor(worker);
        let Some(slot) = self.slots.get_mut(worker.0 as usize) else {
            return;
        };
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
    }

    pub(super) fn alive(&mut self, now: Time, worker: WorkerId, session: SessionId) {
        if let Some(slot) = self.slots.get_mut(worker.0 as usize)
            && slot.session == Some(session)
        {
            slot.seen = now;
        }
    }

    pub(super) fn idle(&mut self, now: Time, worker: WorkerId, idle: bool) {
        let others = self.others_floor(worker);
        let Some(slot) = self.slots.get_mut(worker.0 as usize) else {
            return;
        };
        match (slot.state, idle) {
            (SlotState::Active, true) => slot.state = SlotState::Idle,
            (SlotState::Idle, false) => {
                let behind = others.map_or(0, |floor| floor.0.saturating_sub(slot.clock.0));
                slot.lift += behind;
                slot.clock = slot.clock.plus(behind);
                slot.state = SlotState::Active;
                slot.moved = now;
            }
            _ => {}
        }
    }

    pub(super) fn advance(&mut self, now: Time, worker: WorkerId, own: Clock) {
        let clock = self.effective(worker, own);
        if let Some(slot) = self.slots.get_mut(worker.0 as usize)
            && slot.clock < clock
        {
            slot.clock = clock;
            slot.moved = now;
        }
        // The round of a worker that was not waited for is over: it goes on with the open one.
        if let Some(floor) = self.floor()
            && let Some(slot) = self.slots.get_mut(worker.0 as usize)
            && slot.clock < floor
        {
            slot.lift += floor.0 - slot.clock.0;
            slot.clock = floor;
        }
    }

    pub(super) fn leave(&mut self, worker: WorkerId, state: SlotState, why: &str) {
        if let Some(slot) = self.slots.get_mut(worker.0 as usize) {
            slot.state = state;
            slot.why = why.to_owned();
        }
    }

    pub(super) fn lapsed(&self, now: Time, lease: Duration, join: Duration) -> Vec<super::Lapse> {
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
                    SlotState::Absent if joined_too_late => format!(
                        "did not join within {:.1} s of the first",
                        join.as_secs_f64()
                    ),
                    _ => return None,
                };
                Some(super::Lapse {
                    worker,
                    session: slot.session,
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

/// Silence after which a holder is described by it.
const NOTABLE_SILENCE: Duration = Duration::from_secs(2);

fn describe(now: Time, slot: &Slot) -> String {
    let silent = now.since(slot.seen);
    match slot.state {
        SlotState::Absent => "has not joined".to_owned(),
        _ if silent > NOTABLE_SILENCE => format!("silent for {:.1} s", silent.as_secs_f64()),
        _ => format!(
            "in an iteration for {:.1} s",
            now.since(slot.moved).as_secs_f64()
        ),
    }
}
