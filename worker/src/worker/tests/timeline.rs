//! Virtual time for the loop's tests: links with a delay, and faults by choice.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::ServerId;
use thalweg_common::message::{Reply, Request};
use thalweg_common::time::Time;

use super::cluster::Cluster;
use crate::worker::{Effect, Event, Notice, Outcome, RequestId, Worker};

/// What becomes of a request.
pub(super) enum Fate {
    Arrives,
    Lost,
    /// It arrives and its answer is lost.
    Unanswered,
    Refused(RefusalKind),
}

enum Item {
    At(Event),
    Request(ServerId, RequestId, Request),
}

/// One worker and its servers.
pub(super) struct Timeline<F> {
    pub(super) cluster: Cluster,
    /// One way.
    pub(super) delay: Duration,
    /// Per batch.
    pub(super) compute: Duration,
    /// Chooses what becomes of each request, told how many were sent before.
    pub(super) fate: F,
    pub(super) now: Time,
    /// What people were told, and when.
    pub(super) told: Vec<(Time, Notice)>,
    queue: BTreeMap<(Time, u64), Item>,
    order: u64,
    sent: usize,
    wake: Option<Time>,
}

impl<F: FnMut(usize, ServerId, &Request) -> Fate> Timeline<F> {
    pub(super) fn new(cluster: Cluster, fate: F) -> Self {
        Self {
            cluster,
            delay: Duration::from_millis(1),
            compute: Duration::from_millis(10),
            fate,
            now: Time::ZERO,
            told: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            sent: 0,
            wake: None,
        }
    }

    /// Lets an event happen to the worker.
    pub(super) fn at(&mut self, time: Time, event: Event) {
        self.put(time, Item::At(event));
    }

    /// Runs until the worker has ended.
    pub(super) fn run(&mut self, worker: &mut Worker) -> Outcome {
        self.at(self.now, Event::Start);
        for _ in 0..1_000_000 {
            let first = self.queue.first_key_value().map(|((time, _), _)| *time);
            let item = match (first, self.wake) {
                (None, None) => panic!("the worker waits for nothing: {worker:?}"),
                (first, Some(wake)) if first.is_none_or(|first| wake < first) => {
                    self.wake = None;
                    self.now = wake;
                    Item::At(Event::Tick)
                }
                _ => {
                    let ((time, _), item) = self.queue.pop_first().unwrap();
                    self.now = time;
                    item
                }
            };
            let effects = match item {
                Item::At(event) => worker.step(self.now, event),
                Item::Request(server, id, request) => {
                    let reply = self.cluster.answer(server, request);
                    let event = Event::Reply { server, id, reply };
                    self.put(self.now + self.delay, Item::At(event));
                    continue;
                }
            };
            for effect in effects {
                if let Some(outcome) = self.perform(worker, effect) {
                    return outcome;
                }
            }
        }
        panic!("the worker does not end: {worker:?}");
    }

    fn perform(&mut self, worker: &Worker, effect: Effect) -> Option<Outcome> {
        match effect {
            Effect::Send {
                server,
                id,
                request,
                deadline,
            } => {
                assert!(self.now < deadline);
                self.send(server, id, request);
            }
            Effect::Compute(task) => {
                let pause = task.pause;
                let done = task.run(&*worker.work.model);
                self.put(
                    self.now + self.compute + pause,
                    Item::At(Event::Computed(done)),
                );
            }
            Effect::WakeAt(time) => self.wake = Some(time),
            Effect::Tell(notice) => self.told.push((self.now, notice)),
            Effect::Finish(outcome) => return Some(outcome),
        }
        None
    }

    fn send(&mut self, server: ServerId, id: RequestId, request: Request) {
        let fate = (self.fate)(self.sent, server, &request);
        self.sent += 1;
        match fate {
            Fate::Lost => {}
            Fate::Arrives => self.put(self.now + self.delay, Item::Request(server, id, request)),
            Fate::Unanswered => drop(self.cluster.answer(server, request)),
            Fate::Refused(kind) => {
                let reply = Reply::Refused(Refusal::new(kind, format!("{kind} by test")));
                let event = Event::Reply { server, id, reply };
                self.put(self.now + self.delay + self.delay, Item::At(event));
            }
        }
    }

    fn put(&mut self, time: Time, item: Item) {
        self.order += 1;
        self.queue.insert((time, self.order), item);
    }
}
