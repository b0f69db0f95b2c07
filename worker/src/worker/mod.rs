//! The worker's loop: data ranges in, pulls, gradients and pushes out.
//!
//! [`Worker::step`] takes the time and one event and answers with effects. It does no I/O, reads no
//! clock, draws no entropy and starts no thread, so that the driver with real sockets and the
//! simulator with virtual time run the very same code.
//!
//! The way of an iteration: `feed` (granted positions) → `group` (rows, and the parameters that they
//! touch) → [`crate::pull`] → `compute` (with [`crate::transform`]) → [`crate::method`] →
//! [`crate::push`]. `calls` repeats what is not answered; `ending` brings the worker to its end.

mod settings;
mod event;
mod failure;
mod compute;
mod reach;
mod bucket;
mod calls;
mod feed;
mod group;
mod advance;
mod answers;
mod beat;
mod ending;
#[cfg(test)]
pub(crate) mod tests;

pub use bucket::RETRIES_PER_SECOND;
pub use compute::{ComputeDone, ComputeTask};
pub use event::{Effect, Event, Notice, Outcome, RequestId, Tally};
pub use failure::Failure;
pub use settings::{LoopSettings, Place};

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::ids::{ServerId, Version};
use thalweg_common::message::LeaveReason;
use thalweg_common::seed::{self, Purpose};
use thalweg_common::shard_map::ShardMap;
use thalweg_common::time::Time;

use crate::data::Dataset;
use crate::method::TrainingMethod;
use crate::model::Model;
use crate::push::{Account, Outbox};
use crate::transform::Transforms;
use crate::worker::advance::Computing;
use crate::worker::beat::Times;
use crate::worker::calls::Calls;
use crate::worker::ending::Phase;
use crate::worker::feed::Feed;
use crate::worker::group::{Group, Reader};
use crate::worker::reach::Word;

/// What a worker trains, and how: fixed for its life.
#[derive(Debug)]
pub struct Work {
    /// The training rows.
    pub data: Arc<dyn Dataset>,
    /// The model.
    pub model: Arc<dyn Model>,
    /// What is done to every batch's gradient.
    pub transforms: Arc<Transforms>,
    /// The method, at its start.
    pub method: Box<dyn TrainingMethod>,
    /// How the model's layout is cut.
    pub map: ShardMap,
}

/// One worker, as a state machine.
pub struct Worker {
    place: Place,
    settings: LoopSettings,
    work: Work,
    phase: Phase,
    now: Time,
    calls: Calls,
    feed: Feed,
    /// What the coordinator last said of the learning rate.
    rate_factor: f64,
    reader: Reader,
    /// Planned groups; the first is computed.
    groups: VecDeque<Group>,
    /// Groups planned so far.
    numbered: u64,
    /// Iterations planned so far.
    planned: u64,
    /// What is being computed: a batch of the first group.
    computing: Option<Computing>,
    account: Account,
    outbox: Outbox,
    /// The newest known version of each shard.
    versions: Vec<Version>,
    tally: Tally,
    times: Times,
    /// Effects of the present step.
    effects: Vec<Effect>,
    /// The computation that the present step begins: after everything that is to be sent.
    task: Option<ComputeTask>,
    /// The last [`Effect::WakeAt`].
    wake: Option<Time>,
}

/// A worker that is woken so much later than it wanted was not running.
const SLEPT: Duration = Duration::from_secs(2);

impl Worker {
    /// A worker before [`Event::Start`].
    ///
    /// # Panics
    /// If the map was not cut from the model's layout.
    #[must_use]
    pub fn new(place: Place, settings: LoopSettings, work: Work) -> Self {
        let elements = work.model.layout().elements();
        assert_eq!(
            work.map.elements(),
            elements,
            "the map is cut from the model's layout"
        );
        let jitter = seed::derive(settings.seed, Purpose::Jitter, place.session.0);
        Self {
            phase: Phase::Training,
            now: Time::ZERO,
            calls: Calls::new(jitter, settings.retry_total),
            feed: Feed::new(settings.batch_size, work.data.rows()),
            rate_factor: 1.0,
            reader: Reader::new(settings.seed, settings.pull, elements, settings.accumulate),
            groups: VecDeque::new(),
            numbered: 0,
            planned: 0,
            computing: None,
            account: Account::default(),
            outbox: Outbox::default(),
            versions: vec![Version(0); work.map.shards().len()],
            tally: Tally::default(),
            times: Times::default(),
            effects: Vec::new(),
            task: None,
            wake: None,
            place,
            settings,
            work,
        }
    }

