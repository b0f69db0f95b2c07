//! Servers and workers of one job under the event queue.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::error::Refusal;
use thalweg_common::ids::{ServerId, SessionId, WorkerId};
use thalweg_common::message::{
    Address, PROTOCOL_VERSIONS, Pull, PullPart, Register, Reply, Request, SessionRole,
};
use thalweg_common::registry::SettingError;
use thalweg_common::time::Time;
use thalweg_server::admission::Ticket;
use thalweg_server::{Handled, Server};
use thalweg_worker::worker::{
    ComputeDone, Effect, Event, Failure, Outcome, Place, RequestId, Work, Worker,
};
use thiserror::Error;

use super::Physics;
use super::history::{History, TraceHash};
use super::queue::Queue;
use crate::job::{PlanError, ResolvedJob, loop_settings, server_plan, training_method, transforms};

/// How often servers look at their leases.
const TICK: Duration = Duration::from_millis(50);

/// Why a simulation ends without a result.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// A server cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A server turned a worker away.
    #[error("worker {worker} was turned away: {refusal}")]
    Refused {
        /// The worker.
        worker: u32,
        /// The server's words.
        refusal: Refusal,
    },
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
        let blueprint = &job.blueprint;
        let mut servers = Vec::new();
        for index in 0..blueprint.map.servers() {
            servers.push(Server::new(server_plan(blueprint, index)?, Time::ZERO)?);
        }
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
        for worker in 0..blueprint.config.cluster.workers {
            let worker = simulation.join(worker)?;
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

    fn join(&self, worker: u32) -> Result<Worker, SimulateError> {
        let blueprint = &self.job.blueprint;
        let mut session = None;
        for server in &self.servers {
            let register = Register {
                protocol: PROTOCOL_VERSIONS,
                role: SessionRole::Worker,
                fingerprint: Some(blueprint.config.fingerprint()),
                worker: Some(WorkerId(worker)),
                session,
                data: Some(blueprint.data_summary()),
                place: "virtual".to_owned(),
            };
            let registered = server
                .register(Time::ZERO, &register)
                .map_err(|refusal| SimulateError::Refused { worker, refusal })?;
            session = Some(registered.session);
        }
        let place = Place {
            fingerprint: blueprint.config.fingerprint(),
            session: session.unwrap_or(SessionId(0)),
            worker: WorkerId(worker),
            addresses: vec!["virtual".to_owned(); self.servers.len()],
        };
        let work = Work {
            data: self.job.data.train.clone(),
            model: blueprint.model.clone(),
            transforms: transforms(blueprint)?,
            method: training_method(&blueprint.config)?,
            map: blueprint.map.clone(),
        };
        Ok(Worker::new(place, loop_settings(&blueprint.config), work))
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
        let parameters = read_everything(&self.servers, self.job);
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

/// All parameters, in layout order, straight from the servers' shards.
pub(crate) fn read_everything(servers: &[Server], job: &ResolvedJob) -> Vec<f32> {
    let mut parameters = Vec::new();
    for (shard, span) in job.blueprint.map.numbered() {
        let length = span.elements.end - span.elements.start;
        let len = u32::try_from(length).expect("a shard has fewer than 2^32 elements");
        let part = PullPart {
            shard,
            address: Address::Range(0..len),
        };
        let read = servers[span.server.0 as usize]
            .read(SessionId(0), &part)
            .expect("the map names the shard's holder and its length");
        parameters.extend(read.payload.iter());
    }
    parameters
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
