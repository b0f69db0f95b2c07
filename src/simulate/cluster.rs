//! Servers and workers of one job under the event queue.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::Waits;
use thalweg_common::message::{Leave, LeaveReason, Phase, Pull, Reply, Request};
use thalweg_common::physics::{Fault, Machine, Victim};
use thalweg_common::time::Time;
use thalweg_server::admission::Ticket;
use thalweg_server::{Handled, Server};
use thalweg_worker::worker::{ComputeDone, Effect, Event, Failure, Outcome, RequestId};

use super::Physics;
use super::error::SimulateError;
use super::history::{History, TraceHash, Usage, WorkerFailure};
use super::player::{Held, Life, Player};
use super::post::Post;
use super::queue::Queue;
use super::spectator::{Moment, Spectator};
use crate::job::{ResolvedJob, members};

/// How often servers look at their leases.
const TICK: Duration = Duration::from_millis(50);

/// From one asking of the spectator whether to go on to the next.
const EVENTS_BETWEEN_ASKINGS: u64 = 256;

/// How long a launcher takes to see that a process has ended.
const SEEN_AFTER: Duration = Duration::from_millis(200);

/// What can happen.
#[derive(Debug)]
enum Happening {
    Comes {
        worker: usize,
    },
    Arrives {
        server: ServerId,
        worker: usize,
        id: RequestId,
        request: Request,
    },
    /// Its turn has come, and the server is through with it.
    Served {
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
        held: Option<Held>,
    },
    Computed {
        worker: usize,
        done: ComputeDone,
    },
    Wake {
        worker: usize,
        at: Time,
    },
    Impatient {
        server: ServerId,
        ticket: Ticket,
    },
    Killed(Victim),
    SeenGone {
        worker: usize,
    },
    Tick,
}

struct Waiting {
    worker: usize,
    id: RequestId,
    pull: Pull,
    since: Time,
}

/// A server and its turn.
#[derive(Debug)]
struct Counter {
    machine: Machine,
    free: Time,
    served: Duration,
}

/// A job in virtual time.
#[derive(Debug)]
pub struct Simulation<'a> {
    job: &'a ResolvedJob,
    physics: Physics,
    servers: Vec<Server>,
    counters: Vec<Counter>,
    players: Vec<Player>,
    /// Players that are not over.
    running: usize,
    post: Post,
    waiting: BTreeMap<(ServerId, Ticket), Waiting>,
    waits: Waits,
    failures: Vec<WorkerFailure>,
    queue: Queue<Happening>,
    trace: TraceHash,
    events: u64,
    /// Examples at which the spectator looks next, and from one look to the next; 0: never.
    look: (u64, u64),
}

impl<'a> Simulation<'a> {
    /// A cluster at virtual time zero, every worker registered that does not come late.
    ///
    /// # Errors
    /// [`SimulateError`] if the job cannot be planned or a worker is turned away.
    pub fn new(job: &'a ResolvedJob, physics: Physics) -> Result<Self, SimulateError> {
        let servers = members::servers(job)?;
        let config = &job.blueprint.config;
        let (workers, seed) = (config.cluster.workers, config.seed);
        let count = job.blueprint.map.servers();
        let conditions = &physics.conditions;
        let machine = |worker| Machine::new(&conditions.stragglers, (worker, workers), seed);
        let players: Vec<_> = (0..workers)
            .map(|worker| Player::away(machine(worker), physics.computing(worker, seed)))
            .collect();
        let counters = (0..count).map(|server| Counter {
            machine: Machine::of_server(&physics.slow_servers, (server, count), seed),
            free: Time::ZERO,
            served: Duration::ZERO,
        });
        let mut post = Post::new(conditions.link, (workers, count), seed);
        if let Some(recording) = &physics.recorded_links {
            post.replay(recording, physics.serve.mean(), seed);
        }
        let mut simulation = Self {
            job,
            servers,
            counters: counters.collect(),
            running: players.len(),
            players,
            post,
            waiting: BTreeMap::new(),
            waits: Waits::default(),
            failures: Vec::new(),
            queue: Queue::new(),
            trace: TraceHash::default(),
            events: 0,
            look: (0, job.blueprint.examples_between_evaluations()),
            physics,
        };
        for worker in 0..workers as usize {
            if simulation.comes_late(worker).is_none() {
                simulation.come(Time::ZERO, worker)?;
            }
        }
        Ok(simulation)
    }

