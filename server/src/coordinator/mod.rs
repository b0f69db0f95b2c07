//! Beside the data path: membership, data ranges, progress, and when the job is done. One per job,
//! on server 0.
//!
//! Decisions are pure: `now` comes in, answers go out. The coordinator never sees a parameter.

mod ranges;
mod epochs;
mod loss;
mod rate_control;

pub use epochs::Epochs;
pub use loss::RecentLoss;
pub use ranges::{Deal, RangeError, Ranges};
pub use rate_control::{RateControl, RatePlan};

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::{SessionId, WorkerId};
use thalweg_common::message::{GRANTS_MAX, Grant, Granted, NextRange, Phase, PushHeader};
use thalweg_common::time::Time;

use crate::saved::{SavedCoordinator, bits};

/// How long a worker without data waits before it asks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What the coordinator must know of a job.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rows of the training set.
    pub rows: u64,
    /// Whether rows arrive while the job runs: none is dealt out before it was offered.
    pub streamed: bool,
    /// Examples at which the job ends.
    pub examples_total: u64,
    /// Worker slots.
    pub workers: u32,
    /// How data is dealt out.
    pub deal: Deal,
    /// Examples that worker 0 trains alone before the others get data.
    pub solo_examples: u64,
    /// Wall time after which no more data is dealt out.
    pub train_time_max: Option<Duration>,
    /// How the loss changes the learning rate.
    pub rate: RatePlan,
}

/// The last answer with data to a worker's session.
#[derive(Clone, Debug)]
struct Dealt {
    session: SessionId,
    /// Grants of data to this session so far.
    count: u64,
    last: Vec<Grant>,
}

/// Sessions, data ranges and progress of one job.
#[derive(Debug)]
pub struct Coordinator {
    plan: Plan,
    ranges: Ranges,
    epochs: Epochs,
    loss: RecentLoss,
    rate: RateControl,
    examples: BTreeMap<WorkerId, u64>,
    dealt: BTreeMap<WorkerId, Dealt>,
    last_session: u64,
    phase: Phase,
    cause: String,
    /// Whether the job ended here without having failed: it goes on when its server is started again.
    broken_off: bool,
    /// Why the job is to end as done before its last example, if it is.
    concluded: Option<String>,
    first_grant: Option<Time>,
    ended: Option<Time>,
    /// Time of training before this process.
    trained_before: Duration,
}

