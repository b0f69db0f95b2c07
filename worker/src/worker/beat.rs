//! Signs of life: where the time goes and what the worker is doing, in words.

use std::time::Duration;

use thalweg_common::message::{Heartbeat, Holder};
use thalweg_common::time::Time;

use crate::worker::Worker;
use crate::worker::calls::Errand;
use crate::worker::ending::Phase;

/// Where a worker's time goes.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Spent computing gradients.
    pub(super) compute: Duration,
    waited: Duration,
    waiting_since: Option<Time>,
    /// When the next sign of life is due; none before the start and when leaving.
    pub(super) next_beat: Option<Time>,
    /// Whether the servers were last told that the worker is idle.
    idle: bool,
}

impl Times {
    /// The next iteration waits for its pull, at least from now on.
    pub(super) fn wait(&mut self, now: Time) {
        self.waiting_since.get_or_insert(now);
    }

    /// The next iteration has its pull.
    pub(super) fn waited(&mut self, now: Time) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.since(since);
        }
    }

    fn waited_until(&self, now: Time) -> Duration {
        self.waited
            + self
                .waiting_since
                .map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Worker {
    pub(super) fn first_beat(&mut self) {
        self.times.next_beat = Some(self.now);
    }

    /// Takes on a sign of life to every server when it is time, and at once when the worker has
    /// become idle or busy: the others wait for a busy one.
    pub(super) fn beat(&mut self) {
        let is_idle = self.is_idle();
        if self.times.next_beat.is_some() && is_idle != self.times.idle {
            self.times.next_beat = Some(self.now);
            self.calls
                .retain(|errand| !matches!(errand, Errand::Heartbeat(_)));
        }
        if self.times.next_beat.is_none_or(|time| self.now < time) {
            return;
        }
        for server in self.servers() {
            self.calls.begin(self.now, Errand::Heartbeat(server));
        }
        self.times.idle = is_idle;
        self.times.next_beat = Some(self.now + self.settings.heartbeat);
    }

    /// The sign of life; the transport adds its bytes.
    pub(super) fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            session: self.place.session,
            worker: self.place.worker,
            clock: self.tally.clock.plus(u64::from(self.computing.is_some())),
            doing: self.doing(),
            idle: self.times.idle,
            sent_bytes: 0,
            received_bytes: 0,
            compute: self.times.compute,
            waited: self.times.waited_until(self.now),
            retries: self.calls.repeats(),
        }
    }

    fn doing(&self) -> String {
        if !matches!(self.phase, Phase::Training) {
            return "ending".to_owned();
        }
        let reach = self.calls.reach();
        let mut gone = reach
            .lost()
            .filter(|(server, _)| reach.is_gone(self.now, *server));
        if let Some((server, since)) = gone.next() {
            let (name, span) = (self.place.name(server), self.now.since(since));
            return format!("cannot reach {name} for {:.1} s", span.as_secs_f64());
        }
        if self.computing.is_some() {
            return format!("computing iteration {}", self.tally.clock);
        }
        if !self.may_push() {
            let server = self
                .outbox
                .waiting()
                .next()
                .map(|server| self.place.name(server));
            let server = server.unwrap_or_else(|| "a server".to_owned());
            return format!("waiting for {server} to acknowledge a push");
        }
        let Some(group) = self.groups.front() else {
            return "waiting for data".to_owned();
        };
        match &group.holders[..] {
            [] => {
                let asked = |server| self.calls.has(Errand::Pull(group.number, server));
                let server = self.servers().find(|server| asked(*server));
                let server = server.map_or_else(|| "no server".to_owned(), |s| self.place.name(s));
                format!("waiting for parameters from {server}")
            }
            holders => {
                let name = |holder: &Holder| format!("{} (clock {})", holder.worker, holder.clock);
                let names: Vec<_> = holders.iter().take(4).map(name).collect();
                format!("waiting for worker {}", names.join(", "))
            }
        }
    }
}
