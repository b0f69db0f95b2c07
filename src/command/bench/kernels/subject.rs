//! A store under an optimizer's defaults, and gradients for it.

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::optimizer::{
    GradientView, GroupSpan, Initial, OptimizerEntry, StepContext, Store, StoreSpec,
};
use thalweg_common::regularizer::Terms;
use thalweg_common::seed::unit;
use thalweg_common::shard_map::Grain;
use toml::Table;

/// A shard that takes steps.
#[derive(Debug)]
pub(super) struct Subject {
    store: Box<dyn Store<f32>>,
    steps: u64,
}

impl Subject {
    /// A shard of `len` parameters that are one tensor, with or without an L2 term.
    pub(super) fn new(entry: &OptimizerEntry, len: usize, l2: f64) -> Result<Self> {
        let group = GroupSpan {
            range: 0..len,
            lr_factor: 1.0,
            terms: Terms::l2(l2),
            shape: vec![len],
        };
        let spec = StoreSpec {
            len,
            initial: Initial::Function(&|element| if element % 2 == 0 { 0.5 } else { -0.5 }),
            groups: vec![group],
        };
        let store = entry.build(&Table::new(), &spec)?;
        Ok(Self { store, steps: 0 })
    }

    /// Takes one step with `gradient`.
    pub(super) fn step(&mut self, gradient: GradientView<'_>) -> Result<()> {
        self.steps += 1;
        let context = StepContext {
            lr: 1e-3,
            count: self.steps,
            progress: 32 * self.steps,
            staleness: 0,
        };
        Ok(self.store.step(&context, gradient, 1.0)?)
    }
}

/// `len` values of a gradient, about a hundredth each, f32 little-endian.
pub(super) fn values(len: usize, seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = Vec::with_capacity(4 * len);
    for _ in 0..len {
        bytes.extend(single(0.02 * (unit(random.next_u64()) - 0.5)).to_le_bytes());
    }
    bytes
}

#[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
fn single(value: f64) -> f32 {
    value as f32
}

/// Bytes of memory that one step must read and write for each parameter, the gradient included:
/// every number that the server keeps is read and written, unless a rule of whole tensors goes over
/// its tensor twice.
pub(super) fn bytes_per_element(entry: &OptimizerEntry) -> Result<usize> {
    let facts = entry.facts(&Table::new())?;
    Ok(match (facts.grain, entry.name) {
        // Norms of x and g, then x and the velocity.
        (Grain::Tensors, "lars") => 28,
        // Moments and the norm of the update, then the update again from the moments.
        (Grain::Tensors, "lamb") => 40,
        // g and x for the factors, then g and x for the step; the factors themselves are small.
        (Grain::Tensors, "adafactor") => 24,
        _ => 4 + 8 * facts.numbers_per_element,
    })
}
