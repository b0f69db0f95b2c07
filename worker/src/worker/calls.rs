//! Requests under way: each errand is sent, answered, given up or sent again, and none is waited
//! for without an end.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::{Sequence, ServerId};
use thalweg_common::seed;
use thalweg_common::time::Time;

use crate::worker::bucket::Bucket;
use crate::worker::event::RequestId;
use crate::worker::reach::{Reach, Word};

/// What a request is for. The order is the order of sending: an own push goes before the pull that
/// is to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Errand {
    Push(Sequence, ServerId),
    Pull(u64, ServerId),
    Range,
    Heartbeat(ServerId),
    Leave(ServerId),
}

impl Errand {
    pub(super) fn server(self) -> ServerId {
        match self {
            Self::Push(_, server)
            | Self::Pull(_, server)
            | Self::Heartbeat(server)
            | Self::Leave(server) => server,
            Self::Range => ServerId(0),
        }
    }

    /// Whether the worker cannot go on without it. A lost sign of life is followed by the next one.
    fn is_needed(self) -> bool {
        !matches!(self, Self::Heartbeat(_) | Self::Leave(_))
    }
}

#[derive(Clone, Debug)]
enum State {
    /// To be sent at this time.
    Due(Time),
    Sent(RequestId, Time),
}

#[derive(Clone, Debug)]
struct Entry {
    state: State,
    /// Since when it has not been done.
    since: Time,
    /// Failures since then.
    failures: u32,
    last: String,
}

/// An errand that has not been done for too long.
#[derive(Debug, PartialEq)]
pub(super) struct Overdue {
    pub(super) server: ServerId,
    pub(super) silent: Duration,
    pub(super) last: String,
}

/// All errands of a worker.
#[derive(Debug)]
pub(super) struct Calls {
    entries: BTreeMap<Errand, Entry>,
    sent: BTreeMap<RequestId, Errand>,
    reach: Reach,
    ids: u64,
    /// Seed and count of the random numbers drawn so far.
    jitter: (u64, u64),
    repeats: u64,
    bucket: Bucket,
    retry_total: Duration,
}

impl Calls {
    const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
    const BACK_OFF_MAX: Duration = Duration::from_secs(5);

