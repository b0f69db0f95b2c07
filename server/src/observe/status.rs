//! How things stand: the status of one server, put together from desk and shards.

use std::sync::atomic::Ordering;

use thalweg_common::ids::WorkerId;
use thalweg_common::message::{
    HistoryEvent, ShardStatus, StalenessHistogram, Status, StatusRequest, WorkerStatus,
};
use thalweg_common::time::Time;

use crate::coordinator::Coordinator;
use crate::desk::Desk;
use crate::server::Server;
use crate::shard::Account;

/// Pairs of workers of whose waits is told.
pub(super) const WAITS_TOLD_MAX: usize = 100;

impl Server {
    /// How things stand, without the history.
    #[must_use]
    pub fn status(&self, now: Time) -> Status {
        let mut staleness = StalenessHistogram::default();
        let mut shards: Vec<ShardStatus> = Vec::with_capacity(self.shards.len());
        let mut accounts = vec![Account::default(); self.plan.training.workers as usize];
        for shard in self.shards.values() {
            let shard = shard.lock();
            shards.push(shard.status());
            for (worker, account) in shard.accounts() {
                accounts[worker.0 as usize].merge(&account);
            }
        }
        for shard in &shards {
            staleness.merge(&shard.staleness);
        }
        let desk = self.desk.lock();
        let mut all = desk.turned_away[accounts.len()].clone();
        for (account, turned_away) in accounts.iter_mut().zip(&desk.turned_away) {
            account.tally.merge(turned_away);
            all.merge(&account.tally);
        }
        let coordinator = desk.coordinator.as_ref();
        let (phase, cause) = desk.phase();
        let (pushed_bytes, pulled_bytes) = self.counters.pushed_and_pulled();
        let (loss_sum, loss_weight) = coordinator.map_or((0.0, 0.0), |c| c.loss().sum_and_weight());
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            server: self.plan.server,
            job: self.plan.job.clone(),
            phase,
            cause,
            diverged: desk.diverged(),
            progress: shards.first().map_or(0, |shard| shard.progress),
            examples_total: coordinator.map_or(
                self.plan.coordinator.examples_total,
                Coordinator::examples_total,
            ),
            up: now.since(self.started),
            trained: coordinator.map_or(std::time::Duration::ZERO, |c| c.trained(now)),
            loss_sum,
            loss_weight,
            rate_factor: coordinator.map_or(1.0, Coordinator::rate_factor),
            workers: workers(&desk, accounts, now),
            shards,
            staleness,
            pushed_bytes,
            pulled_bytes,
            received_bytes: load(&self.counters.received),
            sent_bytes: load(&self.counters.sent),
            refusals: all.refusals,
            epochs: coordinator.map_or_else(Vec::new, |c| c.epochs().iter().collect()),
            waits: desk.waits.longest(WAITS_TOLD_MAX),
            history: Vec::new(),
            checkpoint: self.checkpoints.status(now),
        }
    }

    /// The last events that are asked for, oldest first.
    #[must_use]
    pub fn history(&self, asked: &StatusRequest) -> Vec<HistoryEvent> {
        self.desk.lock().history.last(asked)
    }
}

fn workers(desk: &Desk, accounts: Vec<Account>, now: Time) -> Vec<WorkerStatus> {
    let mut waits = desk.admission.waits(now);
    (0_u32..)
        .map(WorkerId)
        .zip(desk.admission.clocks().slots().iter().zip(&desk.notes))
        .zip(accounts)
        .map(|((worker, (slot, note)), account)| WorkerStatus {
            worker,
            session: slot.session,
            state: slot.state.shown(),
            place: note.place.clone(),
            doing: note.doing.clone(),
            clock: slot.clock,
            examples: desk
                .coordinator
                .as_ref()
                .map_or(0, |c| c.examples_of(worker)),
            parts: account.tally,
            silent: now.since(slot.seen),
            sent_bytes: note.sent_bytes,
            received_bytes: note.received_bytes,
            compute: note.compute,
            waited: note.waited,
            retries: note.retries.total(),
            wait: waits.remove(&worker),
            lease_left: desk.admission.clocks().lease_left(now, slot),
            staleness: account.staleness,
        })
        .collect()
}
