//! The worker's thread: the loop over real links, computation and the clock.
//!
//! Long gradients are computed on a thread beside it, and sockets belong to the tasks of the links,
//! so that the loop always has time for an event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use thalweg_common::time::Time;

use super::computer::Computer;
use super::links::Links;
use super::slowness::Slowness;
use super::witness::Witness;
use crate::worker::{Effect, Event, Outcome, Tally, Worker};
use thalweg_proto::transport::Clock;

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
    /// Acknowledgements that were thrown away because that was asked for.
    pub acks_dropped: u64,
    /// Gradients that were held up to play a slow machine.
    pub gradients_slowed: u64,
}

/// Runs a worker to its end over links with its servers; blocks the calling thread, which must not
/// be one of the runtime's own.
///
/// # Panics
/// If the model's gradient does.
#[must_use]
pub fn drive(worker: Worker, links: Links) -> Ended {
    drive_before(worker, links, None, &mut ())
}

/// [`drive`], on a machine that is as slow as `slowness` says, before a witness.
///
/// # Panics
/// If the model's gradient does.
#[must_use]
pub fn drive_before(
    mut worker: Worker,
    links: Links,
    slowness: Option<Slowness>,
    witness: &mut dyn Witness,
) -> Ended {
    let traffic = links.traffic();
    let slowed = slowness.as_ref().map(Slowness::slowed);
    let model = Arc::clone(&worker.work().model);
    let mut driver = Driver::new(links, Computer::start(model, slowness), witness);
    let mut event = Event::Start;
    let outcome = loop {
        let effects = worker.step(driver.clock.now(), event);
        if let Some(outcome) = driver.perform(effects) {
            break outcome;
        }
        event = driver.next();
    };
    driver.links.close();
    Ended {
        outcome,
        tally: worker.tally(),
        sent_bytes: traffic.sent_bytes(),
        received_bytes: traffic.received_bytes(),
        acks_dropped: traffic.acks_dropped(),
        gradients_slowed: slowed.map_or(0, |slowed| slowed.load(Ordering::Relaxed)),
    }
}

struct Driver<'a> {
    clock: Clock,
    witness: &'a mut dyn Witness,
    /// When the gradient began that is under way.
    begun: Time,
    links: Links,
    computer: Computer,
    /// Requests that found no room, as refusals.
    refused: VecDeque<Event>,
    wake: Option<Time>,
}

impl<'a> Driver<'a> {
    fn new(links: Links, computer: Computer, witness: &'a mut dyn Witness) -> Self {
        Self {
            clock: Clock::start(),
            witness,
            begun: Time::ZERO,
            links,
            computer,
            refused: VecDeque::new(),
            wake: None,
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Option<Outcome> {
        for effect in effects {
            match effect {
                Effect::Send {
                    server,
                    id,
                    request,
                    deadline,
                } => {
                    let now = self.clock.now();
                    self.witness.asked(now, server, id, &request);
                    let within = deadline.since(now);
                    self.refused
                        .extend(self.links.send(server, id, request, within));
                }
                Effect::Compute(task) => {
                    self.begun = self.clock.now();
                    self.computer.begin(task);
                }
                Effect::WakeAt(time) => self.wake = Some(time),
                Effect::Tell(notice) => tracing::warn!("{notice}"),
                Effect::Finish(outcome) => return Some(outcome),
            }
        }
        None
    }

    /// The next event: what has come over the links first, then the gradient, then the time.
    fn next(&mut self) -> Event {
        if let Some(event) = self.refused.pop_front() {
            return event;
        }
        let now = self.clock.now();
        let patience = self.wake.map(|at| at.since(now));
        let event = self.links.wait(patience, self.computer.done());
        event.as_ref().into_iter().for_each(|e| self.tell(e));
        event.unwrap_or_else(|| {
            self.wake = None;
            Event::Tick
        })
    }

    /// Tells the witness of what has come.
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Reply { server, id, .. } => {
                self.witness.answered(self.clock.now(), *server, *id);
            }
            Event::Computed(_) => {
                let took = self.computer.took().unwrap_or_default();
                self.witness.computed(self.begun, took);
            }
            Event::Start | Event::Tick | Event::Lost { .. } | Event::Back { .. } | Event::Stop => {}
        }
    }
}
