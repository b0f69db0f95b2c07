//! How a job ends for a server, when the server may end itself, and whether its job was done by then.

use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Leave, LeaveReason, Phase};
use thalweg_common::time::Time;

use super::Desk;
use crate::admission::SlotState;
use crate::plan::Plan;

/// How long a server that has returned waits at most for its first worker. Those that were there try to reach it for two
/// minutes if the job does not say otherwise; others read their data first.
const RETURN_MAX: Duration = Duration::from_mins(10);

/// Whoever watches asks again within so long.
const WATCH_MAX: Duration = Duration::from_secs(2);

/// Workers whose ends are named when a job ends unfinished.
const NAMED_MAX: usize = 4;

/// How a job ended early for a server other than server 0, whose coordinator decides it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// For this process: started again it goes on.
    BrokenOff(String),
    /// For good, as a worker was told or has found.
    Failed(String),
}

impl Desk {
    /// Where the job is in its life, and why it ended if it ended early.
    pub(crate) fn phase(&self) -> (Phase, String) {
        if let Some(coordinator) = &self.coordinator {
            let (phase, cause) = coordinator.phase();
            return (phase, cause.to_owned());
        }
        match &self.end {
            Some(End::BrokenOff(why) | End::Failed(why)) => (Phase::Failed, why.clone()),
            None if self.over_said && self.stopping => (Phase::Done, String::new()),
            None if !self.contacted => (Phase::Joining, String::new()),
            None => (Phase::Training, String::new()),
        }
    }