impl Coordinator {
    /// A coordinator before its first worker.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let mut ranges = Ranges::new(plan.rows, plan.examples_total, plan.workers, plan.deal);
        if plan.streamed {
            ranges.offer(0);
        }
        let loss = RecentLoss::new(plan.examples_total);
        let rate = RateControl::new(plan.rate.clone());
        Self {
            plan,
            ranges,
            epochs: Epochs::default(),
            loss,
            rate,
            examples: BTreeMap::new(),
            dealt: BTreeMap::new(),
            last_session: 0,
            phase: Phase::Joining,
            cause: String::new(),
            broken_off: false,
            concluded: None,
            first_grant: None,
            ended: None,
            trained_before: Duration::ZERO,
        }
    }

    /// What is to be kept of it.
    pub(crate) fn save(&self, now: Time) -> SavedCoordinator {
        let examples = self.examples.iter();
        let trained = self.trained(now).as_micros();
        SavedCoordinator {
            ranges: self.ranges.save(),
            epochs: self.epochs.save(),
            loss: self.loss.save().map(bits),
            rate: self.rate.save(),
            examples: examples.map(|(worker, n)| (worker.0, *n)).collect(),
            trained_us: u64::try_from(trained).unwrap_or(u64::MAX),
            done: (self.phase == Phase::Done).then(|| self.cause.clone()),
            failed: self.has_failed().then(|| self.cause.clone()),
            concluded: self.concluded.clone(),
        }
    }

    /// Takes what was kept of the coordinator of the same job. A job that had been told to stop goes on, and so does
    /// one that had failed: whether it is to is judged before. Sessions are numbered from `sessions_after` on.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(crate) fn restore(
        &mut self,
        now: Time,
        saved: &SavedCoordinator,
        sessions_after: u64,
    ) -> Result<(), String> {
        self.ranges.restore(&saved.ranges)?;
        self.rate.restore(&saved.rate)?;
        self.plan.examples_total = self.ranges.total();
        self.epochs = Epochs::restored(&saved.epochs);
        self.loss = self.loss.restored(saved.loss.map(f64::from_bits));
        let examples = saved.examples.iter();
        self.examples = examples
            .map(|(worker, n)| (WorkerId(*worker), *n))
            .collect();
        self.last_session = sessions_after;
        self.concluded.clone_from(&saved.concluded);
        self.trained_before = Duration::from_micros(saved.trained_us);
        if let Some(cause) = &saved.done {
            self.end(now, Phase::Done, cause);
        } else if self.plan.examples_total <= self.ranges.committed() {
            self.end(now, Phase::Done, "");
        }
        Ok(())
    }

    /// A session number that was never given before in this job, of an observer or a worker.
    pub fn new_session(&mut self, observes: bool) -> SessionId {
        self.last_session += 1;
        let session = SessionId(self.last_session);
        if observes {
            session.of_observer()
        } else {
            session
        }
    }

    /// Whether a number may be one that was given in this job.
    #[must_use]
    pub fn has_given(&self, session: SessionId) -> bool {
        (1..=self.last_session).contains(&session.of_worker().0)
    }

    /// Deals what a worker's session wants, or as much of it as there is. If the session lacks grants
    /// that it was given, the last answer was lost: it gets the same again.
    pub fn next_range(&mut self, now: Time, asked: &NextRange) -> Granted {
        let grants = match self.dealt.get(&asked.worker) {
            Some(dealt) if dealt.session == asked.session && asked.received < dealt.count => {
                dealt.last.clone()
            }
            _ => self.deal_many(now, asked),
        };
        Granted {
            grants,
            rate_factor: self.rate.factor(),
        }
    }

    fn deal_many(&mut self, now: Time, asked: &NextRange) -> Vec<Grant> {
        let wanted = match self.plan.deal {
            // The batches of its rounds are this worker's alone.
            Deal::Striped { .. } => asked.wanted,
            // What is for whoever comes first is dealt range by range, which get shorter towards the end:
            // several at once would leave nothing to the others.
            Deal::Dynamic { .. } => 1,
        };
        let (mut grants, mut iterations, mut count) = (Vec::new(), 0, asked.received);
        loop {
            let grant = self.deal(now, asked.worker);
            grants.push(grant);
            if !grant.is_iterations() {
                break;
            }
            count = count.saturating_add(1);
            iterations += grant.iterations(self.plan.deal.batch_examples());
            if wanted <= iterations || grants.len() == GRANTS_MAX {
                break;
            }
        }
        if asked.received < count {
            let dealt = Dealt {
                session: asked.session,
                count,
                last: grants.clone(),
            };
            self.dealt.insert(asked.worker, dealt);
        }
        grants
    }

    fn deal(&mut self, now: Time, worker: WorkerId) -> Grant {
        if self.over(now) {
            return Grant::Done;
        }
        if worker != WorkerId(0) && self.ranges.committed() < self.plan.solo_examples {
            return Grant::Wait(ASK_AGAIN);
        }
        let grant = self.ranges.next(worker).unwrap_or(Grant::Wait(ASK_AGAIN));
        if matches!(grant, Grant::Range { .. }) && self.first_grant.is_none() {
            self.first_grant = Some(now);
            self.phase = Phase::Training;
        }
        grant
    }

    /// Judges the ranges of a push before its part is applied to the ledger shard.
    ///
    /// # Errors
    /// [`RangeError`] if a range is not leased to the worker or the weight is not its length.
    pub fn judge(&self, header: &PushHeader) -> Result<(), RangeError> {
        self.ranges
            .judge(header.worker, header.weight, &header.ranges)
    }

    /// Counts a push whose part the ledger shard has taken. Its ranges were judged.
    pub fn commit(&mut self, now: Time, header: &PushHeader) {
        self.ranges
            .commit(header.worker, header.weight, &header.ranges);
        self.epochs.record(&header.ranges);
        self.loss.record(header.loss_sum, header.weight);
        self.rate.record(header.loss_sum, header.weight);
        let of_worker = self.examples.entry(header.worker).or_default();
        *of_worker = of_worker.saturating_add(header.weight);
        if self.ranges.committed() >= self.plan.examples_total {
            self.end(now, Phase::Done, "");
        }
    }

    /// A worker is gone: what it held is dealt out again.
    pub fn lose(&mut self, worker: WorkerId) {
        self.ranges.give_back(worker);
    }

    /// Ends the job early: it has failed, also for a server that is started again.
    pub fn fail(&mut self, now: Time, cause: &str) {
        self.end(now, Phase::Failed, cause);
    }

    /// Ends the job early for this process alone, which was told to stop or is left by all: started again it goes on.
    pub fn break_off(&mut self, now: Time, cause: &str) {
        if !self.has_ended() {
            self.broken_off = true;
            self.end(now, Phase::Failed, cause);
        }
    }

    /// Deals no more data: the job has reached what it was to reach, and is done once nothing is on
    /// loan. The first reason counts.
    pub fn conclude(&mut self, now: Time, why: &str) {
        self.concluded.get_or_insert_with(|| why.to_owned());
        self.tick(now);
    }

    /// So many rows of the stream have arrived in all; when it has `closed` the job is done as soon as
    /// they are used. Answers with the row below which all are used; `None` if the data are no stream.
    pub fn offer(&mut self, now: Time, rows: u64, closed: bool) -> Option<u64> {
        if !self.plan.streamed {
            return None;
        }
        self.ranges.offer(rows);
        if closed {
            self.ranges.close();
            self.plan.examples_total = self.ranges.total();
            if self.plan.examples_total <= self.ranges.committed() {
                self.end(now, Phase::Done, "");
            }
        }
        Some(self.ranges.used())
    }

    /// Where the job is in its life, and why it ended before its last example if it did.
    #[must_use]
    pub fn phase(&self) -> (Phase, &str) {
        (self.phase, &self.cause)
    }

    /// Whether the job has failed, also for a server that is started again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.phase == Phase::Failed && !self.broken_off
    }

    /// Whether workers are to stop.
    #[must_use]
    pub fn over(&self, now: Time) -> bool {
        self.has_ended() || self.enough(now).is_some()
    }

    /// Examples committed.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.ranges.committed()
    }

    /// Examples at which the job ends.
    #[must_use]
    pub fn examples_total(&self) -> u64 {
        self.plan.examples_total
    }

    /// Examples committed by one worker.
    #[must_use]
    pub fn examples_of(&self, worker: WorkerId) -> u64 {
        self.examples.get(&worker).copied().unwrap_or(0)
    }

    /// From the first range dealt to now, or to the end of the job.
    #[must_use]
    pub fn trained(&self, now: Time) -> Duration {
        let here = self.first_grant.map_or(Duration::ZERO, |first| {
            self.ended.unwrap_or(now).since(first)
        });
        self.trained_before + here
    }

    /// The use of the data, epoch by epoch.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// The recent training loss.
    #[must_use]
    pub fn loss(&self) -> &RecentLoss {
        &self.loss
    }

    /// What the schedule's learning rate is multiplied by.
    #[must_use]
    pub fn rate_factor(&self) -> f64 {
        self.rate.factor()
    }

    /// Called now and then: ends a job that has had enough once nothing is on loan.
    pub fn tick(&mut self, now: Time) {
        if let Some(why) = self.enough(now)
            && !self.ranges.on_loan()
        {
            self.end(now, Phase::Done, &why);
        }
    }

    /// Why no more data is dealt out, if none is.
    fn enough(&self, now: Time) -> Option<String> {
        let begun = self.first_grant.is_some() || !self.trained_before.is_zero();
        let max = self.plan.train_time_max.filter(|_| begun);
        let time_is_up = max.is_some_and(|max| max <= self.trained(now));
        let seconds = self.plan.train_time_max.unwrap_or_default().as_secs_f64();
        self.concluded
            .clone()
            .or_else(|| time_is_up.then(|| format!("[train] seconds = {seconds} are over")))
    }

    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Failed)
    }

    fn end(&mut self, now: Time, phase: Phase, cause: &str) {
        if !self.has_ended() {
            self.phase = phase;
            cause.clone_into(&mut self.cause);
            self.ended = Some(now);
        }
    }
}
