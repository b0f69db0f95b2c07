//! Training: from granted data to pushes, as far as the present state allows.

use std::sync::Arc;

use thalweg_common::config::Overlap;
use thalweg_common::ids::Clock;
use thalweg_common::message::{DataRange, Kind, LeaveReason, PushHeader};
use thalweg_common::time::Time;

use crate::method::{self, Missing, When};
use crate::model::Coverage;
use crate::pull::Gather;
use crate::push::{Fault, Label, cut};
use crate::replica::Vector;
use crate::worker::Worker;
use crate::worker::calls::Errand;
use crate::worker::compute::{ComputeDone, ComputeTask};
use crate::worker::ending::Phase;
use crate::worker::failure::Failure;
use crate::worker::feed::Portion;
use crate::worker::group::{Group, give_back, lend};

/// What stays here of a batch while it is computed.
#[derive(Debug)]
pub(super) struct Computing {
    pub(super) since: Time,
    coverage: Arc<Coverage>,
    range: DataRange,
}

impl Worker {
    /// Goes on until something has to be waited for.
    pub(super) fn train(&mut self) -> Result<(), Failure> {
        loop {
            self.ask_for_data();
            while self.may_plan() {
                let share = self.work.method.sharing(self.planned).get();
                let mixed = self.work.method.has_own_parameters();
                let portions = self.feed.take(share, mixed);
                if portions.is_empty() {
                    break;
                }
                self.plan(portions)?;
            }
            if !self.iterate() {
                break;
            }
        }
        if self.is_idle() {
            // Examples that are held back would never be committed while all wait for data.
            self.hand_over();
            if self.feed.is_done() {
                self.begin_end(LeaveReason::Done, None);
            }
        }
        Ok(())
    }

