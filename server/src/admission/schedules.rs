//! The gate under random schedules: workers that compute, die, leave and come back in any order, watched
//! by a judge who keeps books of its own. Planted mistakes show that the judge sees them.

use std::time::Duration;

use thalweg_common::consistency::Consistency;
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::seed::mix;
use thalweg_common::time::Time;

use super::{Admission, Gate, SlotState, Ticket};

const SCHEDULES: u64 = 1_200;
const STEPS: usize = 300;
const LEASE: Duration = Duration::from_secs(10);
/// How often leases are looked at.
const TICK: Duration = Duration::from_secs(1);

/// A mistake in what stands around the gate, or in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    Nothing,
    /// The gate lets workers be one iteration further ahead.
    GateOffByOne,
    /// A clock is told before its parts are applied.
    ClockBeforeParts,
    /// Nobody looks at leases.
    LeaseIgnored,
    /// Who is lost is known to be lost, and still counts.
    DeadWorkerCounted,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// Wants to begin its next iteration.
    Asks,
    Parked(Ticket),
    Computes,
    /// Its parts are applied, or, with a mistake, its clock is told.
    HalfPushed,
    /// Gives no sign of life.
    Dead,
    Gone,
}

#[derive(Clone, Debug)]
struct Actor {
    session: u64,
    /// Iterations that this session has finished.
    own: u64,
    doing: Doing,
    seen: Time,
    /// The judge's books: iterations finished on a scale of all workers, and those whose parts are in.
    clock: u64,
    applied: u64,
}

struct World {
    plant: Plant,
    lag: u64,
    gate: Admission,
    actors: Vec<Actor>,
    now: Time,
    random: u64,
    sessions: u64,
    started: usize,
}

impl World {
    fn new(seed: u64, plant: Plant) -> Self {
        let mut random = mix(seed);
        let workers = 2 + usize::try_from(random % 4).unwrap();
        random = mix(random);
        let lag = random % 4;
        let permitted = lag + u64::from(plant == Plant::GateOffByOne);
        let model = match permitted {
            0 => Consistency::Bsp,
            lag => Consistency::Ssp { lag },
        };
        let gate = Admission::new(model, u32::try_from(workers).unwrap(), 0);
        let actor = |number| Actor {
            session: number,
            own: 0,
            doing: Doing::Asks,
            seen: Time::ZERO,
            clock: 0,
            applied: 0,
        };
        let actors: Vec<_> = (1..=workers as u64).map(actor).collect();
        let mut world = Self {
            plant,
            lag,
            gate,
            actors,
            now: Time::ZERO,
            random,
            sessions: workers as u64,
            started: 0,
        };
        for worker in 0..workers {
            let session = SessionId(world.actors[worker].session);
            world.gate.enter(world.now, id(worker), session);
        }
        world
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = mix(self.random);
        self.random % below
    }

    /// One thing happens. An error is what the judge says of it.
    fn step(&mut self) -> Result<(), String> {
        self.now = self.now + Duration::from_millis(50 + self.draw(400));
        self.beat();
        self.tick()?;
        let worker = usize::try_from(self.draw(self.actors.len() as u64)).unwrap();
        let chance = self.draw(100);
        let living = self.actors.iter().filter(|a| is_alive(a)).count();
        match self.actors[worker].doing {
            Doing::Asks => self.ask(worker)?,
            Doing::Computes | Doing::HalfPushed if chance < 3 && 1 < living => {
                self.actors[worker].doing = Doing::Dead;
            }
            Doing::Computes if chance < 5 && 1 < living => {
                self.actors[worker].doing = Doing::Gone;
                let released = self
                    .gate
                    .leave(self.now, id(worker), SlotState::Left, "left");
                self.release(&released)?;
            }
            Doing::Computes => self.push_half(worker)?,
            Doing::HalfPushed => self.push_rest(worker)?,
            Doing::Dead | Doing::Gone if chance < 10 => self.come_back(worker),
            Doing::Parked(_) | Doing::Dead | Doing::Gone => {}
        }
        self.judge_waits()
    }

    /// Everybody who is alive says so.
    fn beat(&mut self) {
        for (worker, actor) in self.actors.iter_mut().enumerate() {
            if is_alive(actor) {
                actor.seen = self.now;
                self.gate
                    .alive(self.now, id(worker), SessionId(actor.session));
            }
        }
    }

    /// Leases are looked at.
    fn tick(&mut self) -> Result<(), String> {
        if self.plant == Plant::LeaseIgnored {
            return Ok(());
        }
        for lapse in self.gate.lapsed(self.now, LEASE, Duration::from_secs(60)) {
            if self.plant == Plant::DeadWorkerCounted {
                continue;
            }
            let released = self
                .gate
                .leave(self.now, lapse.worker, SlotState::Lost, &lapse.why);
            self.release(&released)?;
        }
        Ok(())
    }

    fn ask(&mut self, worker: usize) -> Result<(), String> {
        let own = Clock(self.actors[worker].own);
        match self.gate.ask(self.now, id(worker), own) {
            Gate::Open => self.begin(worker),
            Gate::Parked(ticket) => {
                self.actors[worker].doing = Doing::Parked(ticket);
                Ok(())
            }
        }
    }

