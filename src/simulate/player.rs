//! One worker of a simulation: its loop, its machine and its links.

use std::fmt;
use std::time::Duration;

use thalweg_common::physics::Machine;
use thalweg_common::time::Time;
use thalweg_worker::worker::{ComputeTask, Worker};

use super::history::WorkerTimes;
use super::timings::Computing;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It comes later, or never will.
    Away,
    /// It trains.
    Here,
    /// It ended.
    Over,
}

/// A worker and what it takes.
pub(super) struct Player {
    pub(super) life: Life,
    /// `None` before it comes.
    pub(super) worker: Option<Worker>,
    machine: Machine,
    compute: Computing,
    /// The last time that it asked to be woken at.
    pub(super) wake: Option<Time>,
    came: Time,
    left: Time,
    computed: Duration,
    /// Since when it computes nothing.
    idle: Option<Time>,
    /// The last answer that a gate had held.
    held: Option<Held>,
}

/// A pull that stood at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Something of this worker opened the gate.
    pub(super) culprit: u32,
    pub(super) since: Time,
    pub(super) until: Time,
}

impl Player {
    /// A worker that has not come yet.
    pub(super) fn away(machine: Machine, compute: Computing) -> Self {
        Self {
            life: Life::Away,
            worker: None,
            machine,
            compute,
            wake: None,
            came: Time::ZERO,
            left: Time::ZERO,
            computed: Duration::ZERO,
            idle: None,
            held: None,
        }
    }

    /// The worker comes.
    pub(super) fn come(&mut self, now: Time, worker: Worker) {
        self.worker = Some(worker);
        self.life = Life::Here;
        (self.came, self.left) = (now, now);
        self.idle = Some(now);
    }

    /// The worker ends, in order or not.
    pub(super) fn end(&mut self, now: Time) {
        self.life = Life::Over;
        self.left = now;
    }

    /// How long the computation takes that begins now.
    pub(super) fn takes(&mut self, now: Time, task: &ComputeTask) -> Duration {
        let word = self.machine.word();
        let alone = task.pause + self.compute.next(word);
        let takes = self.machine.takes(now, alone);
        self.computed += takes;
        takes
    }

    /// An answer has come, which a gate may have held.
    pub(super) fn answered(&mut self, held: Option<Held>) {
        self.held = held.or(self.held);
    }

    /// A computation has ended.
    pub(super) fn computed(&mut self, now: Time) {
        self.idle = Some(now);
    }

    /// A computation begins: whom the worker waited for at a gate, and how much of the time in which it
    /// computed nothing.
    pub(super) fn waited(&mut self, now: Time) -> Option<(u32, Duration)> {
        let idle = self.idle.take()?;
        let held = self.held.take()?;
        let waited = held.until.min(now).since(held.since.max(idle));
        Some((held.culprit, waited))
    }

    /// How long it was there, and how long it computed.
    pub(super) fn times(&self, now: Time) -> WorkerTimes {
        if self.worker.is_none() {
            // One that turned back was never there.
            return WorkerTimes::default();
        }
        let until = match self.life {
            Life::Away | Life::Here => now,
            Life::Over => self.left,
        };
        let there = until.since(self.came);
        WorkerTimes {
            there,
            // What was begun before a kill did not end.
            computed: self.computed.min(there),
        }
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("life", &self.life)
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}