    /// Takes one event at time `now`, which never goes back; answers with what is to be done, in
    /// order.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        if matches!(self.phase, Phase::Over) {
            return Vec::new();
        }
        let late = self.wake.map_or(Duration::ZERO, |wake| now.since(wake));
        if SLEPT <= late {
            self.calls.slept(late);
        }
        self.now = self.now.max(now);
        if let Err(failure) = self.take(event).and_then(|()| self.go_on()) {
            self.fail(failure);
        }
        self.tally.repeats = self.calls.repeats();
        let mut effects = std::mem::take(&mut self.effects);
        effects.extend(self.task.take().map(Effect::Compute));
        // A finish, if there is one, stays last.
        effects.sort_by_key(|effect| matches!(effect, Effect::Finish(_)));
        effects
    }

    /// What the worker trains.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Figures for reports.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Where the worker stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Start => self.first_beat(),
            // A driver may keep timers of wakes that no longer count.
            Event::Tick => self.wake = self.wake.filter(|time| self.now < *time),
            Event::Reply { server, id, reply } => self.answer(server, id, reply)?,
            Event::Computed(done) => self.computed(done)?,
            Event::Lost { server, cause } => self.calls.lost(self.now, server, cause),
            Event::Back { server } => {
                if let Some(since) = self.calls.back(server) {
                    self.effects.push(Effect::Tell(Notice::Reachable {
                        server: self.place.name(server),
                        lost: self.now.since(since),
                    }));
                }
            }
            Event::Stop => {
                let within = self.settings.stop_within / 2;
                self.begin_end(LeaveReason::Stopped, Some(within));
            }
        }
        Ok(())
    }

    /// Everything that follows from the present state.
    fn go_on(&mut self) -> Result<(), Failure> {
        self.calls.expire(self.now);
        if let Some(overdue) = self.calls.overdue(self.now) {
            return Err(Failure::Silent {
                server: self.place.name(overdue.server),
                silent: overdue.silent,
                last: overdue.last,
            });
        }
        self.tell();
        match self.phase {
            Phase::Training => self.train()?,
            Phase::Ending { .. } | Phase::Leaving { .. } | Phase::Over => {}
        }
        self.end()?;
        self.beat();
        self.send_due();
        self.set_wake();
        Ok(())
    }

    /// Tells of servers that cannot be reached.
    fn tell(&mut self) {
        for Word {
            server,
            since,
            cause,
        } in self.calls.words(self.now)
        {
            let gives_up = self.calls.gives_up(server).unwrap_or(self.now);
            self.effects.push(Effect::Tell(Notice::Unreachable {
                server: self.place.name(server),
                lost: self.now.since(since),
                cause,
                gives_up_in: gives_up.since(self.now),
            }));
        }
    }

    fn servers(&self) -> impl Iterator<Item = ServerId> + use<> {
        (0..self.work.map.servers()).map(ServerId)
    }

    fn set_wake(&mut self) {
        let feed = self
            .feed
            .wake()
            .filter(|time| matches!(self.phase, Phase::Training) && self.now < *time);
        let wake = [
            self.calls.wake(),
            self.times.next_beat,
            // Once it is over it wakes nobody any more: a push may still be waited for.
            self.phase.until().filter(|time| self.now < *time),
            feed,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|time| time.max(self.now));
        if let Some(time) = wake.filter(|_| wake != self.wake) {
            self.effects.push(Effect::WakeAt(time));
        }
        self.wake = wake;
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("place", &self.place)
            .field("phase", &self.phase)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}