    fn release(&mut self, tickets: &[Ticket]) -> Result<(), String> {
        for worker in 0..self.actors.len() {
            let waits = |ticket: &Ticket| self.actors[worker].doing == Doing::Parked(*ticket);
            if tickets.iter().any(waits) {
                self.begin(worker)?;
            }
        }
        Ok(())
    }

    /// The gate has let a worker begin: the judge looks whether it might.
    fn begin(&mut self, worker: usize) -> Result<(), String> {
        self.actors[worker].doing = Doing::Computes;
        self.started += 1;
        let needed = self.actors[worker].clock.saturating_sub(self.lag);
        for (other, actor) in self.actors.iter().enumerate() {
            if actor.doing == Doing::Gone || LEASE < self.now.since(actor.seen) {
                continue;
            }
            if actor.clock < needed || actor.applied < needed {
                return Err(format!(
                    "worker {worker} begins iteration {} with lag {}, and worker {other} is at clock {} \
                     with {} applied",
                    self.actors[worker].clock, self.lag, actor.clock, actor.applied
                ));
            }
        }
        Ok(())
    }

    fn push_half(&mut self, worker: usize) -> Result<(), String> {
        self.actors[worker].doing = Doing::HalfPushed;
        if self.plant == Plant::ClockBeforeParts {
            return self.tell_clock(worker);
        }
        self.actors[worker].applied += 1;
        Ok(())
    }

    fn push_rest(&mut self, worker: usize) -> Result<(), String> {
        self.actors[worker].doing = Doing::Asks;
        if self.plant == Plant::ClockBeforeParts {
            self.actors[worker].applied += 1;
            return Ok(());
        }
        self.tell_clock(worker)
    }

    fn tell_clock(&mut self, worker: usize) -> Result<(), String> {
        let actor = &mut self.actors[worker];
        actor.own += 1;
        actor.clock += 1;
        let own = Clock(actor.own);
        let released = self.gate.advance(self.now, id(worker), own);
        self.release(&released)
    }

    /// A new session takes the slot, at the least clock of those who are there.
    fn come_back(&mut self, worker: usize) {
        if self.actors[worker].doing == Doing::Dead
            && self.now.since(self.actors[worker].seen) <= LEASE
        {
            return;
        }
        self.sessions += 1;
        let others = self.actors.iter().enumerate();
        // Who has fallen silent is there until its lease has run out.
        let is_there =
            |actor: &Actor| actor.doing != Doing::Gone && self.now.since(actor.seen) <= LEASE;
        let others = others.filter(|(other, actor)| *other != worker && is_there(actor));
        let floor = others.map(|(_, actor)| actor.clock).min();
        let actor = &mut self.actors[worker];
        actor.session = self.sessions;
        actor.own = 0;
        actor.doing = Doing::Asks;
        actor.seen = self.now;
        actor.clock = actor.clock.max(floor.unwrap_or(0));
        actor.applied = actor.clock;
        self.gate
            .enter(self.now, id(worker), SessionId(self.sessions));
    }

    /// Nobody waits for a worker that is gone, or silent for longer than its lease.
    fn judge_waits(&self) -> Result<(), String> {
        for (worker, actor) in self.actors.iter().enumerate() {
            if !matches!(actor.doing, Doing::Parked(_)) {
                continue;
            }
            let needed = actor.clock.saturating_sub(self.lag);
            let holds = |(other, holder): (usize, &Actor)| {
                other != worker
                    && holder.clock < needed
                    && holder.doing != Doing::Gone
                    && self.now.since(holder.seen) <= LEASE + TICK
            };
            if !self.actors.iter().enumerate().any(holds) {
                return Err(format!(
                    "worker {worker} waits at clock {} with lag {} for nobody that lives: {:?}",
                    actor.clock, self.lag, self.actors
                ));
            }
        }
        Ok(())
    }
}

fn id(worker: usize) -> WorkerId {
    WorkerId(u32::try_from(worker).unwrap())
}

fn is_alive(actor: &Actor) -> bool {
    !matches!(actor.doing, Doing::Dead | Doing::Gone)
}

/// Plays a schedule; answers how many iterations were begun, or what the judge found.
fn play(seed: u64, plant: Plant) -> Result<usize, String> {
    let mut world = World::new(seed, plant);
    for _ in 0..STEPS {
        world.step()?;
    }
    Ok(world.started)
}

#[test]
fn no_schedule_passes_the_lag_or_lets_anybody_wait_for_the_dead() {
    let mut started = 0;
    for seed in 0..SCHEDULES {
        started += play(seed, Plant::Nothing).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(50 * SCHEDULES < started as u64, "{started} iterations");
}

#[test]
fn planted_mistakes_are_seen() {
    for plant in [
        Plant::GateOffByOne,
        Plant::ClockBeforeParts,
        Plant::LeaseIgnored,
        Plant::DeadWorkerCounted,
    ] {
        let caught = (0..SCHEDULES)
            .filter(|seed| play(*seed, plant).is_err())
            .count();
        assert!(0 < caught, "{plant:?} was never seen");
    }
}

#[test]
fn a_lag_of_nothing_is_bulk_synchronous() {
    for iteration in 0..1_000 {
        let stale = Consistency::Ssp { lag: 0 }.floor(Clock(iteration));
        assert_eq!(stale, Consistency::Bsp.floor(Clock(iteration)));
    }
}
