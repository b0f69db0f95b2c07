//! Servers and workers of one job under the event queue.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::{Pull, Reply, Request};
use thalweg_common::time::Time;
use thalweg_server::admission::Ticket;
use thalweg_server::{Handled, Server};
use thalweg_worker::worker::{ComputeDone, Effect, Event, Failure, Outcome, RequestId, Worker};
use thiserror::Error;

use super::Physics;
use super::history::{History, TraceHash};
use super::queue::Queue;
use crate::job::{MemberError, ResolvedJob, members};

/// How often servers look at their leases.
const TICK: Duration = Duration::from_millis(50);

/// Why a simulation ends without a result.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// A server or a worker cannot be made.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A worker failed.
    #[error("worker {worker} failed after {at:?} of virtual time: {failure}")]
    Failed {
        /// The worker.
        worker: u32,
        /// When.
        at: Duration,
        /// Why.
        failure: Failure,
    },
}

/// What can happen.
#[derive(Debug)]
enum Happening {
    Arrives {
        server: ServerId,
        worker: usize,
        id: RequestId,
        request: Request,
    },
    Answered {
        server: ServerId,
        worker: usize,
        id: RequestId,
        reply: Reply,
    },
    Computed {
        worker: usize,
        done: ComputeDone,
    },
    Wake {
        worker: usize,
    },
    Impatient {
        server: ServerId,
        ticket: Ticket,
    },
    Tick,
}

struct Waiting {
    worker: usize,
    id: RequestId,
    pull: Pull,
}

struct Player {
    worker: Worker,
    over: bool,
}

/// A job in virtual time.
#[derive(Debug)]
pub struct Simulation<'a> {
    job: &'a ResolvedJob,
    physics: Physics,
    servers: Vec<Server>,
    players: Vec<Player>,
    waiting: BTreeMap<(ServerId, Ticket), Waiting>,
    queue: Queue<Happening>,
    trace: TraceHash,
    events: u64,
}

impl<'a> Simulation<'a> {
    /// A cluster at virtual time zero, every worker registered.
    ///
    /// # Errors
    /// [`SimulateError`] if the job cannot be planned or a worker is turned away.
    pub fn new(job: &'a ResolvedJob, physics: Physics) -> Result<Self, SimulateError> {
        let servers = members::servers(job)?;
        let mut simulation = Self {
            job,
            physics,
            servers,
            players: Vec::new(),
            waiting: BTreeMap::new(),
            queue: Queue::new(),
            trace: TraceHash::default(),
            events: 0,
        };
        for worker in 0..job.blueprint.config.cluster.workers {
            let worker = members::join(&simulation.servers, job, (Time::ZERO, worker))?;
            simulation.players.push(Player {
                worker,
                over: false,
            });
        }
        Ok(simulation)
    }

    /// Lets everything happen until the last worker has ended.
    ///
    /// # Errors
    /// [`SimulateError::Failed`] if a worker fails.
    pub fn run(mut self) -> Result<History, SimulateError> {
        self.queue.push(Time::ZERO + TICK, Happening::Tick);
        for worker in 0..self.players.len() {
            self.give(Time::ZERO, worker, Event::Start)?;
        }
        let mut now = Time::ZERO;
        while self.players.iter().any(|player| !player.over) {
            let Some((at, happening)) = self.queue.pop() else {
                break;
            };
            now = at;
            self.happen(now, happening)?;
        }
        Ok(self.end(now))
    }

    fn happen(&mut self, now: Time, happening: Happening) -> Result<(), SimulateError> {
        self.events += 1;
        self.trace.add_time(now.since_origin());
        match happening {
            Happening::Arrives {
                server,
                worker,
                id,
                request,
            } => {
                self.note(1, server, worker);
                self.serve(now, server, (worker, id), request);
            }
            Happening::Answered {
                server,
                worker,
                id,
                reply,
            } => {
                self.note(2, server, worker);
                self.give(now, worker, Event::Reply { server, id, reply })?;
            }
            Happening::Computed { worker, done } => {
                self.note(3, ServerId(0), worker);
                self.give(now, worker, Event::Computed(done))?;
            }
            Happening::Wake { worker } => self.give(now, worker, Event::Tick)?,
            Happening::Impatient { server, ticket } => self.lose_patience(now, server, ticket),
            Happening::Tick => self.tick(now),
        }
        Ok(())
    }

