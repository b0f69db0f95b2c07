//! The worker's thread: the loop over real links, computation and the clock.
//!
//! Computation runs right here, between two events. Sockets belong to the tasks of the links, so
//! that bytes move while a gradient is computed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use thalweg_common::time::Time;

use super::links::Links;
use crate::model::Model;
use crate::worker::{ComputeDone, Effect, Event, Outcome, Tally, Worker};

/// How a worker ended, with its figures.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// What it did.
    pub tally: Tally,
    /// Bytes written at its sockets.
    pub sent_bytes: u64,
    /// Bytes read at its sockets.
    pub received_bytes: u64,
}

/// Runs a worker to its end over links with its servers, with the model that it trains; blocks the calling thread, which must not
/// be one of the runtime's own.
#[must_use]
pub fn drive(mut worker: Worker, model: &dyn Model, links: Links) -> Ended {
    let traffic = links.traffic();
    let mut driver = Driver::new(links);
    let mut event = Event::Start;
    let outcome = loop {
        let effects = worker.step(driver.clock.now(), event);
        if let Some(outcome) = driver.perform(effects, model) {
            break outcome;
        }
        event = driver.next();
    };
    driver.links.close();
    let (sent_bytes, received_bytes) = (traffic.sent_bytes(), traffic.received_bytes());
    Ended {
        outcome,
        tally: worker.tally(),
        sent_bytes,
        received_bytes,
    }
}

struct Driver {
    clock: Clock,
    links: Links,
    /// Requests that found no room, as refusals.
    refused: VecDeque<Event>,
    /// A gradient, and when it counts.
    computed: Option<(Time, ComputeDone)>,
    wake: Option<Time>,
}

impl Driver {
    fn new(links: Links) -> Self {
        let clock = Clock::start();
        Self {
            clock,
            links,
            refused: VecDeque::new(),
            computed: None,
            wake: None,
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, model: &dyn Model) -> Option<Outcome> {
        for effect in effects {
            match effect {
                Effect::Send {
                    server,
                    id,
                    request,
                    deadline,
                } => {
                    let within = deadline.since(self.clock.now());
                    self.refused
                        .extend(self.links.send(server, id, request, within));
                }
                Effect::Compute(task) => {
                    let pause = task.pause;
                    let done = task.run(model);
                    self.computed = Some((self.clock.now() + pause, done));
                }
                Effect::WakeAt(time) => self.wake = Some(time),
                Effect::Finish(outcome) => return Some(outcome),
            }
        }
        None
    }

    /// The next event: what has come over the links first, then the gradient, then the time.
    fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.refused.pop_front().or_else(|| self.links.poll()) {
                return event;
            }
            let now = self.clock.now();
            if let Some((_, done)) = self.computed.take_if(|(at, _)| *at <= now) {
                return Event::Computed(done);
            }
            if self.wake.take_if(|at| *at <= now).is_some() {
                return Event::Tick;
            }
            let computed = self.computed.as_ref().map(|(at, _)| *at);
            let next = computed.into_iter().chain(self.wake).min();
            if let Some(event) = self.links.wait(next.map(|at| at.since(now))) {
                return event;
            }
        }
    }
}

/// The worker's clock: the one place that reads it.
#[derive(Clone, Copy, Debug)]
struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    fn now(self) -> Time {
        let elapsed: Duration = self.0.elapsed();
        Time::from_origin(elapsed)
    }
}
