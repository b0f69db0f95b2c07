//! A round: parts of several workers, combined into one step.
//!
//! A round of all enlisted workers, or of all but the slowest few, is summed in worker order, so that
//! it does not depend on who came first. A split of n-softsync takes whatever has arrived, in the order
//! of arrival.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thalweg_common::consistency::Aggregation;
use thalweg_common::ids::WorkerId;
use thalweg_common::message::{Address, Coordinates, Payload};

/// An accepted part.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) worker: WorkerId,
    pub(super) weight: u64,
    pub(super) rate_factor: f64,
    /// What its gradient is multiplied by for its staleness.
    pub(super) scale: f64,
    pub(super) staleness: u64,
    pub(super) address: Address,
    pub(super) payload: Payload,
}

/// Rounds that a worker may be ahead here: it asks the gates of the servers that it reads from, and
/// this one may not be among them.
const ROUNDS_AHEAD_MAX: usize = 4;

/// The open round, and parts of the rounds after it.
#[derive(Debug)]
pub(super) struct Round {
    /// When a round is complete.
    rule: Rule,
    enlisted: BTreeSet<WorkerId>,
    pending: BTreeMap<WorkerId, VecDeque<Pending>>,
    /// Workers of pending parts, in the order of arrival; only where that counts.
    arrived: VecDeque<WorkerId>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Of every enlisted worker but so many.
    AllBut(usize),
    /// So many, whosever they are.
    Count(usize),
}

impl Round {
    /// An empty round that waits for every slot of `0..workers`.
    pub(super) fn new(aggregation: Aggregation, workers: u32) -> Self {
        let rule = match aggregation {
            Aggregation::Push => Rule::Count(1),
            Aggregation::Round { backup_workers } => Rule::AllBut(backup_workers as usize),
            Aggregation::Softsync { splits } => Rule::Count((workers / splits.max(1)) as usize),
        };
        Self {
            rule,
            enlisted: (0..workers).map(WorkerId).collect(),
            pending: BTreeMap::new(),
            arrived: VecDeque::new(),
        }
    }

    pub(super) fn enlist(&mut self, worker: WorkerId) {
        self.enlisted.insert(worker);
    }

    pub(super) fn retire(&mut self, worker: WorkerId) {
        self.enlisted.remove(&worker);
    }

    /// Whether no further part of this worker can be taken before the open round is complete.
    pub(super) fn is_full(&self, worker: WorkerId) -> bool {
        let of_worker = self.pending.get(&worker);
        matches!(self.rule, Rule::AllBut(_))
            && of_worker.is_some_and(|parts| ROUNDS_AHEAD_MAX <= parts.len())
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.values().map(VecDeque::len).sum()
    }

    pub(super) fn pending_of(&self, worker: WorkerId) -> usize {
        self.pending.get(&worker).map_or(0, VecDeque::len)
    }

    pub(super) fn accept(&mut self, part: Pending) {
        let worker = part.worker;
        self.pending.entry(worker).or_default().push_back(part);
        if matches!(self.rule, Rule::Count(_)) {
            self.arrived.push_back(worker);
        }
    }

    /// Every accepted part, worker by worker, each worker's in their order.
    pub(super) fn all_pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values().flatten()
    }

    /// Takes what a worker's earlier session has in rounds that wait for all: whoever has its slot now
    /// takes part in them anew.
    pub(super) fn take_of(&mut self, worker: WorkerId) -> VecDeque<Pending> {
        match self.rule {
            Rule::AllBut(0) => self.pending.remove(&worker).unwrap_or_default(),
            Rule::AllBut(_) | Rule::Count(_) => VecDeque::new(),
        }
    }

    /// One part of every worker that has one, whoever else is waited for.
    pub(super) fn take_what_is_there(&mut self) -> Option<Vec<Pending>> {
        self.arrived.clear();
        let first = |parts: &mut VecDeque<Pending>| parts.pop_front();
        let parts: Vec<_> = self.pending.values_mut().filter_map(first).collect();
        self.pending.retain(|_, parts| !parts.is_empty());
        (!parts.is_empty()).then_some(parts)
    }

    /// The parts of the open round in their order, if it is complete.
    pub(super) fn take_complete(&mut self) -> Option<Vec<Pending>> {
        if self.pending.is_empty() {
            return None;
        }
        let parts = match self.rule {
            Rule::AllBut(backup) => self.first_of_each(backup)?,
            Rule::Count(count) => self.first_arrived(count)?,
        };
        self.pending.retain(|_, parts| !parts.is_empty());
        Some(parts)
    }

    /// One part of every worker that has one, in worker order, if all but `backup` workers have.
    fn first_of_each(&mut self, backup: usize) -> Option<Vec<Pending>> {
        let here = |worker: &&WorkerId| self.pending.contains_key(*worker);
        let came = self.enlisted.iter().filter(here).count();
        let needed = match self.enlisted.len() {
            0 => 0,
            enlisted => enlisted.saturating_sub(backup).max(1),
        };
        if came < needed {
            return None;
        }
        let first = |parts: &mut VecDeque<Pending>| parts.pop_front();
        Some(self.pending.values_mut().filter_map(first).collect())
    }

    /// The first `count` parts to come, in the order of arrival, if there are as many. Of fewer
    /// workers, and of none, what there is must do.
    fn first_arrived(&mut self, count: usize) -> Option<Vec<Pending>> {
        let (has, enlisted) = (self.arrived.len(), self.enlisted.len());
        let needed = count.clamp(1, enlisted.max(1));
        if has < needed && 0 < enlisted {
            return None;
        }
        let workers = self.arrived.drain(..needed.min(has));
        let first = |worker| self.pending.get_mut(&worker)?.pop_front();
        Some(workers.filter_map(first).collect())
    }
}

