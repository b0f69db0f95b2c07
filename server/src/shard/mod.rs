//! Station 3: the shard, a state machine that owns a piece of the parameters.
//!
//! Comes after admission, before the optimizer. A part is judged whole before it changes anything,
//! applied whole, and remembered under its sequence. The shard has one holder at a time; who that
//! is, and on which thread, is the driver's business.

mod build;
mod window;
mod judge;
mod pins;
mod round;
mod save;
mod tally;
mod told;
mod tuner;
mod view;

pub(crate) use build::shards;
pub use pins::PINS_PER_SESSION_MAX;
pub use save::LoadError;
pub(crate) use tally::Account;
pub use tuner::Tuner;
pub use window::{Known, Window};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_common::consistency::{Aggregation, Staleness};
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Clock, Sequence, SessionId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    Address, DUPLICATE_WINDOW, Kind, Outcome, Part, PartAck, Payload, PushHeader, Read,
    ShardStatus, StalenessHistogram,
};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::optimizer::{AtRead, AtReadView, Reader, StepContext, Store};
use thalweg_common::push_format::PushFormat;

use pins::Pins;
use round::{Mean, Pending, Round};
use told::ToldAtRead;
use view::with_view;

/// The learning rate at a progress, in examples.
pub type Rate = Arc<dyn Fn(u64) -> f64 + Send + Sync>;

/// What a shard is made of.
pub struct ShardSpec {
    /// Its number.
    pub id: ShardId,
    /// Parameters and slots.
    pub store: Box<dyn Store<f32>>,
    /// The learning rate.
    pub rate: Rate,
    /// The other hyper-parameters that move.
    pub tuner: Tuner,
    /// What the optimizer must know of a worker's last read.
    pub at_read: AtRead,
    /// What workers push.
    pub pushes: Kind,
    /// How they write it.
    pub format: PushFormat,
    /// When the optimizer runs.
    pub aggregation: Aggregation,
    /// What staleness does to a gradient.
    pub bound: Staleness,
    /// What becomes of NaN and infinity.
    pub non_finite: NonFinite,
    /// Worker slots of the job: a round waits for all that are enlisted.
    pub workers: u32,
}

/// On whose behalf a shard is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadBy {
    /// What of the parameters it should see.
    pub reader: Reader,
    /// Its session.
    pub session: SessionId,
    /// The last iteration that computes at what is read.
    pub until: Clock,
}

/// One shard.
pub struct Shard {
    id: ShardId,
    store: Box<dyn Store<f32>>,
    rate: Rate,
    tuner: Tuner,
    at_read: AtRead,
    pushes: Kind,
    format: PushFormat,
    aggregation: Aggregation,
    bound: Staleness,
    pins: Pins,
    non_finite: NonFinite,
    version: Version,
    progress: u64,
    windows: BTreeMap<SessionId, Window>,
    round: Round,
    staleness: StalenessHistogram,
    /// What became of each worker's parts, and how stale they were.
    accounts: BTreeMap<WorkerId, Account>,
}

/// What a step takes beside its gradient.
#[derive(Clone, Copy, Debug)]
struct StepInputs<'a> {
    /// Whose gradient it is.
    worker: WorkerId,
    /// What the worker had read.
    at_read: AtReadView<'a>,
    /// The gradient's factor.
    scale: f32,
    /// How much of the objective the step is about.
    share: f64,
    /// Steps since the worker read.
    staleness: u64,
    /// The learning rate's factor, from feedback.
    rate_factor: f64,
}