    /// Lets everything happen until the last worker has ended.
    ///
    /// # Errors
    /// [`SimulateError::Failed`] if a worker computes a gradient that is no number,
    /// [`SimulateError::ServerKilled`] if a server is killed.
    pub fn run(self) -> Result<History, SimulateError> {
        self.run_before(&mut ())
    }

    /// The same before a spectator, who looks as often as `[evaluate]` says.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_before(mut self, spectator: &mut dyn Spectator) -> Result<History, SimulateError> {
        self.queue.push(Time::ZERO + TICK, Happening::Tick);
        for fault in self.physics.conditions.kills.clone() {
            let at = Time::from_origin(fault.at.0);
            self.queue.push(at, Happening::Killed(fault.victim));
        }
        for worker in 0..self.players.len() {
            match self.comes_late(worker) {
                Some(at) => self.queue.push(at, Happening::Comes { worker }),
                None => self.give(Time::ZERO, worker, Event::Start)?,
            }
        }
        let mut now = Time::ZERO;
        self.show(now, spectator)?;
        let mut goes_on = true;
        while 0 < self.running && goes_on {
            let Some((at, happening)) = self.queue.pop() else {
                break;
            };
            now = at;
            self.happen(now, happening)?;
            self.show(now, spectator)?;
            if self.events.is_multiple_of(EVENTS_BETWEEN_ASKINGS) {
                goes_on = spectator.goes_on(now.since_origin(), self.events);
            }
        }
        // Servers look once more: what was said to be enough is done when nothing is on loan.
        for server in &self.servers {
            server.tick(now);
        }
        Ok(History {
            interrupted: !goes_on,
            ..self.end(now)
        })
    }

    /// When the worker comes, if that is not at the start.
    fn comes_late(&self, worker: usize) -> Option<Time> {
        let is = |fault: &&Fault| matches!(fault.victim, Victim::Worker(w) if w as usize == worker);
        let join = self.physics.conditions.joins.iter().find(is)?;
        Some(Time::from_origin(join.at.0))
    }

    fn come(&mut self, now: Time, worker: usize) -> Result<(), SimulateError> {
        let number = u32::try_from(worker).expect("workers are numbered with 32 bits");
        let joined = members::join(&self.servers, self.job, (now, number))?;
        self.players[worker].come(now, joined);
        Ok(())
    }

    fn happen(&mut self, now: Time, happening: Happening) -> Result<(), SimulateError> {
        self.events += 1;
        self.trace.add_time(now.since_origin());
        match happening {
            Happening::Comes { worker } => self.come_late(now, worker)?,
            Happening::Arrives {
                server,
                worker,
                id,
                request,
            } => {
                self.note(1, server, worker);
                self.queue_up(now, server, (worker, id), request);
            }
            Happening::Served {
                server,
                worker,
                id,
                request,
            } => {
                self.note(5, server, worker);
                self.serve(now, server, (worker, id), request);
            }
            Happening::Answered {
                server,
                worker,
                id,
                reply,
                held,
            } => {
                self.note(2, server, worker);
                self.players[worker].answered(held);
                self.give(now, worker, Event::Reply { server, id, reply })?;
            }
            Happening::Computed { worker, done } => {
                self.note(3, ServerId(0), worker);
                self.players[worker].computed(now);
                self.give(now, worker, Event::Computed(done))?;
            }
            Happening::Wake { worker, at } => {
                if self.players[worker].wake == Some(at) {
                    self.players[worker].wake = None;
                    self.give(now, worker, Event::Tick)?;
                }
            }
            Happening::Impatient { server, ticket } => self.lose_patience(now, server, ticket),
            Happening::Killed(victim) => self.kill(now, victim)?,
            Happening::SeenGone { worker } => self.report_gone(now, worker),
            Happening::Tick => self.tick(now),
        }
        Ok(())
    }

    fn note(&mut self, kind: u64, server: ServerId, worker: usize) {
        self.trace.add(kind);
        self.trace.add(u64::from(server.0));
        self.trace.add(worker as u64);
    }

    /// A worker that comes when nobody is needed any more turns back.
    fn come_late(&mut self, now: Time, worker: usize) -> Result<(), SimulateError> {
        self.note(6, ServerId(0), worker);
        match self.servers[0].phase() {
            (Phase::Done | Phase::Failed, _) => {
                self.over(now, worker);
                Ok(())
            }
            (Phase::Joining | Phase::Training, _) => {
                self.come(now, worker)?;
                self.give(now, worker, Event::Start)
            }
        }
    }

    fn over(&mut self, now: Time, worker: usize) {
        if self.players[worker].life != Life::Over {
            self.players[worker].end(now);
            self.running -= 1;
        }
    }

    /// A worker that is killed says nothing more; what it has sent arrives.
    fn kill(&mut self, now: Time, victim: Victim) -> Result<(), SimulateError> {
        match victim {
            Victim::Server(server) => Err(SimulateError::ServerKilled {
                server,
                at: now.since_origin(),
            }),
            Victim::Worker(worker) => {
                let worker = worker as usize;
                self.note(7, ServerId(0), worker);
                if self.players[worker].life == Life::Here {
                    self.over(now, worker);
                    self.queue
                        .push(now + SEEN_AFTER, Happening::SeenGone { worker });
                }
                Ok(())
            }
        }
    }

    /// A gradient that is no number ends the simulation: the rate is too high for all of them. Whatever else
    /// ends a worker is seen by the launcher, and the others go on if the job lets them.
    fn fail(&mut self, now: Time, worker: usize, failure: Failure) -> Result<(), SimulateError> {
        let (number, at) = (self.worker_number(worker), now.since_origin());
        if matches!(failure, Failure::NonFinite { .. }) {
            return Err(SimulateError::Failed {
                worker: number,
                at,
                failure: Box::new(failure),
            });
        }
        self.failures.push(WorkerFailure {
            worker: number,
            at,
            cause: failure.to_string(),
        });
        self.over(now, worker);
        self.queue
            .push(now + SEEN_AFTER, Happening::SeenGone { worker });
        Ok(())
    }

    /// The launcher tells every server that a process was seen to end.
    fn report_gone(&mut self, now: Time, worker: usize) {
        let Some(place) = self.players[worker]
            .worker
            .as_ref()
            .map(|w| w.place().clone())
        else {
            return;
        };
        let leave = Leave {
            session: place.session,
            worker: place.worker,
            reason: LeaveReason::Failed,
            cause: match self.failures.iter().find(|f| f.worker == place.worker.0) {
                Some(failure) => failure.cause.clone(),
                None => "its process was killed".to_owned(),
            },
        };
        for server in &self.servers {
            server.leave(now, &leave);
        }
        for server in 0..self.servers.len() {
            let server = u32::try_from(server).expect("servers are numbered with 32 bits");
            self.release(now, ServerId(server), worker);
        }
    }

    fn give(&mut self, now: Time, worker: usize, event: Event) -> Result<(), SimulateError> {
        let model = &self.job.blueprint.model;
        let player = &mut self.players[worker];
        let Some(machine) = player.worker.as_mut().filter(|_| player.life == Life::Here) else {
            return Ok(());
        };
        for effect in machine.step(now, event) {
            match effect {
                Effect::Send {
                    server,
                    id,
                    request,
                    ..
                } => {
                    let at = self.post.ask(now, (worker, server), &request);
                    let arrives = Happening::Arrives {
                        server,
                        worker,
                        id,
                        request,
                    };
                    self.queue.push(at, arrives);
                }
                Effect::Compute(task) => {
                    let takes = self.players[worker].takes(now, &task);
                    if let Some((culprit, waited)) = self.players[worker].waited(now) {
                        self.waits
                            .note((self.worker_number(worker), culprit), waited);
                    }
                    let done = task.run(model.as_ref());
                    self.queue
                        .push(now + takes, Happening::Computed { worker, done });
                }
                Effect::WakeAt(at) => {
                    self.players[worker].wake = Some(at);
                    self.queue.push(at, Happening::Wake { worker, at });
                }
                // Nobody listens in virtual time.
                Effect::Tell(_) => {}
                Effect::Finish(Outcome::Failed(failure)) => {
                    return self.fail(now, worker, failure);
                }
                Effect::Finish(Outcome::Done | Outcome::Stopped) => self.over(now, worker),
            }
        }
        Ok(())
    }

    /// A server takes requests in the order in which they come.
    fn queue_up(
        &mut self,
        now: Time,
        server: ServerId,
        (worker, id): (usize, RequestId),
        request: Request,
    ) {
        if self.physics.serve.is_zero() {
            return self.serve(now, server, (worker, id), request);
        }
        let counter = &mut self.counters[server.0 as usize];
        let alone = self.physics.serve.draw(counter.machine.word());
        let begins = now.max(counter.free);
        let takes = counter.machine.takes(begins, alone);
        counter.served += takes;
        counter.free = begins + takes;
        let served = Happening::Served {
            server,
            worker,
            id,
            request,
        };
        self.queue.push(counter.free, served);
    }

    fn serve(
        &mut self,
        now: Time,
        server: ServerId,
        (worker, id): (usize, RequestId),
        request: Request,
    ) {
        match self.servers[server.0 as usize].handle(now, request) {
            Handled::Reply(reply) => self.answer(now, server, (worker, id), (reply, None)),
            Handled::Parked(ticket, pull) => {
                let impatient = Happening::Impatient { server, ticket };
                self.queue.push(now + pull.patience, impatient);
                let waiting = Waiting {
                    worker,
                    id,
                    pull,
                    since: now,
                };
                self.waiting.insert((server, ticket), waiting);
            }
        }
        self.release(now, server, worker);
    }

    fn answer(
        &mut self,
        now: Time,
        server: ServerId,
        (worker, id): (usize, RequestId),
        (reply, held): (Reply, Option<Held>),
    ) {
        let at = self.post.reply(now, (worker, server), &reply);
        let answered = Happening::Answered {
            server,
            worker,
            id,
            reply,
            held,
        };
        self.queue.push(at, answered);
    }

    /// Answers whom something of `culprit` has let go on.
    fn release(&mut self, now: Time, server: ServerId, culprit: usize) {
        for ticket in self.servers[server.0 as usize].take_released() {
            if let Some(waiting) = self.waiting.remove(&(server, ticket)) {
                let held = Held {
                    culprit: self.worker_number(culprit),
                    since: waiting.since,
                    until: now,
                };
                let reply = self.servers[server.0 as usize].read_all(&waiting.pull);
                self.answer(
                    now,
                    server,
                    (waiting.worker, waiting.id),
                    (reply, Some(held)),
                );
            }
        }
    }

    fn lose_patience(&mut self, now: Time, server: ServerId, ticket: Ticket) {
        let Some(not_yet) = self.servers[server.0 as usize].give_up(now, ticket) else {
            return;
        };
        if let Some(waiting) = self.waiting.remove(&(server, ticket)) {
            let reply = Reply::Pulled(not_yet);
            self.answer(now, server, (waiting.worker, waiting.id), (reply, None));
        }
    }

    fn tick(&mut self, now: Time) {
        for index in 0..self.job.blueprint.map.servers() {
            let lapsed = self.servers[index as usize].tick(now);
            let culprit = lapsed.first().map_or(0, |lapse| lapse.worker.0 as usize);
            self.release(now, ServerId(index), culprit);
        }
        self.queue.push(now + TICK, Happening::Tick);
    }

    /// Lets the spectator look, if it is time.
    fn show(&mut self, now: Time, spectator: &mut dyn Spectator) -> Result<(), SimulateError> {
        let (next, step) = self.look;
        if step == 0 {
            return Ok(());
        }
        let progress = self.servers[0].progress();
        if progress < next {
            return Ok(());
        }
        self.look.0 = (progress / step + 1) * step;
        let moment = Moment {
            at: now.since_origin(),
            progress,
            servers: &self.servers,
            job: self.job,
        };
        let Some(why) = spectator.look(&moment) else {
            return Ok(());
        };
        self.look.1 = 0;
        members::conclude(&self.servers, self.job, now, why)?;
        Ok(())
    }

    fn worker_number(&self, worker: usize) -> u32 {
        u32::try_from(worker).expect("workers are numbered with 32 bits")
    }

    fn end(mut self, now: Time) -> History {
        let parameters = members::read_everything(&self.servers, self.job);
        self.trace.add_values(&parameters);
        let workers: Vec<_> = self.players.iter().map(|p| p.times(now)).collect();
        let served: Vec<_> = self.counters.iter().map(|c| c.served).collect();
        let usage = Usage {
            workers_there: workers.iter().map(|times| times.there).sum(),
            computing: workers.iter().map(|times| times.computed).sum(),
            serving: served.iter().sum(),
            ..self.post.usage()
        };
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
            usage,
            workers,
            served,
            waits: self.waits,
            failures: self.failures,
            interrupted: false,
        }
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}