    /// No errand; `jitter_seed` differs from worker to worker.
    pub(super) fn new(jitter_seed: u64, retry_total: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            sent: BTreeMap::new(),
            reach: Reach::default(),
            ids: 0,
            jitter: (jitter_seed, 0),
            repeats: 0,
            bucket: Bucket::default(),
            retry_total,
        }
    }

    /// Requests that were sent again.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Takes on an errand, to be sent at once. One that is under way already stays as it is.
    pub(super) fn begin(&mut self, now: Time, errand: Errand) {
        self.entries.entry(errand).or_insert(Entry {
            state: State::Due(now),
            since: now,
            failures: 0,
            last: "no answer yet".to_owned(),
        });
    }

    /// Whether an errand is under way.
    pub(super) fn has(&self, errand: Errand) -> bool {
        self.entries.contains_key(&errand)
    }

    /// Errands to be sent now, in order.
    pub(super) fn due(&self, now: Time) -> Vec<Errand> {
        let is_due = |(errand, entry): &(&Errand, &Entry)| {
            matches!(entry.state, State::Due(at) if at <= now)
                && !self.reach.is_lost(errand.server())
        };
        self.entries
            .iter()
            .filter(is_due)
            .map(|(errand, _)| *errand)
            .collect()
    }

    /// Notes that an errand is sent, and numbers the request.
    pub(super) fn sent(&mut self, errand: Errand, deadline: Time) -> RequestId {
        self.ids += 1;
        let id = RequestId(self.ids);
        let entry = self
            .entries
            .get_mut(&errand)
            .expect("only a due errand is sent");
        if 0 < entry.failures {
            self.repeats += 1;
        }
        entry.state = State::Sent(id, deadline);
        self.sent.insert(id, errand);
        id
    }

    /// The errand of a reply; `None` if it was given up.
    pub(super) fn answered(&self, server: ServerId, id: RequestId) -> Option<Errand> {
        self.sent
            .get(&id)
            .copied()
            .filter(|errand| errand.server() == server)
    }

    /// The errand was answered, and is done.
    pub(super) fn finish(&mut self, errand: Errand) {
        if self.remove(errand) {
            self.bucket.answered();
        }
    }

    /// The errand is no longer wanted. Nobody has answered, and no retries are earned by it.
    pub(super) fn end(&mut self, errand: Errand) {
        self.remove(errand);
    }

    /// Says whether it was under way.
    fn remove(&mut self, errand: Errand) -> bool {
        match self.entries.remove(&errand) {
            Some(Entry {
                state: State::Sent(id, _),
                ..
            }) => self.sent.remove(&id).is_some(),
            Some(_) | None => false,
        }
    }

    /// Drops every errand that is not `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(Errand) -> bool) {
        let unwanted: Vec<_> = self
            .entries
            .keys()
            .copied()
            .filter(|errand| !wanted(*errand))
            .collect();
        for errand in unwanted {
            self.end(errand);
        }
    }

    /// The answer was "not yet": asks again at once, which is no retry.
    pub(super) fn ask_again(&mut self, now: Time, errand: Errand) {
        self.finish(errand);
        self.begin(now, errand);
    }

    /// The errand failed: it will be sent again after a back-off.
    pub(super) fn retry(&mut self, now: Time, errand: Errand, why: &str) {
        self.retry_after(now, errand, why, Duration::ZERO);
    }

    /// As [`Self::retry`], and not before a server that is overloaded wants it: `at_least` comes before the
    /// back-off, so that those who were told the same do not come back as one. A server's word counts
    /// up to the longest back-off.
    pub(super) fn retry_after(&mut self, now: Time, errand: Errand, why: &str, at_least: Duration) {
        let Some(entry) = self.entries.get_mut(&errand) else {
            return;
        };
        if let State::Sent(id, _) = entry.state {
            self.sent.remove(&id);
        }
        // Full jitter: anything up to the bound, so that workers do not come back as one.
        let bound = Self::BACK_OFF_FIRST
            .saturating_mul(1 << entry.failures.min(16))
            .min(Self::BACK_OFF_MAX);
        let (seed, draws) = &mut self.jitter;
        *draws += 1;
        let wait = bound.mul_f64(seed::unit(seed::mix(*seed ^ seed::mix(*draws))));
        let wait = at_least.min(Self::BACK_OFF_MAX) + wait.max(self.bucket.take(now));
        why.clone_into(&mut entry.last);
        entry.failures = entry.failures.saturating_add(1);
        entry.state = State::Due(now + wait);
    }

    /// Gives up what was not answered in time.
    pub(super) fn expire(&mut self, now: Time) {
        let late: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.state, State::Sent(_, deadline) if deadline <= now))
            .map(|(errand, _)| *errand)
            .collect();
        for errand in late {
            if errand.is_needed() {
                self.retry(now, errand, "no answer in time");
            } else {
                self.end(errand);
            }
        }
    }

    /// What was sent to a server may be lost.
    pub(super) fn lost(&mut self, now: Time, server: ServerId, cause: String) {
        let sent: Vec<_> = self
            .sent
            .values()
            .copied()
            .filter(|errand| errand.server() == server)
            .collect();
        for errand in sent {
            self.retry(now, errand, &cause);
        }
        for (errand, entry) in &mut self.entries {
            if errand.server() == server {
                entry.last.clone_from(&cause);
            }
        }
        self.reach.lose(now, server, cause);
    }

    /// A server can be reached again. Answers since when it could not, if people were told.
    pub(super) fn back(&mut self, server: ServerId) -> Option<Time> {
        self.reach.restore(server)
    }

    /// Who can be reached.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What is to be told of servers that cannot be reached.
    pub(super) fn words(&mut self, now: Time) -> Vec<Word> {
        self.reach.words(now)
    }

    /// The first errand that has been repeated for too long, or the first server that was out of
    /// reach for as long.
    pub(super) fn overdue(&self, now: Time) -> Option<Overdue> {
        let errands = self.needed().map(|(errand, entry)| Overdue {
            server: errand.server(),
            silent: now.since(entry.since),
            last: entry.last.clone(),
        });
        let outages = self.reach.lost().map(|(server, since)| Overdue {
            server,
            silent: now.since(since),
            last: self.reach.cause(server).unwrap_or_default().to_owned(),
        });
        errands
            .chain(outages)
            .find(|overdue| self.retry_total <= overdue.silent)
    }

    /// The worker itself was not running for so long: that nobody answered says nothing of the servers.
    pub(super) fn slept(&mut self, time: Duration) {
        for entry in self.entries.values_mut() {
            entry.since = entry.since + time;
        }
        self.reach.slept(time);
    }

    /// When the worker will give up a server, if nothing changes.
    pub(super) fn gives_up(&self, server: ServerId) -> Option<Time> {
        let errands = self
            .needed()
            .map(|(errand, entry)| (errand.server(), entry.since));
        let waiting = errands.chain(self.reach.lost());
        let since = waiting.filter(|(other, _)| *other == server);
        since.map(|(_, since)| since + self.retry_total).min()
    }

    /// Errands that the worker cannot go on without.
    fn needed(&self) -> impl Iterator<Item = (&Errand, &Entry)> {
        self.entries.iter().filter(|(errand, _)| errand.is_needed())
    }

    /// When something is to be done about some errand.
    pub(super) fn wake(&self) -> Option<Time> {
        let times = |(errand, entry): (&Errand, &Entry)| {
            let next = match entry.state {
                State::Sent(_, deadline) => Some(deadline),
                State::Due(_) if self.reach.is_lost(errand.server()) => None,
                State::Due(at) => Some(at),
            };
            let last = errand.is_needed().then(|| entry.since + self.retry_total);
            next.into_iter().chain(last).min()
        };
        let errands = self.entries.iter().filter_map(times);
        let outages = self.reach.lost().map(|(_, since)| since + self.retry_total);
        errands.chain(outages).chain(self.reach.wake()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSH: Errand = Errand::Push(Sequence(1), ServerId(1));

    fn at(millis: u64) -> Time {
        Time::from_origin(Duration::from_millis(millis))
    }

    fn calls() -> Calls {
        Calls::new(7, Duration::from_secs(60))
    }

    #[test]
    fn what_is_not_answered_is_sent_again_within_a_growing_bound_and_ends_overdue() {
        let mut calls = calls();
        calls.begin(at(0), PUSH);
        let mut now = at(0);
        let mut waits = Vec::new();
        while calls.overdue(now).is_none() {
            if calls.due(now) == [PUSH] {
                let id = calls.sent(PUSH, now + Duration::from_secs(1));
                assert_eq!(calls.answered(ServerId(1), id), Some(PUSH));
                assert_eq!(calls.answered(ServerId(0), id), None);
                now = calls.wake().unwrap();
                calls.expire(now);
                assert_eq!(
                    calls.answered(ServerId(1), id),
                    None,
                    "late answers are ignored"
                );
            } else {
                waits.push(calls.wake().unwrap() - now);
                now = calls.wake().unwrap();
            }
        }
        assert_eq!(now, at(60_000));
        let overdue = calls.overdue(now).unwrap();
        assert_eq!(overdue.last, "no answer in time");
        assert_eq!(overdue.silent, Duration::from_secs(60));
        for (wait, bound) in waits
            .iter()
            .zip([100_u64, 200, 400, 800, 1600, 3200, 5000, 5000])
        {
            assert!(*wait < Duration::from_millis(bound));
        }
        assert!(Duration::from_secs(1) < *waits.iter().max().unwrap());
    }

    #[test]
    fn an_overloaded_server_is_asked_again_when_it_wants_and_not_at_its_every_word() {
        for (told, least, most) in [(0, 0, 100), (700, 700, 800), (3_600_000, 5_000, 5_100)] {
            let mut calls = calls();
            calls.begin(at(0), PUSH);
            calls.sent(PUSH, at(1_000));
            calls.retry_after(at(10), PUSH, "full", Duration::from_millis(told));
            let due = calls.wake().unwrap();
            assert!(
                at(10 + least) <= due && due < at(10 + most),
                "{told}: {due:?}"
            );
        }
    }

    #[test]
    fn nothing_is_sent_to_a_server_that_is_gone_until_it_is_back() {
        let mut calls = calls();
        calls.begin(at(0), PUSH);
        calls.sent(PUSH, at(10_000));
        calls.lost(at(5), ServerId(1), "connection reset".to_owned());
        assert!(calls.due(at(9_000)).is_empty());
        assert_eq!(calls.wake(), Some(at(1_005)), "to say so");
        assert_eq!(calls.words(at(1_005)).len(), 1);
        assert_eq!(calls.gives_up(ServerId(1)), Some(at(60_000)));
        assert_eq!(calls.back(ServerId(1)), Some(at(5)));
        assert_eq!(calls.due(at(9_000)), [PUSH]);
        assert_eq!(calls.overdue(at(60_000)).unwrap().last, "connection reset");
    }

    #[test]
    fn a_worker_that_was_paused_does_not_hold_it_against_the_servers() {
        let mut calls = calls();
        let needed = Errand::Range;
        calls.begin(at(0), needed);
        calls.lost(at(0), ServerId(1), "reset".into());
        let before = calls.gives_up(ServerId(1)).unwrap();
        let pause = Duration::from_secs(600);
        calls.slept(pause);
        assert_eq!(calls.gives_up(ServerId(1)), Some(before + pause));
        assert_eq!(calls.overdue(at(0) + pause), None);
    }

    #[test]
    fn a_server_out_of_reach_is_given_up_although_nothing_is_asked_of_it() {
        let mut calls = calls();
        calls.lost(at(5), ServerId(1), "connection refused".to_owned());
        assert_eq!(calls.overdue(at(60_004)), None);
        let overdue = calls.overdue(at(60_005)).unwrap();
        assert_eq!(overdue.server, ServerId(1));
        assert_eq!(overdue.last, "connection refused");
    }

    #[test]
    fn asking_again_at_the_gate_starts_the_patience_anew() {
        let mut calls = calls();
        let pull = Errand::Pull(3, ServerId(0));
        calls.begin(at(0), pull);
        calls.sent(pull, at(10));
        calls.ask_again(at(50_000), pull);
        assert_eq!(calls.overdue(at(70_000)), None);
        assert_eq!(calls.due(at(50_000)), [pull]);
        calls.sent(pull, at(60_000));
        assert_eq!(calls.repeats(), 0);
    }

    #[test]
    fn retries_are_earned_by_answers_alone() {
        let wait_after = |ends: fn(&mut Calls, Errand)| {
            let mut calls = calls();
            (0..10).for_each(|_| assert!(calls.bucket.take(at(0)).is_zero()));
            for _ in 0..20 {
                let errand = Errand::Heartbeat(ServerId(1));
                calls.begin(at(0), errand);
                calls.sent(errand, at(1));
                ends(&mut calls, errand);
                assert!(!calls.has(errand));
            }
            calls.bucket.take(at(0))
        };
        assert!(wait_after(Calls::finish).is_zero());
        let without = Duration::from_millis(100);
        assert_eq!(wait_after(Calls::end), without);
        assert_eq!(wait_after(|calls, _| calls.expire(at(1))), without);
        assert_eq!(wait_after(|calls, _| calls.retain(|_| false)), without);
    }

    #[test]
    fn pushes_go_before_pulls_in_their_order() {
        let mut calls = calls();
        let errands = [
            Errand::Push(Sequence(1), ServerId(0)),
            Errand::Push(Sequence(2), ServerId(0)),
            Errand::Pull(1, ServerId(0)),
            Errand::Range,
        ];
        for errand in errands.into_iter().rev() {
            calls.begin(at(0), errand);
        }
        assert_eq!(calls.due(at(0)), errands);
    }
}
