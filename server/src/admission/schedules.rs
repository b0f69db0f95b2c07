//! The gate under random schedules: workers that compute, ask ahead, die, leave and come back in any order,
//! watched by a judge who keeps books of its own. Planted mistakes show that the judge sees them.

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
    /// When that clock last moved.
    moved: Time,
    /// What it has asked for last, on a scale of all workers, while that is parked.
    asked: u64,
    /// The answer to what it asked for while it computed.
    ahead: Option<Gate>,
}

struct World {
    plant: Plant,
    lag: u64,
    /// So many of the slowest are not waited for.
    spared: usize,
    gate: Admission,
    actors: Vec<Actor>,
    now: Time,
    random: u64,
    sessions: u64,
    started: usize,
    /// Ended waits that were told of.
    told: usize,
}

impl World {
    fn new(seed: u64, plant: Plant, spared: usize) -> Self {
        let mut random = mix(seed);
        let workers = 2 + spared + usize::try_from(random % 4).unwrap();
        random = mix(random);
        let lag = random % 4;
        let permitted = lag + u64::from(plant == Plant::GateOffByOne);
        let model = match permitted {
            0 => Consistency::Bsp,
            lag => Consistency::Ssp { lag },
        };
        let backup_workers = u32::try_from(spared).unwrap();
        let gate = Admission::new(model, u32::try_from(workers).unwrap(), backup_workers);
        let actor = |number| Actor {
            session: number,
            own: 0,
            doing: Doing::Asks,
            seen: Time::ZERO,
            clock: 0,
            applied: 0,
            moved: Time::ZERO,
            asked: 0,
            ahead: None,
        };
        let actors: Vec<_> = (1..=workers as u64).map(actor).collect();
        let mut world = Self {
            plant,
            lag,
            spared,
            gate,
            actors,
            now: Time::ZERO,
            random,
            sessions: workers as u64,
            started: 0,
            told: 0,
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
            Doing::Computes if chance < 35 && self.actors[worker].ahead.is_none() => {
                self.ask_ahead(worker)?;
            }
            Doing::Computes => self.push_half(worker)?,
            Doing::HalfPushed => self.push_rest(worker)?,
            Doing::Dead | Doing::Gone if chance < 10 => self.come_back(worker),
            Doing::Parked(_) | Doing::Dead | Doing::Gone => {}
        }
        self.judge_waits()?;
        self.judge_told()
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
        for lapse in self.gate.lapsed(self.now, Duration::from_secs(60)) {
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
        let actor = &mut self.actors[worker];
        let gate = match actor.ahead.take() {
            Some(answer) => answer,
            None => {
                actor.asked = actor.clock;
                let answer = self.gate.ask(self.now, id(worker), Clock(actor.own));
                if answer == Gate::Open {
                    self.judge_opened(worker)?;
                }
                answer
            }
        };
        match gate {
            Gate::Open => self.begin(worker),
            Gate::Parked(ticket) => self.actors[worker].doing = Doing::Parked(ticket),
        }
        Ok(())
    }

    /// Asks for the next iteration while it computes this one.
    fn ask_ahead(&mut self, worker: usize) -> Result<(), String> {
        let actor = &mut self.actors[worker];
        actor.asked = actor.clock + 1;
        let answer = self.gate.ask(self.now, id(worker), Clock(actor.own + 1));
        actor.ahead = Some(answer.clone());
        match answer {
            Gate::Open => self.judge_opened(worker),
            Gate::Parked(_) => Ok(()),
        }
    }

    fn release(&mut self, tickets: &[Ticket]) -> Result<(), String> {
        self.judge_ended()?;
        for ticket in tickets {
            for worker in 0..self.actors.len() {
                if self.actors[worker].doing == Doing::Parked(*ticket) {
                    self.judge_opened(worker)?;
                    self.begin(worker);
                } else if self.actors[worker].ahead == Some(Gate::Parked(*ticket)) {
                    self.judge_opened(worker)?;
                    self.actors[worker].ahead = Some(Gate::Open);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, worker: usize) {
        self.actors[worker].doing = Doing::Computes;
        self.started += 1;
    }

    /// The clock that all who are waited for must have reached for what a worker has asked for.
    fn needed(&self, worker: usize) -> u64 {
        self.actors[worker].asked.saturating_sub(self.lag)
    }

    /// Those that count: not gone, nor silent for longer than their lease and so much more.
    fn living(&self, more: Duration) -> impl Iterator<Item = (usize, &Actor)> {
        let lives = move |actor: &Actor| {
            actor.doing != Doing::Gone && self.now.since(actor.seen) <= LEASE + more
        };
        let actors = self.actors.iter().enumerate();
        actors.filter(move |(_, actor)| lives(actor))
    }

    /// Of those that count so many are not waited for; somebody is, if anybody counts.
    fn spared(&self) -> usize {
        let all = self.living(Duration::ZERO).count();
        self.spared.min(all.saturating_sub(1))
    }

    /// The gate lets a worker begin: the judge looks whether it may.
    fn judge_opened(&self, worker: usize) -> Result<(), String> {
        let needed = self.needed(worker);
        let behind = |(_, actor): &(usize, &Actor)| actor.clock < needed || actor.applied < needed;
        let behind: Vec<_> = self.living(Duration::ZERO).filter(behind).collect();
        match behind.len() <= self.spared() {
            true => Ok(()),
            false => Err(format!(
                "worker {worker} begins iteration {} with lag {} and {} spared; behind are {behind:?}",
                self.actors[worker].asked, self.lag, self.spared
            )),
        }
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
        actor.moved = self.now;
        let own = Clock(actor.own);
        self.take_along(worker);
        let released = self.gate.advance(self.now, id(worker), own);
        self.release(&released)
    }

    /// A worker whose round was over without it goes on with the open one.
    fn take_along(&mut self, worker: usize) {
        let mut clocks: Vec<_> = self
            .living(Duration::ZERO)
            .map(|(_, actor)| actor.clock)
            .collect();
        clocks.sort_unstable();
        let open = clocks[self.spared()];
        let actor = &mut self.actors[worker];
        if actor.clock < open {
            actor.applied += open - actor.clock;
            actor.clock = open;
        }
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
        actor.moved = self.now;
        actor.ahead = None;
        self.gate
            .enter(self.now, id(worker), SessionId(self.sessions));
    }

    /// Nobody waits for a worker that is gone, or silent for longer than its lease.
    fn judge_waits(&self) -> Result<(), String> {
        for (worker, actor) in self.actors.iter().enumerate() {
            if !matches!(actor.doing, Doing::Parked(_)) {
                continue;
            }
            let needed = self.needed(worker);
            let holds =
                |(other, holder): &(usize, &Actor)| *other != worker && holder.clock < needed;
            if self.living(TICK).filter(holds).count() <= self.spared() {
                return Err(format!(
                    "worker {worker} waits at clock {} with lag {} for nobody that lives: {:?}",
                    actor.clock, self.lag, self.actors
                ));
            }
        }
        Ok(())
    }

    /// Whoever is told to wait has come itself to where it waits for the others, and since then.
    fn judge_told(&self) -> Result<(), String> {
        for (worker, wait) in self.gate.waits(self.now) {
            let number = worker.0 as usize;
            let actor = &self.actors[number];
            let has_asked = matches!(actor.doing, Doing::Parked(_))
                || matches!(actor.ahead, Some(Gate::Parked(_)));
            if !has_asked || actor.clock < self.needed(number) || wait.on.contains(&worker) {
                return Err(format!(
                    "worker {worker} is told to wait and does not: {actor:?}"
                ));
            }
            if self.now.since(actor.moved) < wait.since {
                return Err(format!(
                    "worker {worker} is told to have waited for {:?}: {actor:?}",
                    wait.since
                ));
            }
        }
        Ok(())
    }

    /// Waits that have ended were waits for others, of those who had come so far, and since then.
    fn judge_ended(&mut self) -> Result<(), String> {
        for ended in self.gate.take_opened() {
            let actor = &self.actors[ended.worker.0 as usize];
            let since = self.now.since(actor.moved);
            if ended.worker == ended.last || actor.clock < ended.floor.0 || since < ended.time {
                return Err(format!("{ended:?} is told of {actor:?}"));
            }
            self.told += 1;
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

/// Plays a schedule; answers how many iterations were begun and waits were told of, or what the judge found.
fn play(seed: u64, plant: Plant, spared: usize) -> Result<(usize, usize), String> {
    let mut world = World::new(seed, plant, spared);
    for _ in 0..STEPS {
        world.step()?;
    }
    Ok((world.started, world.told))
}

#[test]
fn no_schedule_passes_the_lag_or_lets_anybody_wait_for_the_dead_or_be_told_to_while_it_computes() {
    for spared in 0..=2 {
        let (mut started, mut told) = (0, 0);
        for seed in 0..SCHEDULES {
            let played = play(seed, Plant::Nothing, spared);
            let (begun, waits) =
                played.unwrap_or_else(|why| panic!("seed {seed}, {spared} spared: {why}"));
            started += begun as u64;
            told += waits as u64;
        }
        assert!(50 * SCHEDULES < started, "{started} iterations");
        assert!(5 * SCHEDULES < told, "{told} waits, {spared} spared");
    }
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
            .filter(|seed| play(*seed, plant, 0).is_err())
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