impl fmt::Debug for ShardSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardSpec")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id)
            .field("elements", &self.store.len())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// A shard before its first step.
    #[must_use]
    pub fn new(spec: ShardSpec) -> Self {
        let mut shard = Self {
            id: spec.id,
            store: spec.store,
            rate: spec.rate,
            tuner: spec.tuner,
            at_read: spec.at_read,
            pushes: spec.pushes,
            format: spec.format,
            aggregation: spec.aggregation,
            bound: spec.bound,
            pins: Pins::default(),
            non_finite: spec.non_finite,
            version: Version(0),
            progress: 0,
            windows: BTreeMap::new(),
            round: Round::new(spec.aggregation, spec.workers),
            staleness: StalenessHistogram::default(),
            accounts: BTreeMap::new(),
        };
        shard.advance(0);
        shard
    }

    /// A session will push here: opens its window and lets rounds wait for its worker.
    pub fn enlist(&mut self, worker: WorkerId, session: SessionId) {
        self.windows.entry(session).or_default();
        self.round.enlist(worker);
    }

    /// Rounds no longer wait for this worker. Its accepted part stays in the round.
    pub fn retire(&mut self, worker: WorkerId) {
        self.round.retire(worker);
        self.complete_round();
    }

    /// Lets go the copies of what a session has read that left or was lost. Its window stays: a part of it
    /// may still be queued.
    pub fn release(&mut self, session: SessionId) {
        self.pins.depart(session);
    }

    /// Copies of reads that are kept here.
    #[cfg(test)]
    pub(crate) fn copies(&self) -> usize {
        self.pins.copies()
    }

    /// Forgets the window of a session that can push no more, because a later one has its slot. An open
    /// round does not wait for what it owed; what it gave stays in the round.
    pub fn close(&mut self, worker: WorkerId, session: SessionId) {
        self.windows.remove(&session);
        self.pins.close(session);
        self.retire(worker);
    }

    /// Applies by itself what a worker has in rounds that wait for all: its clock was set anew, and its
    /// later session would come after its own earlier part for ever.
    pub fn settle(&mut self, worker: WorkerId) {
        for part in self.round.take_of(worker) {
            self.step_round(&[part]);
        }
    }

    /// Judges a part and applies or accepts it.
    pub fn push(&mut self, header: &PushHeader, part: &Part) -> PartAck {
        let outcome = self.outcome(header, part);
        self.count(header.worker, part, &outcome);
        PartAck {
            shard: self.id,
            sequence: part.sequence,
            outcome,
        }
    }

    /// Whether `push` would take this part for the first time.
    #[must_use]
    pub fn is_new(&self, session: SessionId, sequence: Sequence) -> bool {
        self.windows
            .get(&session)
            .is_some_and(|window| window.look(sequence) == Known::New)
    }

    /// Refuses a part for a reason found outside of the shard, and remembers it.
    pub fn refuse(&mut self, header: &PushHeader, part: &Part, refusal: Refusal) -> PartAck {
        if let Some(window) = self.windows.get_mut(&header.session)
            && window.look(part.sequence) == Known::New
        {
            window.refuse(part.sequence, refusal.clone());
        }
        self.tally(header.worker).refuse(refusal.kind, 1);
        let outcome = Outcome::Refused(refusal);
        PartAck {
            shard: self.id,
            sequence: part.sequence,
            outcome,
        }
    }

    /// Reads elements as the reader should see them, all of one version.
    ///
    /// # Errors
    /// [`RefusalKind::Invalid`] or [`RefusalKind::Unsupported`] if the address is not one of this
    /// shard's elements.
    pub fn read(&mut self, by: ReadBy, address: &Address) -> Result<Read, Refusal> {
        judge::address(self.id, address, self.store.len())?;
        let mut out = Vec::with_capacity(address.len() * Payload::VALUE_BYTES);
        let done = match address {
            Address::Range(range) => self.store.read_range(
                by.reader,
                range.start as usize..range.end as usize,
                &mut out,
            ),
            Address::Coordinates(coordinates) => {
                self.store
                    .read_coordinates(by.reader, coordinates.as_slice(), &mut out)
            }
            Address::Rows { .. } => Ok(()),
        };
        done.map_err(|error| Refusal::invalid(format!("shard {}: {error}", self.id)))?;
        let at_read = match by.reader {
            Reader::Worker => self.tell_at_read(by, address),
            Reader::Observer => Payload::default(),
        };
        Ok(Read {
            shard: self.id,
            version: self.version,
            applied: self
                .windows
                .get(&by.session)
                .map_or(Sequence(0), Window::contiguous),
            payload: Payload::from_bytes(Bytes::from(out)),
            at_read,
        })
    }

    /// Parameters and slots.
    pub fn store_mut(&mut self) -> &mut dyn Store<f32> {
        self.store.as_mut()
    }

    /// How the shard stands.
    #[must_use]
    pub fn status(&self) -> ShardStatus {
        ShardStatus {
            shard: self.id,
            elements: self.store.len() as u64,
            version: self.version,
            progress: self.progress,
            pending: self.round.pending() as u64,
            staleness: self.staleness.clone(),
        }
    }

    fn outcome(&mut self, header: &PushHeader, part: &Part) -> Outcome {
        if part.sequence < Sequence::FIRST {
            return Outcome::Refused(Refusal::invalid("sequences count from 1; found 0"));
        }
        let Some(window) = self.windows.get(&header.session) else {
            return Outcome::Refused(unknown_session(self.id, header.session));
        };
        match window.look(part.sequence) {
            Known::Duplicate => {
                return Outcome::Duplicate {
                    version: self.version,
                };
            }
            Known::Refused(refusal) => return Outcome::Refused(refusal),
            Known::TooFar { low } => {
                return Outcome::Refused(too_far(self.id, part.sequence, low));
            }
            Known::New => {}
        }
        if self.aggregation.combines() && self.round.is_full(header.worker) {
            return Outcome::Refused(round_open(self.id, header.worker));
        }
        let judged = judge::part(self, header, part)
            .and_then(|()| judge::decoded(self.id, part, self.format))
            .and_then(|payload| judge::values(self.id, &part.address, payload, self.non_finite))
            .and_then(|payload| Ok((payload, self.told_at_read(header, part)?)));
        let (payload, at_read) = match judged {
            Ok(judged) => judged,
            Err(refusal) => {
                self.window(header.session)
                    .refuse(part.sequence, refusal.clone());
                return Outcome::Refused(refusal);
            }
        };
        self.window(header.session).judge(part.sequence);
        let outcome = match self.judge_age(part) {
            None => self.leave_out(header, part),
            Some(scale) if self.aggregation.combines() => {
                self.accept(header, part, (payload, scale))
            }
            Some(scale) => self.apply(header, part, &payload, (at_read, scale)),
        };
        // Parts overtake each other on their way: while an earlier one is to come, so is what it needs.
        if !self.window(header.session).has_gap() {
            self.pins.release_before(header.session, header.clock);
        }
        outcome
    }

    /// What a part is multiplied by for its age; `None` if it is left out.
    ///
    /// A round that does not wait for the slowest is over for their parts once it has taken its step:
    /// they are never averaged into the next.
    fn judge_age(&self, part: &Part) -> Option<f64> {
        let staleness = self.version.0 - part.version_read.0;
        if 0 < self.aggregation.backup_workers() && 0 < staleness {
            return None;
        }
        // A part without elements has nothing that could be stale.
        if part.address.is_empty() {
            return Some(1.0);
        }
        self.bound.factor(staleness)
    }

    /// Leaves a part out that came too late. Its examples were used, so that the job goes on.
    fn leave_out(&mut self, header: &PushHeader, part: &Part) -> Outcome {
        self.advance(header.weight);
        Outcome::Dropped {
            version: self.version,
            staleness: self.version.0 - part.version_read.0,
        }
    }

    fn window(&mut self, session: SessionId) -> &mut Window {
        self.windows
            .get_mut(&session)
            .expect("the session was looked up before the part was judged")
    }

    fn apply(
        &mut self,
        header: &PushHeader,
        part: &Part,
        payload: &Payload,
        (at_read, scale): (ToldAtRead<'_>, f64),
    ) -> Outcome {
        let staleness = self.version.0 - part.version_read.0;
        if header.weight > 0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a gradient's factor is f32"
            )]
            let inputs = StepInputs {
                worker: header.worker,
                at_read: at_read.view(),
                scale: scale as f32,
                share: scale,
                staleness,
                rate_factor: header.rate_factor,
            };
            match self.pushes {
                Kind::Delta => self.add(&part.address, payload),
                Kind::Gradient | Kind::Statistic => self.step(&part.address, payload, inputs),
            }
            self.advance(header.weight);
            if !part.address.is_empty() {
                self.count_staleness(header.worker, staleness);
            }
        }
        Outcome::Applied {
            version: self.version,
            staleness,
        }
    }

    fn accept(
        &mut self,
        header: &PushHeader,
        part: &Part,
        (payload, scale): (Cow<'_, Payload>, f64),
    ) -> Outcome {
        let version = self.version;
        let staleness = self.version.0 - part.version_read.0;
        self.round.accept(Pending {
            worker: header.worker,
            weight: header.weight,
            rate_factor: header.rate_factor,
            scale,
            staleness,
            address: part.address.clone(),
            payload: payload.into_owned(),
        });
        self.complete_round();
        Outcome::Accepted { version, staleness }
    }

    fn complete_round(&mut self) {
        while let Some(parts) = self.round.take_complete() {
            self.step_round(&parts);
        }
    }

    fn step_round(&mut self, parts: &[Pending]) {
        for part in parts {
            self.tally(part.worker).applied += 1;
        }
        let weights = parts.iter().map(|part| part.weight);
        let weight = weights.fold(0_u64, u64::saturating_add);
        if weight == 0 {
            return;
        }
        for part in parts.iter().filter(|part| !part.address.is_empty()) {
            debug_assert!(
                part.weight > 0,
                "a part with values was judged to weigh something"
            );
            self.count_staleness(part.worker, part.staleness);
        }
        if self.pushes == Kind::Delta {
            let (address, payload) = round::sum(parts, self.store.len());
            self.add(&address, &payload);
        } else {
            let Mean {
                address,
                payload,
                scale,
                share,
            } = round::mean(parts, self.store.len());
            // Rates only fall, so the least is the one decided last.
            let rate_factor = parts
                .iter()
                .map(|part| part.rate_factor)
                .fold(1.0, f64::min);
            let inputs = StepInputs {
                worker: WorkerId(0),
                at_read: AtReadView::AsItIs,
                scale,
                share,
                staleness: 0,
                rate_factor,
            };
            self.step(&address, &payload, inputs);
        }
        self.advance(weight);
    }

    /// Counts committed examples. What is read from now on, and the next step, have the
    /// hyper-parameters of this progress.
    fn advance(&mut self, examples: u64) {
        self.progress = self.progress.saturating_add(examples);
        self.tuner.follow(self.progress, self.store.as_mut());
    }

    fn step(&mut self, address: &Address, payload: &Payload, inputs: StepInputs<'_>) {
        let StepInputs {
            worker,
            at_read,
            scale,
            share,
            staleness,
            rate_factor,
        } = inputs;
        let context = StepContext {
            lr: (self.rate)(self.progress) * rate_factor,
            share,
            count: self.version.0 + 1,
            progress: self.progress,
            staleness,
            worker: worker.0,
        };
        let store = &mut self.store;
        with_view(address, payload, |gradient| {
            let done = store.step_at(&context, gradient, at_read, scale);
            done.expect("the part was judged");
        });
        self.version.0 += 1;
    }

    /// Adds a difference as it is, which counts as a step.
    fn add(&mut self, address: &Address, payload: &Payload) {
        let store = &mut self.store;
        with_view(address, payload, |delta| {
            store.add(delta).expect("the part was judged");
        });
        self.version.0 += 1;
    }
}

fn unknown_session(shard: ShardId, session: SessionId) -> Refusal {
    Refusal::new(
        RefusalKind::UnknownSession,
        format!("session {session} is not open at shard {shard}; register with this server first"),
    )
}

fn too_far(shard: ShardId, sequence: Sequence, low: Sequence) -> Refusal {
    Refusal::new(
        RefusalKind::TooFar,
        format!(
            "part {sequence} of shard {shard} is more than {DUPLICATE_WINDOW} ahead of the last contiguous \
             one, {low}; send the missing parts first"
        ),
    )
}

fn round_open(shard: ShardId, worker: WorkerId) -> Refusal {
    Refusal::new(
        RefusalKind::TooFar,
        format!(
            "worker {worker} is as many rounds ahead at shard {shard} as it may be; wait until the \
             open round is complete"
        ),
    )
}

#[cfg(test)]
mod tests;