    /// Whether there is nothing to train on, the coordinator has said so, and all that was pushed has
    /// come: nobody waits for an idle worker, and a round would go on without what is still on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Training
            && self.groups.is_empty()
            && self.outbox.in_flight() == 0
            && self.feed.is_dry()
            && self.feed.iterations() == 0
    }

    fn ask_for_data(&mut self) {
        if self.feed.wants(self.now, self.data_ahead()) {
            self.calls.begin(self.now, Errand::Range);
        }
    }

    /// Iterations for which data are to lie here.
    pub(super) fn data_ahead(&self) -> u64 {
        let share = self.work.method.sharing(self.planned).get();
        let groups = match self.settings.overlap {
            Overlap::Off | Overlap::Push => 1,
            Overlap::Full => self.settings.prefetch as u64 + 1,
        };
        share.saturating_mul(groups)
    }

    fn may_plan(&self) -> bool {
        match self.settings.overlap {
            Overlap::Off => self.groups.is_empty() && self.outbox.in_flight() == 0,
            Overlap::Push => self.groups.is_empty(),
            Overlap::Full if self.work.method.has_own_parameters() => self.groups.is_empty(),
            Overlap::Full => {
                let asked = self.groups.iter().filter(|group| !group.is_ready()).count();
                self.groups.len() <= self.settings.prefetch && asked < self.settings.prefetch.max(1)
            }
        }
    }

    pub(super) fn may_push(&self) -> bool {
        match self.settings.overlap {
            Overlap::Off => self.outbox.in_flight() == 0,
            Overlap::Push | Overlap::Full => {
                self.outbox.in_flight() < self.settings.inflight_pushes_max.max(1)
            }
        }
    }

    /// Reads the batches of a group and asks for what they touch.
    fn plan(&mut self, portions: Vec<Portion>) -> Result<(), Failure> {
        let iterations = portions.len() as u64;
        let work = &self.work;
        let (batches, coverage) = self.reader.read(portions, &*work.data, &*work.model)?;
        let gather = Gather::plan(&work.map, &coverage, self.settings.reads_every_shard);
        self.numbered += 1;
        for server in gather.servers() {
            self.calls
                .begin(self.now, Errand::Pull(self.numbered, server));
        }
        self.groups.push_back(Group {
            number: self.numbered,
            first: self.planned,
            iterations,
            batches,
            gather,
            replica: Vector::zeros(coverage),
            settled: self.outbox.settled(),
            begun: false,
            holders: Vec::new(),
        });
        self.planned += iterations;
        Ok(())
    }

    /// Begins the next iteration if it can begin. Answers whether an iteration without data was
    /// done on the spot, so that another may begin.
    fn iterate(&mut self) -> bool {
        if self.computing.is_some() || !self.may_push() {
            return false;
        }
        let Some(group) = self.groups.front() else {
            return false;
        };
        if !group.is_ready() {
            self.times.wait(self.now);
            return false;
        }
        self.times.waited(self.now);
        if group.batches.is_empty() {
            self.pass();
            return true;
        }
        if !group.begun {
            self.arrive();
        }
        self.compute();
        false
    }

    /// An iteration without data: the servers get its clock.
    fn pass(&mut self) {
        let iterations = self.groups.pop_front().map_or(1, |group| group.iterations);
        self.tally.clock = self.tally.clock.plus(iterations);
        if !self.hand_over() {
            self.push(Kind::Gradient, None);
        }
    }

    /// Shows the method what arrived, with the own pushes that it lacks.
    fn arrive(&mut self) {
        let Some(group) = self.groups.front_mut() else {
            return;
        };
        let (outbox, method) = (&self.outbox, &mut self.work.method);
        let missing: Vec<Missing<'_>> = if method.rereads() {
            let of_shard = |seen: &crate::pull::Seen| {
                let elements = seen.elements.clone();
                outbox.after(seen.applied).map(move |pushed| Missing {
                    elements: elements.clone(),
                    pushed,
                })
            };
            group.gather.seen().flat_map(of_shard).collect()
        } else {
            Vec::new()
        };
        group.begun = true;
        let replica = &mut group.replica;
        let effects = method.step(method::Event::Arrived {
            replica,
            missing: &missing,
        });
        self.perform(effects);
    }

    fn compute(&mut self) {
        let Some(group) = self.groups.front_mut() else {
            return;
        };
        let Some(batch) = group.batches.pop_front() else {
            return;
        };
        self.task = Some(ComputeTask {
            pause: self.settings.compute,
            x: lend(&mut group.replica, &batch.coverage),
            gradient: Vector::zeros(Arc::clone(&batch.coverage)).values,
            pieces: batch.pieces,
            coverage: Arc::clone(&batch.coverage),
            range: batch.range,
            transforms: Arc::clone(&self.work.transforms),
            non_finite: self.settings.non_finite,
        });
        self.computing = Some(Computing {
            since: self.now,
            coverage: batch.coverage,
            range: batch.range,
        });
    }

    /// An iteration has its gradient.
    pub(super) fn computed(&mut self, done: ComputeDone) -> Result<(), Failure> {
        let Some(computing) = self.computing.take() else {
            return Ok(());
        };
        let Computing {
            since,
            coverage,
            range,
        } = computing;
        self.times.compute += self.now.since(since);
        if let Some(fault) = done.fault {
            return Err(self.name(&coverage, fault));
        }
        let group = self
            .groups
            .front_mut()
            .expect("the group of a batch stays while it computes");
        give_back(&mut group.replica, done.x);
        self.reader.recycle(done.pieces);
        self.account.add(range, done.loss_sum, group.gather.seen());
        self.tally.clock = self.tally.clock.plus(1);
        self.tally.examples += range.examples();
        let gradient = Vector {
            coverage,
            values: done.gradient,
        };
        let is_last = group.batches.is_empty();
        if is_last {
            // Iterations without data are part of the group.
            let end = Clock(group.first + group.iterations);
            self.tally.clock = self.tally.clock.max(end);
        }
        let replica = &mut group.replica;
        let when = When {
            progress: range.epoch * self.work.data.rows() + range.start,
            rate_factor: self.rate_factor,
            is_last,
        };
        let effects = self.work.method.step(method::Event::Gradient {
            replica,
            gradient,
            when,
        });
        if is_last {
            self.groups.pop_front();
        }
        self.perform(effects);
        self.forget();
        Ok(())
    }

    /// A bad gradient is named here, before any part of it exists.
    fn name(&self, coverage: &Coverage, fault: Fault) -> Failure {
        let element = match coverage {
            Coverage::Whole(_) => fault.position as u64,
            Coverage::Coordinates(list) => list[fault.position],
        };
        let layout = self.work.model.layout();
        let (span, tensor) = layout
            .spans()
            .find(|(span, _)| span.contains(&element))
            .expect("every element lies in a tensor");
        Failure::NonFinite {
            iteration: self.tally.clock.0,
            tensor: tensor.name.clone(),
            element: element - span.start,
            value: fault.value,
        }
    }

    /// Pushes what the method holds back. Answers whether there was something.
    pub(super) fn hand_over(&mut self) -> bool {
        let effects = self.work.method.step(method::Event::HandOver);
        self.perform(effects)
    }

    /// Does what the method wants; answers whether that was something. An account of nothing is none.
    fn perform(&mut self, effects: Vec<method::Effect>) -> bool {
        let before = self.tally.pushes;
        for effect in effects {
            match effect {
                method::Effect::Push(_, None) if self.account.weight == 0 => {}
                method::Effect::Push(kind, vector) => self.push(kind, vector),
            }
        }
        before < self.tally.pushes
    }

    /// Pushes a vector, or the clock alone, with the account of everything since the last push.
    fn push(&mut self, kind: Kind, vector: Option<Vector>) {
        let account = std::mem::take(&mut self.account);
        let mut versions = self.versions.clone();
        for (shard, version) in &account.versions {
            versions[usize::try_from(shard.0).expect("a shard number fits memory")] = *version;
        }
        let sequence = self.outbox.next_sequence();
        let vector = vector.map(Arc::new);
        let label = Label {
            kind,
            format: self.settings.push_format,
            sequence,
            versions: &versions,
            at_read: &account.at_read,
        };
        let parts = cut(&self.work.map, vector.as_ref(), label);
        let header = PushHeader {
            fingerprint: self.place.fingerprint,
            generation: self.work.map.generation(),
            session: self.place.session,
            worker: self.place.worker,
            clock: self.tally.clock,
            weight: account.weight,
            loss_sum: account.loss_sum,
            rate_factor: self.rate_factor,
            ranges: account.ranges,
        };
        for server in parts.keys() {
            self.calls.begin(self.now, Errand::Push(sequence, *server));
        }
        let kept = vector.filter(|_| self.work.method.rereads());
        self.outbox.add(header, parts, kept);
        self.tally.pushes += 1;
    }

    /// Forgets own pushes that every read still to be used has.
    pub(super) fn forget(&mut self) {
        let oldest = self.groups.iter().map(|group| group.settled).min();
        self.outbox
            .forget(oldest.unwrap_or_else(|| self.outbox.settled()));
    }
}