/// A mean of gradients: `scale × payload`.
#[derive(Debug)]
pub(super) struct Mean {
    pub(super) address: Address,
    pub(super) payload: Payload,
    pub(super) scale: f32,
    /// What the parts count on average: 1 if none of them is late.
    pub(super) share: f64,
}

/// The mean of the parts' gradients, weighted by their examples, summed in the order given.
///
/// Parts of the greatest weight are summed unscaled and the sum is scaled by the step, so that
/// equal parts add up exactly as one worker would accumulate them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "weights"
)]
pub(super) fn mean(parts: &[Pending], len: usize) -> Mean {
    let weights = parts.iter().map(|part| part.weight);
    let total = weights.fold(0_u64, u64::saturating_add);
    let greatest = parts.iter().map(|part| part.weight).max().unwrap_or(1);
    let scale = (greatest as f64 / total as f64) as f32;
    let ratio = |part: &Pending| (part.weight as f64 / greatest as f64 * part.scale) as f32;
    let counted = |part: &Pending| part.weight as f64 * part.scale;
    let (address, payload) = weighted_sum(parts, len, ratio);
    Mean {
        address,
        payload,
        scale,
        share: parts.iter().map(counted).sum::<f64>() / total as f64,
    }
}

/// The sum of the parts' deltas, in the order given.
pub(super) fn sum(parts: &[Pending], len: usize) -> (Address, Payload) {
    weighted_sum(parts, len, |_| 1.0)
}

fn weighted_sum(
    parts: &[Pending],
    len: usize,
    ratio: impl Fn(&Pending) -> f32,
) -> (Address, Payload) {
    let dense = parts
        .iter()
        .any(|part| matches!(&part.address, Address::Range(r) if !r.is_empty()));
    if dense {
        sum_dense(parts, len, ratio)
    } else {
        sum_sparse(parts, ratio)
    }
}

fn sum_dense(parts: &[Pending], len: usize, ratio: impl Fn(&Pending) -> f32) -> (Address, Payload) {
    let mut sum = vec![0.0_f32; len];
    for part in parts {
        let ratio = ratio(part);
        match &part.address {
            Address::Range(range) => {
                for (to, value) in sum[range.start as usize..]
                    .iter_mut()
                    .zip(part.payload.iter())
                {
                    *to += ratio * value;
                }
            }
            Address::Coordinates(coordinates) => {
                for (at, value) in coordinates.as_slice().iter().zip(part.payload.iter()) {
                    sum[*at as usize] += ratio * value;
                }
            }
            Address::Rows { .. } => unreachable!("rows were refused by the judge"),
        }
    }
    let end = u32::try_from(len).expect("a shard has fewer than 2^32 elements");
    (Address::Range(0..end), Payload::from_values(&sum))
}

fn sum_sparse(parts: &[Pending], ratio: impl Fn(&Pending) -> f32) -> (Address, Payload) {
    let mut sum = BTreeMap::<u32, f32>::new();
    for part in parts {
        let ratio = ratio(part);
        if let Address::Coordinates(coordinates) = &part.address {
            for (at, value) in coordinates.as_slice().iter().zip(part.payload.iter()) {
                *sum.entry(*at).or_default() += ratio * value;
            }
        }
    }
    let (at, values): (Vec<_>, Vec<_>) = sum.into_iter().unzip();
    let coordinates = Coordinates::new(at).expect("a map's keys rise strictly");
    (
        Address::Coordinates(coordinates),
        Payload::from_values(&values),
    )
}