    /// Whether workers are to stop.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        match &self.coordinator {
            Some(coordinator) => coordinator.over(now),
            None => self.end.is_some() || self.stopping,
        }
    }

    /// Whether it is decided that the job has failed: not only this process ends.
    pub(crate) fn has_failed(&self) -> bool {
        match &self.coordinator {
            Some(coordinator) => coordinator.has_failed(),
            None => matches!(self.end, Some(End::Failed(_))),
        }
    }

    /// Whether the job has failed because its training diverged.
    pub(crate) fn diverged(&self) -> bool {
        self.diverged && self.phase().0 == Phase::Failed
    }

    /// Refuses what a worker asks of a job that has ended without being done.
    pub(super) fn judge_end(&self) -> Result<(), Refusal> {
        let kind = match self.has_failed() {
            true if self.diverged() => RefusalKind::Diverged,
            true => RefusalKind::JobFailed,
            false => RefusalKind::Stopping,
        };
        match self.phase() {
            (Phase::Failed, cause) => Err(Refusal::new(kind, cause)),
            (Phase::Joining | Phase::Training | Phase::Done, _) => Ok(()),
        }
    }

    /// Somebody leaves of whom nothing is known here. A server that has returned knows nobody, and may be told by those
    /// who leave how the job has ended; nobody would come any more to tell it.
    pub(crate) fn hear_of_end(&mut self, now: Time, leave: &Leave) {
        let has_met_nobody = self.has_returned && !self.contacted;
        let is_worker = (leave.worker.0 as usize) < self.notes.len();
        if !has_met_nobody || !is_worker || leave.session.is_of_observer() {
            return;
        }
        match leave.reason {
            // Server 0 knows better: it may have returned from before the end.
            LeaveReason::Done => self.over_said = self.coordinator.is_none(),
            LeaveReason::Diverged | LeaveReason::JobFailed => {
                self.fail(now, (leave.reason, &leave.cause));
            }
            LeaveReason::Stopped | LeaveReason::Failed => {}
        }
    }

    /// Ends the job from here: the process was told to stop.
    pub(crate) fn stop(&mut self, now: Time, why: &str) {
        self.stopping = true;
        self.break_off(now, why);
    }

    /// Ends the job for this process, unless it has ended or was said to be done.
    pub(super) fn break_off(&mut self, now: Time, why: &str) {
        match &mut self.coordinator {
            Some(coordinator) => coordinator.break_off(now, why),
            None if self.over_said => {}
            None => {
                self.end
                    .get_or_insert_with(|| End::BrokenOff(why.to_owned()));
            }
        }
    }

    /// Somebody asks how things stand.
    pub(crate) fn looked_at(&mut self, now: Time) {
        self.looked = Some(now);
    }

    /// Whether this server may end. Those who watch it from outside the job have no session that it could wait for,
    /// and are given a moment in which to see how the job ended.
    pub(crate) fn is_finished(&mut self, now: Time, plan: &Plan) -> bool {
        if !self.has_nothing_left(now, plan) {
            self.finished_since = None;
            return false;
        }
        let since = *self.finished_since.get_or_insert(now);
        let is_watched = |looked: Time| since.since(looked) <= WATCH_MAX;
        !self.looked.is_some_and(is_watched) || plan.bounds.last_look < now.since(since)
    }

    /// Whether there is nothing left to do here and nobody left to wait for. A job that is not done
    /// by then has failed, and this says why.
    fn has_nothing_left(&mut self, now: Time, plan: &Plan) -> bool {
        let bounds = plan.bounds;
        let mut slots = self.admission.clocks().slots().iter();
        let wait = match self.has_returned {
            true => bounds.first_contact.min(RETURN_MAX),
            false => bounds.first_contact,
        };
        let is_alone = now.since(self.started) > wait && slots.all(|slot| slot.session.is_none());
        if is_alone {
            let seconds = wait.as_secs_f64();
            self.fall_short(now, &format!("no worker came within {seconds:.0} s"));
        }
        if !self.contacted {
            if self.stopping {
                return true;
            }
            // It may have been over from the start: a server that returned to a job that has ended.
            let over_since = match self.over_said || self.is_over(now) {
                true => Some(*self.over_since.get_or_insert(now)),
                false => None,
            };
            return is_alone || over_since.is_some_and(|since| now.since(since) > bounds.linger);
        }
        let slots = self.admission.clocks().slots();
        let present = |s: SlotState| matches!(s, SlotState::Active | SlotState::Idle);
        let gone = slots.iter().all(|slot| !present(slot.state));
        let any_left = slots
            .iter()
            .any(|slot| matches!(slot.state, SlotState::Left));
        let none_expected = any_left
            || self.over_said
            || self.is_over(now)
            || slots.iter().all(|slot| slot.state == SlotState::Lost);
        // Whoever fell silent may come back, and others may take its place: as long as for a first worker.
        let linger = match self.silence.is_some() && !self.is_over(now) {
            true => bounds.linger.max(bounds.join),
            false => bounds.linger,
        };
        if !(gone && none_expected) {
            self.over_since = None;
            return false;
        }
        let since = *self.over_since.get_or_insert(now);
        let lingered = now.since(since) > linger;
        if lingered {
            // Until now a worker could have come back and gone on.
            self.fall_short(now, &self.last_seen());
        }
        let is_over = self.over_said || self.is_over(now);
        self.observers.is_empty() && (lingered || (self.observed && is_over))
    }

    /// Ends a job that nobody will finish here. Server 0 knows what is done; any other goes by the word
    /// of the workers that left. Nothing has gone wrong with the job: workers that are started again with their
    /// servers may finish it.
    fn fall_short(&mut self, now: Time, why: &str) {
        match &mut self.coordinator {
            Some(coordinator) if !coordinator.over(now) => {
                let (done, all) = (coordinator.committed(), coordinator.examples_total());
                let cause = format!("{done} of {all} examples are committed, and {why}");
                coordinator.break_off(now, &cause);
            }
            Some(_) => {}
            None => self.break_off(now, why),
        }
    }

    /// What became of the workers, in words; of many, the first few.
    fn last_seen(&self) -> String {
        let slots = (0_u32..).zip(self.admission.clocks().slots());
        let mut ends: Vec<_> = slots
            .filter(|(_, slot)| !slot.why.is_empty())
            .map(|(worker, slot)| format!("worker {worker} {}", slot.why))
            .collect();
        let more = ends.len().saturating_sub(NAMED_MAX);
        ends.truncate(NAMED_MAX);
        if 0 < more {
            ends.push(format!("and {more} more"));
        }
        format!("no worker is left: {}", ends.join("; "))
    }
}