    fn note(&mut self, kind: u64, server: ServerId, worker: usize) {
        self.trace.add(kind);
        self.trace.add(u64::from(server.0));
        self.trace.add(worker as u64);
    }

    fn give(&mut self, now: Time, worker: usize, event: Event) -> Result<(), SimulateError> {
        let model = &self.job.blueprint.model;
        for effect in self.players[worker].worker.step(now, event) {
            match effect {
                Effect::Send {
                    server,
                    id,
                    request,
                    ..
                } => {
                    let arrives = Happening::Arrives {
                        server,
                        worker,
                        id,
                        request,
                    };
                    self.queue.push(now + self.physics.latency, arrives);
                }
                Effect::Compute(task) => {
                    let takes = task.pause + self.physics.compute;
                    let done = task.run(model.as_ref());
                    self.queue
                        .push(now + takes, Happening::Computed { worker, done });
                }
                Effect::WakeAt(time) => self.queue.push(time, Happening::Wake { worker }),
                // Nobody listens in virtual time.
                Effect::Tell(_) => {}
                Effect::Finish(Outcome::Failed(failure)) => {
                    let (worker, at) = (self.worker_number(worker), now.since_origin());
                    return Err(SimulateError::Failed {
                        worker,
                        at,
                        failure,
                    });
                }
                Effect::Finish(Outcome::Done | Outcome::Stopped) => {
                    self.players[worker].over = true;
                }
            }
        }
        Ok(())
    }

    fn serve(
        &mut self,
        now: Time,
        server: ServerId,
        (worker, id): (usize, RequestId),
        request: Request,
    ) {
        match self.servers[server.0 as usize].handle(now, request) {
            Handled::Reply(reply) => self.answer(now, server, (worker, id), reply),
            Handled::Parked(ticket, pull) => {
                let impatient = Happening::Impatient { server, ticket };
                self.queue.push(now + pull.patience, impatient);
                self.waiting
                    .insert((server, ticket), Waiting { worker, id, pull });
            }
        }
        self.release(now, server);
    }

    fn answer(
        &mut self,
        now: Time,
        server: ServerId,
        (worker, id): (usize, RequestId),
        reply: Reply,
    ) {
        let answered = Happening::Answered {
            server,
            worker,
            id,
            reply,
        };
        self.queue.push(now + self.physics.latency, answered);
    }

    fn release(&mut self, now: Time, server: ServerId) {
        for ticket in self.servers[server.0 as usize].take_released() {
            if let Some(waiting) = self.waiting.remove(&(server, ticket)) {
                let reply = self.servers[server.0 as usize].read_all(&waiting.pull);
                self.answer(now, server, (waiting.worker, waiting.id), reply);
            }
        }
    }

    fn lose_patience(&mut self, now: Time, server: ServerId, ticket: Ticket) {
        if let Some(not_yet) = self.servers[server.0 as usize].give_up(now, ticket)
            && let Some(waiting) = self.waiting.remove(&(server, ticket))
        {
            self.answer(
                now,
                server,
                (waiting.worker, waiting.id),
                Reply::Pulled(not_yet),
            );
        }
    }

    fn tick(&mut self, now: Time) {
        for index in 0..self.job.blueprint.map.servers() {
            drop(self.servers[index as usize].tick(now));
            self.release(now, ServerId(index));
        }
        self.queue.push(now + TICK, Happening::Tick);
    }

    fn worker_number(&self, worker: usize) -> u32 {
        self.players[worker].worker.place().worker.0
    }

    fn end(mut self, now: Time) -> History {
        let parameters = members::read_everything(&self.servers, self.job);
        self.trace.add_values(&parameters);
        History {
            parameters,
            statuses: self
                .servers
                .iter()
                .map(|server| server.status(now))
                .collect(),
            virtual_time: now.since_origin(),
            events: self.events,
            trace: self.trace,
        }
    }
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.worker.fmt(f)
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}
