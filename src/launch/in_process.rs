//! A whole cluster as threads of one process: the same state machines, joined by channels instead of
//! sockets. For tests and for the equality "in-process = gRPC = simulated".

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use thalweg_common::ids::ServerId;
use thalweg_common::message::{Pull, Request, Status};
use thalweg_common::time::Time;
use thalweg_server::admission::Ticket;
use thalweg_server::{Handled, Server};
use thalweg_worker::worker::{Effect, Event, Outcome, RequestId, Worker};

use super::threads::ThreadRun;
use crate::job::{ResolvedJob, members, runs_on_threads};

/// Events that may wait for one worker; replies to what it has in flight.
const EVENTS_MAX: usize = 1_024;

/// How often servers look at their leases.
const TICK: Duration = Duration::from_millis(20);

struct Waiting {
    worker: usize,
    id: RequestId,
    pull: Pull,
}

/// Servers, and who waits at their gates.
struct Hall {
    started: Instant,
    servers: Vec<Server>,
    waiting: Mutex<BTreeMap<(ServerId, Ticket), Waiting>>,
    inboxes: Vec<Sender<Event>>,
}

/// Trains a job on threads of this process and returns the final parameters, in layout order.
///
/// # Errors
/// If a server cannot be planned or a worker fails.
pub fn train_in_process(job: &ResolvedJob) -> Result<Vec<f32>> {
    run(job).map(|(parameters, _)| parameters)
}

/// Trains a job; answers the final parameters and how server 0 stood at the end.
///
/// # Errors
/// As [`train_in_process`].
pub(super) fn run(job: &ResolvedJob) -> Result<(Vec<f32>, Status)> {
    if runs_on_threads(&job.blueprint.config) {
        return ThreadRun::alone(job);
    }
    let servers = members::servers(job)?;
    let workers = job.blueprint.config.cluster.workers;
    let (inboxes, events): (Vec<_>, Vec<_>) = (0..workers).map(|_| bounded(EVENTS_MAX)).unzip();
    let hall = Arc::new(Hall {
        started: now(),
        servers,
        waiting: Mutex::default(),
        inboxes,
    });
    let mut threads = Vec::new();
    for (worker, events) in (0..workers).zip(events) {
        let player = members::join(&hall.servers, job, (hall.time(), worker))?;
        let (hall, job) = (hall.clone(), job.clone());
        threads.push(
            thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn(move || hall.play(player, &events, &job))
                .context("cannot start a thread")?,
        );
    }
    for (worker, thread) in threads.into_iter().enumerate() {
        thread
            .join()
            .map_err(|_| anyhow!("worker {worker} panicked"))??;
    }
    let status = hall.servers[0].status(hall.time());
    Ok((members::read_everything(&hall.servers, job), status))
}

impl Hall {
    fn time(&self) -> Time {
        Time::from_origin(now().duration_since(self.started))
    }

    fn play(&self, mut player: Worker, events: &Receiver<Event>, job: &ResolvedJob) -> Result<()> {
        let index = player.place().worker.0 as usize;
        let mut next = Some(Event::Start);
        let mut wake = None;
        loop {
            let event = match next.take() {
                Some(event) => event,
                None => self.next_event(events, &mut wake),
            };
            for effect in player.step(self.time(), event) {
                match effect {
                    Effect::Send {
                        server,
                        id,
                        request,
                        ..
                    } => {
                        self.serve(server, (index, id), request)?;
                    }
                    Effect::Compute(task) => {
                        let pause = task.pause;
                        let done = task.run(job.blueprint.model.as_ref());
                        sleep(pause);
                        next = Some(Event::Computed(done));
                    }
                    Effect::WakeAt(time) => wake = Some(time),
                    Effect::Tell(notice) => tracing::warn!("worker {index}: {notice}"),
                    Effect::Finish(Outcome::Failed(failure)) => {
                        return Err(anyhow!("worker {index} failed: {failure}"));
                    }
                    Effect::Finish(Outcome::Done | Outcome::Stopped) => return Ok(()),
                }
            }
        }
    }

    /// The next event, or a tick when the worker wants to be woken. Leases are looked at meanwhile.
    fn next_event(&self, events: &Receiver<Event>, wake: &mut Option<Time>) -> Event {
        loop {
            let now = self.time();
            if wake.is_some_and(|at| at <= now) {
                *wake = None;
                return Event::Tick;
            }
            let patience = wake.map_or(TICK, |at| at.since(now).min(TICK));
            match events.recv_timeout(patience) {
                Ok(event) => return event,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.tick(),
            }
        }
    }

    fn serve(
        &self,
        server: ServerId,
        (worker, id): (usize, RequestId),
        request: Request,
    ) -> Result<()> {
        let held = &self.servers[server.0 as usize];
        // A ticket may be released by another thread before it is noted here, so the note is made
        // under the lock that the release takes.
        let mut waiting = self.waiting.lock();
        let handled = held.handle(self.time(), request);
        let reply = match handled {
            Handled::Reply(reply) => Some(reply),
            Handled::Parked(ticket, pull) => {
                waiting.insert((server, ticket), Waiting { worker, id, pull });
                None
            }
        };
        let released = self.take_released(server, &mut waiting);
        drop(waiting);
        if let Some(reply) = reply {
            self.inboxes[worker].send(Event::Reply { server, id, reply })?;
        }
        self.answer(server, released)
    }

    fn take_released(
        &self,
        server: ServerId,
        waiting: &mut BTreeMap<(ServerId, Ticket), Waiting>,
    ) -> Vec<Waiting> {
        let tickets = self.servers[server.0 as usize].take_released();
        tickets
            .into_iter()
            .filter_map(|ticket| waiting.remove(&(server, ticket)))
            .collect()
    }

    fn answer(&self, server: ServerId, released: Vec<Waiting>) -> Result<()> {
        for Waiting { worker, id, pull } in released {
            let reply = self.servers[server.0 as usize].read_all(&pull);
            self.inboxes[worker].send(Event::Reply { server, id, reply })?;
        }
        Ok(())
    }

    fn tick(&self) {
        for (index, server) in (0_u32..).zip(&self.servers) {
            drop(server.tick(self.time()));
            let released = self.take_released(ServerId(index), &mut self.waiting.lock());
            // A worker that has ended reads no more.
            self.answer(ServerId(index), released).ok();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a driver reads the clock for the decisions"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a driver plays the slow machine")]
fn sleep(pause: Duration) {
    if !pause.is_zero() {
        thread::sleep(pause);
    }
}
