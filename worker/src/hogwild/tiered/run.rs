//! An epoch with tiered replicas.

use parking_lot::Mutex;

use super::merge::{BLOCK, Merge};
use super::plan::{Plan, by_frequency};
use crate::hogwild::engine::{Engine, on_threads, step};
use crate::hogwild::objective::{Objective, frequencies};
use crate::hogwild::order::{Order, Queue};
use crate::hogwild::points::Own;
use crate::hogwild::rule::Rule;
use crate::hogwild::run::Counts;
use crate::hogwild::shared::Cell;

/// Threads with a replica each.
#[derive(Debug)]
pub(in crate::hogwild) struct Tiered<O, R: Rule>
where
    R::Cell: Merge,
{
    rule: R,
    /// The objective with the most frequent coordinates first, where it can be renumbered.
    objective: Option<O>,
    /// For each coordinate its place in the model.
    places: Option<Vec<u32>>,
    coordinates: usize,
    plan: Plan,
    /// One for each tier: its deltas are added by one thread at a time.
    locks: Vec<Mutex<()>>,
    shared: Vec<<R::Cell as Merge>::Shared>,
    replicas: Vec<Replica<R::Cell>>,
}

/// What a thread has for itself.
#[derive(Debug)]
struct Replica<C> {
    /// As many cells as there are in all blocks.
    local: Vec<C>,
    /// The same after the last merge of each.
    before: Vec<C>,
    /// For each tier, after how many of this epoch's terms it is merged next.
    due: Vec<usize>,
}

impl<O: Objective, R: Rule> Tiered<O, R>
where
    R::Cell: Merge,
{
    pub(in crate::hogwild) fn new(objective: &O, rule: R, start: &[f32], threads: usize) -> Self {
        let mut counts = frequencies(objective);
        let places = by_frequency(&counts);
        let renumbered = objective.renumbered(&places);
        let places = renumbered.is_some().then_some(places);
        let mut cells: Vec<R::Cell> = start.iter().map(|x| rule.start(*x)).collect();
        if let Some(places) = &places {
            let of = counts.clone();
            for (v, place) in places.iter().enumerate() {
                cells[*place as usize] = rule.start(start[v]);
                counts[*place as usize] = of[v];
            }
        }
        let plan = Plan::of(&counts, objective.terms(), threads);
        cells.resize(start.len().next_multiple_of(BLOCK), rule.start(0.0));
        let replica = || Replica {
            local: cells.clone(),
            before: cells.clone(),
            due: vec![0; plan.tiers.len()],
        };
        Self {
            rule,
            objective: renumbered,
            places,
            coordinates: start.len(),
            locks: plan.tiers.iter().map(|_| Mutex::new(())).collect(),
            shared: cells.as_chunks().0.iter().map(R::Cell::share).collect(),
            replicas: (0..threads).map(|_| replica()).collect(),
            plan,
        }
    }

    /// Starts the tiers of each thread at another moment, so that they do not meet at the locks.
    fn stagger(&mut self) {
        let threads = self.replicas.len();
        for (thread, replica) in self.replicas.iter_mut().enumerate() {
            for (due, tier) in replica.due.iter_mut().zip(&self.plan.tiers) {
                *due = (tier.interval * (thread + 1) / threads).max(1);
            }
        }
    }
}

impl<C: Merge> Replica<C> {
    /// Merges the blocks of a tier, whose lock is held.
    fn merge(&mut self, blocks: &[u32], shared: &[C::Shared]) {
        let (local, _) = self.local.as_chunks_mut::<BLOCK>();
        let (before, _) = self.before.as_chunks_mut::<BLOCK>();
        for block in blocks {
            let block = *block as usize;
            C::merge(&shared[block], &mut local[block], &mut before[block]);
        }
    }

    /// Takes over what the others merged after this thread had ended its epoch. It has nothing to add, so
    /// that it writes nothing and needs no lock.
    fn catch_up(&mut self, shared: &[C::Shared]) {
        let own = self.local.as_chunks_mut().0.iter_mut();
        let own = own.zip(self.before.as_chunks_mut().0);
        for ((local, before), shared) in own.zip(shared) {
            C::merge(shared, local, before);
        }
    }

    /// Merges the tiers that are due after `done` terms; after how many the next one is.
    fn merge_due(
        &mut self,
        done: usize,
        plan: &Plan,
        (shared, locks): (&[C::Shared], &[Mutex<()>]),
        counts: &mut Counts,
    ) -> usize {
        for (number, (tier, lock)) in plan.tiers.iter().zip(locks).enumerate() {
            if done < self.due[number] {
                continue;
            }
            self.due[number] = done + tier.interval;
            let Some(_held) = lock.try_lock() else {
                counts.merges_skipped += 1;
                continue;
            };
            self.merge(&tier.blocks, shared);
            counts.merges += 1;
        }
        self.due.iter().copied().min().unwrap_or(usize::MAX)
    }
}

impl<O: Objective, R: Rule> Engine<O> for Tiered<O, R>
where
    R::Cell: Merge,
{
    fn epoch(&mut self, objective: &O, order: &Order, rate: f32) -> Counts {
        self.stagger();
        let queue = Queue::of(order);
        let objective = self.objective.as_ref().unwrap_or(objective);
        let (rule, plan, locks, shared) = (self.rule, &self.plan, &self.locks, &self.shared);
        on_threads(&mut self.replicas, |thread, replica| {
            replica.catch_up(shared);
            let mut counts = Counts::default();
            let (mut done, mut next) = (0, replica.due.iter().copied().min().unwrap_or(usize::MAX));
            queue.work(thread, |visit| {
                let mut point = Own {
                    cells: &mut replica.local,
                    rule,
                    rate,
                };
                step(objective, visit, &mut point, &mut counts);
                done += 1;
                if next <= done {
                    next = replica.merge_due(done, plan, (shared, locks), &mut counts);
                }
            });
            for (tier, lock) in plan.tiers.iter().zip(locks) {
                let _held = lock.lock();
                replica.merge(&tier.blocks, shared);
                counts.merges += 1;
            }
            counts
        })
    }

    fn parameters(&self) -> Vec<f32> {
        let cells: Vec<R::Cell> = self.shared.iter().flat_map(R::Cell::read).collect();
        let at = |place: usize| cells[place].value();
        match &self.places {
            Some(places) => places.iter().map(|place| at(*place as usize)).collect(),
            None => (0..self.coordinates).map(at).collect(),
        }
    }
}
