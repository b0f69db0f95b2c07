//! Shards under an optimizer, and gradients for them.

use std::thread;

use anyhow::{Result, anyhow};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::optimizer::{
    AtReadView, GradientView, GroupSpan, Initial, StepContext, Store, StoreSpec,
};
use thalweg_common::regularizer::Terms;
use thalweg_common::seed::unit;

use super::super::sample::{millis_since, now};
use super::case::Case;

/// Parameters of a large shard.
pub(super) const SHARD: usize = 1 << 20;

/// The first value of a parameter.
pub(super) fn initial(element: usize) -> f32 {
    if element.is_multiple_of(2) { 0.5 } else { -0.5 }
}

/// The step number `count`.
pub(super) fn context(count: u64) -> StepContext {
    StepContext {
        lr: 1e-3,
        share: 1.0,
        count,
        progress: 32 * count,
        staleness: 0,
        worker: 0,
    }
}

/// A shard that takes steps.
#[derive(Debug)]
pub(super) struct Subject {
    store: Box<dyn Store<f32>>,
    /// What a worker has read, for rules that look at it.
    at_read: Vec<u8>,
    steps: u64,
}

impl Subject {
    /// A shard of `len` parameters that are one tensor, with or without an L2 term: a matrix, as
    /// square as its length allows.
    pub(super) fn new(case: &Case, len: usize, l2: f64) -> Result<Self> {
        let rows = (1..=len.isqrt())
            .rev()
            .find(|rows| len.is_multiple_of(*rows));
        let rows = rows.unwrap_or(1);
        let group = GroupSpan {
            range: 0..len,
            lr_factor: 1.0,
            terms: Terms::l2(l2),
            shape: vec![rows, len / rows],
        };
        let spec = StoreSpec {
            len,
            initial: Initial::Function(&initial),
            groups: vec![group],
        };
        let mut store = case.entry.build(&case.settings, &spec)?;
        let mut at_read = Vec::new();
        store.readable_range(0..len, &mut at_read)?;
        Ok(Self {
            store,
            at_read,
            steps: 0,
        })
    }

    /// Takes one step with `gradient`.
    pub(super) fn step(&mut self, gradient: GradientView<'_>) -> Result<()> {
        self.steps += 1;
        let at_read = AtReadView::Pinned(&self.at_read);
        let context = context(self.steps);
        Ok(self.store.step_at(&context, gradient, at_read, 1.0)?)
    }

    /// Takes one step with a value for each parameter.
    pub(super) fn step_dense(&mut self, gradient: &[u8]) -> Result<()> {
        self.step(GradientView::Dense {
            start: 0,
            segments: &[gradient],
        })
    }

    /// Lets every parameter take all steps that it owes.
    pub(super) fn settle(&mut self) {
        self.store.columns();
    }
}

/// Shards of [`SHARD`] parameters that step at once, as on a server.
#[derive(Debug)]
pub(super) struct Shards(Vec<Subject>);

impl Shards {
    /// `count` shards.
    pub(super) fn new(case: &Case, count: usize) -> Result<Self> {
        let subjects = (0..count).map(|_| Subject::new(case, SHARD, 0.0));
        Ok(Self(subjects.collect::<Result<_>>()?))
    }

    /// Takes one step of all shards, each with its part of `gradient`; the time, ms.
    pub(super) fn step(&mut self, gradient: &[u8], threads: usize) -> Result<f64> {
        let share = self.0.len().div_ceil(threads);
        let start = now();
        thread::scope(|scope| {
            let workers: Vec<_> = self
                .0
                .chunks_mut(share)
                .zip(gradient.chunks(4 * SHARD * share))
                .map(|(own, gradient)| {
                    scope.spawn(move || {
                        own.iter_mut()
                            .zip(gradient.chunks(4 * SHARD))
                            .try_for_each(|(subject, gradient)| subject.step_dense(gradient))
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .map_err(|_| anyhow!("a step panicked"))
                    .flatten()
            })
        })?;
        Ok(millis_since(start))
    }
}

/// One thread, and as many as there are cores if that is more.
pub(super) fn thread_counts(shards: usize) -> Vec<usize> {
    let all = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, all.min(shards)];
    counts.dedup();
    counts
}

/// `len` values of a gradient, at most a hundredth each.
pub(super) fn singles(len: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..len)
        .map(|_| single(0.02 * (unit(random.next_u64()) - 0.5)))
        .collect()
}

/// [`singles`] as a push has them: f32, little-endian.
pub(super) fn values(len: usize, seed: u64) -> Vec<u8> {
    singles(len, seed)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
fn single(value: f64) -> f32 {
    value as f32
}
