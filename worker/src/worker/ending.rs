//! The end of a worker: what it holds back is pushed and acknowledged, then it leaves.

use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::{Leave, LeaveReason, Request};
use thalweg_common::time::Time;

use crate::worker::Worker;
use crate::worker::calls::Errand;
use crate::worker::event::{Effect, Outcome};
use crate::worker::failure::Failure;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Iterations follow.
    Training,
    /// The last push is on its way. Whoever was told to end waits until a time: at the end of the job for a
    /// computation alone, since a server that misses a push may be about to return, and the model is to have it.
    Ending {
        reason: LeaveReason,
        until: Option<Time>,
    },
    /// The servers are told, and waited for until a time.
    Leaving { reason: LeaveReason, until: Time },
    /// Nothing follows.
    Over,
}

impl Phase {
    /// When the phase ends whatever happens.
    pub(super) fn until(self) -> Option<Time> {
        match self {
            Self::Training | Self::Over => None,
            Self::Ending { until, .. } => until,
            Self::Leaving { until, .. } => Some(until),
        }
    }
}

impl Worker {
    /// Begins nothing new. A computation that is under way still counts, `within` a time if one is given. So does
    /// the last push, where the worker was told to stop; else for as long as it is sent again.
    pub(super) fn begin_end(&mut self, reason: LeaveReason, within: Option<Duration>) {
        let until = within.map(|within| self.now + within);
        if let (Phase::Ending { .. }, LeaveReason::Stopped) = (self.phase, reason) {
            // It waited for the last push at the end of the job.
            self.phase = Phase::Ending { reason, until };
        }
        if self.phase != Phase::Training {
            return;
        }
        self.phase = Phase::Ending { reason, until };
        self.groups.truncate(usize::from(self.computing.is_some()));
        for group in &mut self.groups {
            group.batches.clear();
        }
        self.calls
            .retain(|errand| matches!(errand, Errand::Push(..)));
    }

    /// Goes on with the end, as far as the present state allows.
    ///
    /// # Errors
    /// [`Failure::Unacknowledged`] if the time is up and pushes are still on their way,
    /// [`Failure::Untold`] if a server did not take the farewell of a worker that was told to stop.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        if let Phase::Ending { reason, until } = self.phase {
            if self.computing.is_none() {
                self.hand_over();
            }
            let is_late = until.is_some_and(|until| until <= self.now);
            let is_computed = self.computing.is_none() || is_late;
            let is_settled = is_computed && self.outbox.in_flight() == 0;
            let is_told = reason == LeaveReason::Stopped;
            if is_settled || (is_told && (is_late || self.is_hopeless())) {
                self.judge_pushes()?;
                self.take_leave(reason);
            }
        }
        if let Phase::Leaving { reason, until } = self.phase {
            let reach = self.calls.reach();
            let untold = self
                .servers()
                .filter(|server| self.calls.has(Errand::Leave(*server)))
                .find(|server| until <= self.now || reach.is_gone(self.now, *server));
            let is_left = !self.servers().any(|server| {
                self.calls.has(Errand::Leave(server)) && !reach.is_gone(self.now, server)
            });
            if is_left || until <= self.now {
                match (reason, untold) {
                    (LeaveReason::Done, _) => self.finish(Outcome::Done),
                    (_, None) => self.finish(Outcome::Stopped),
                    (_, Some(server)) => {
                        let (server, last) = self.last_of(server);
                        return Err(Failure::Untold { server, last });
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a server that every push needs is out of reach: nothing more can be settled.
    fn is_hopeless(&self) -> bool {
        let reach = self.calls.reach();
        let is_gone = |server| reach.is_gone(self.now, server);
        self.servers().any(is_gone) && self.outbox.waiting().all(is_gone)
    }

    /// Whether every push has been acknowledged.
    fn judge_pushes(&self) -> Result<(), Failure> {
        let Some(server) = self.outbox.waiting().next() else {
            return Ok(());
        };
        let (server, last) = self.last_of(server);
        Err(Failure::Unacknowledged {
            pushes: self.outbox.unacknowledged(),
            server,
            last,
        })
    }

    /// A server in words, and what was last seen of it.
    fn last_of(&self, server: ServerId) -> (String, String) {
        let last = self.calls.reach().cause(server);
        let last = last.unwrap_or("no answer in time").to_owned();
        (self.place.name(server), last)
    }

    fn take_leave(&mut self, reason: LeaveReason) {
        self.calls.retain(|_| false);
        self.times.next_beat = None;
        for server in self.servers() {
            self.calls.begin(self.now, Errand::Leave(server));
        }
        let until = self.now + self.settings.stop_within / 2;
        self.phase = Phase::Leaving { reason, until };
    }

    /// Ends at once, telling the servers why without waiting for them. A session that is over has nobody
    /// to tell: whoever drives this worker may take its place again.
    pub(super) fn fail(&mut self, failure: Failure) {
        let deadline = self.now + self.settings.request_timeout;
        self.calls.retain(|_| false);
        if matches!(failure, Failure::Replaced { .. }) {
            return self.finish(Outcome::Failed(failure));
        }
        for server in self.servers() {
            let errand = Errand::Leave(server);
            self.calls.begin(self.now, errand);
            let id = self.calls.sent(errand, deadline);
            let (reason, cause) = failure.farewell(self.place.worker);
            let leave = Leave {
                cause,
                ..self.leave_for(reason)
            };
            let request = Request::Leave(leave);
            self.effects.push(Effect::Send {
                server,
                id,
                request,
                deadline,
            });
        }
        self.finish(Outcome::Failed(failure));
    }

    /// The farewell of the present phase.
    pub(super) fn leave(&self) -> Leave {
        self.leave_for(match self.phase {
            Phase::Ending { reason, .. } | Phase::Leaving { reason, .. } => reason,
            Phase::Training | Phase::Over => LeaveReason::Stopped,
        })
    }

    fn leave_for(&self, reason: LeaveReason) -> Leave {
        let (session, worker) = (self.place.session, self.place.worker);
        Leave {
            session,
            worker,
            reason,
            cause: String::new(),
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.phase = Phase::Over;
        self.task = None;
        self.times.next_beat = None;
        self.effects.push(Effect::Finish(outcome));
    }
}
