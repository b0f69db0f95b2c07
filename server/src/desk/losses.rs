//! Workers that are gone: said so, or not heard of.

use std::time::Duration;

use thalweg_common::ids::WorkerId;
use thalweg_common::message::LeaveReason;
use thalweg_common::time::Time;

use super::ending::End;
use super::{Desk, Follow};
use crate::admission::SlotState;
use crate::history::kept_reason;
use crate::plan::OnWorkerLoss;

/// How sure it is that a worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// It was said, or it never came.
    Sure,
    /// Nothing was heard of it: it, or this server, may have been cut off or paused.
    Silent,
}

impl Desk {
    /// Leases, and the wait for workers that are all silent, go on from where they were so long ago.
    pub(crate) fn slept(&mut self, time: Duration) {
        self.admission.slept(time);
        for seen in self.observers.values_mut() {
            *seen = *seen + time;
        }
        if let Some((since, _)) = &mut self.silence {
            *since = *since + time;
        }
    }

    /// `why` goes on where a worker was named: "failed: …".
    pub(super) fn lose(&mut self, now: Time, (worker, loss): (WorkerId, Loss), why: &str) {
        self.depart(now, worker, SlotState::Lost, why);
        let counts = |s: SlotState| s.counts() || s == SlotState::Idle;
        let survivors = self
            .admission
            .clocks()
            .slots()
            .iter()
            .filter(|slot| counts(slot.state))
            .count();
        let cause = format!("worker {worker} {why}");
        let held = |s: SlotState| matches!(s, SlotState::Active | SlotState::Idle);
        let slots = self.admission.clocks().slots();
        let nobody_is_here = !slots.iter().any(|slot| held(slot.state));
        if nobody_is_here && (self.on_worker_loss, loss) == (OnWorkerLoss::Continue, Loss::Silent) {
            // Others may take its place, or it comes back itself.
            self.silence.get_or_insert((now, cause));
            return;
        }
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        match self.on_worker_loss {
            _ if survivors == 0 => {
                coordinator.fail(now, &format!("{cause}; it was the last worker"));
            }
            OnWorkerLoss::Stop => coordinator.fail(now, &cause),
            OnWorkerLoss::Continue => {}
        }
    }

    /// A worker goes because of what a server does or does not: it stops, or does not answer. Whoever starts both again
    /// goes on with the job, also where a worker may not be lost.
    pub(super) fn give_up(&mut self, now: Time, worker: WorkerId, cause: &str) {
        let why = format!("left: {}", kept_reason(cause));
        self.depart(now, worker, SlotState::Left, &why);
        if self.on_worker_loss == OnWorkerLoss::Stop && self.coordinator.is_some() {
            self.break_off(now, &format!("worker {worker} {why}"));
        }
    }

    /// A worker says that the job has failed for all: for it to go on, parameters, settings or data would have to be
    /// others. Server 0 decides that it has; the others keep it in mind. What comes after the end changes nothing of it.
    pub(super) fn lose_all(
        &mut self,
        now: Time,
        worker: WorkerId,
        (reason, cause): (LeaveReason, &str),
    ) {
        let is_over = self.over_said || self.is_over(now);
        let cause = kept_reason(cause);
        // The rest goes on where the worker was named.
        let own = cause.strip_prefix(&format!("worker {worker} "));
        let why = own.map_or_else(|| format!("left: {cause}"), str::to_owned);
        self.depart(now, worker, SlotState::Lost, &why);
        if !is_over {
            self.fail(now, (reason, &cause));
        }
    }

    /// Ends the job for good, on the word of a worker, which names who failed.
    pub(super) fn fail(&mut self, now: Time, (reason, cause): (LeaveReason, &str)) {
        self.diverged = reason == LeaveReason::Diverged;
        let cause = kept_reason(cause);
        match &mut self.coordinator {
            Some(coordinator) => coordinator.fail(now, &cause),
            None => {
                self.end.get_or_insert(End::Failed(cause));
            }
        }
    }

    /// Gives a job up whose workers have all been silent for too long.
    pub(super) fn end_silence(&mut self, now: Time, join: Duration) {
        let Some((since, cause)) = &self.silence else {
            return;
        };
        if now.since(*since) <= join {
            return;
        }
        let cause = format!(
            "{cause}; it was the last worker, and none has come in the {:.1} s since",
            now.since(*since).as_secs_f64()
        );
        self.silence = None;
        // Whoever comes now is told.
        self.over_since = None;
        // Nobody has decided anything: started again, this server goes on if somebody comes.
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.break_off(now, &cause);
        }
    }

    pub(super) fn depart(&mut self, now: Time, worker: WorkerId, state: SlotState, why: &str) {
        self.tell_departed(now, worker, state, why);
        let released = self.admission.leave(now, worker, state, why);
        self.released.extend(released);
        self.tell_opened(now);
        self.follow.push(Follow::Retire(worker));
        let slot = self.admission.clocks().slots().get(worker.0 as usize);
        let session = slot.and_then(|slot| slot.session);
        self.follow.extend(session.map(Follow::Release));
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.lose(worker);
        }
        if let Some(note) = self.notes.get_mut(worker.0 as usize) {
            why.clone_into(&mut note.doing);
        }
    }
}
