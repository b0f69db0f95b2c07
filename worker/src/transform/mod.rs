//! Between the second and the third station of a gradient: what is done to it before anything counts
//! it.
//!
//! Before this: [`crate::model`] computed the gradient of a batch, and it was found finite. After it:
//! the gradient is judged once more, and [`crate::method`] accrues it, takes local steps by it and
//! pushes it. So a transform sees one batch's whole gradient of the loss, all tensors at once and
//! however the parameters are cut; L2 is no part of it, since the servers add that later.
//!
//! A transform is a pure function of its settings, the gradient and the batch, not of the worker: a
//! batch that is computed again, elsewhere or on another layout of shards gives the same bits.
//!
//! A new one is one file and one line of [`TRANSFORMS`].

pub mod clip_by_value;
pub mod clip_by_global_norm;
pub mod gaussian_noise;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use thalweg_common::message::DataRange;
use thalweg_common::registry::{Check, Entry, SettingError, find};
use thalweg_common::seed::{Purpose, derive, mix};
use toml::Table;

use crate::model::Coverage;

/// Every gradient transform there is, in order of growing complexity.
pub static TRANSFORMS: &[TransformEntry] = &[
    clip_by_value::ENTRY,
    clip_by_global_norm::ENTRY,
    gaussian_noise::ENTRY,
];

/// A change of a batch's gradient.
pub trait Transform: Debug + Send + Sync {
    /// Changes the gradient in place; `values` are those of the elements that `coverage` lists.
    fn apply(&self, batch: Batch, coverage: &Coverage, values: &mut [f32]);
}

/// What a transform may know of the batch besides its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Batches before this one in the job, counted from 0 over all epochs and all workers together
    /// in the order of the data, not in that of time.
    pub number: u64,
    /// The seed of what is random: of this batch, and of this transform among its like.
    pub seed: u64,
}

/// A line of [`TRANSFORMS`].
pub type TransformEntry = Entry<dyn Transform>;

/// The gradient transform called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`] with the names that there are.
pub fn transform(name: &str) -> Result<&'static TransformEntry, SettingError> {
    find("gradient transform", TRANSFORMS, name)
}

fn make<T: Transform + DeserializeOwned + Check + 'static>(
    entry: &TransformEntry,
    table: &Table,
) -> Result<Box<dyn Transform>, SettingError> {
    Ok(Box::new(entry.settings::<T>(table)?))
}

/// How batches are numbered, and what their random numbers derive from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The job's seed.
    pub seed: u64,
    /// Rows of the training set.
    pub rows: u64,
    /// Examples per batch; 0 counts as 1.
    pub batch_size: u64,
}

/// A job's transforms, in the job's order. The default is none.
#[derive(Debug, Default)]
pub struct Transforms {
    numbering: Numbering,
    list: Vec<Box<dyn Transform>>,
}

impl Transforms {
    /// The transforms of these names and settings, to be applied in this order.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown name, or as [`Entry::build`].
    pub fn new<'a>(
        numbering: Numbering,
        list: impl IntoIterator<Item = (&'a str, &'a Table)>,
    ) -> Result<Self, SettingError> {
        let build = |(name, options)| transform(name)?.build(options);
        let list = list.into_iter().map(build).collect::<Result<_, _>>()?;
        Ok(Self { numbering, list })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Applies all of them to the gradient of the batch at `range`.
    pub fn apply(&self, range: &DataRange, coverage: &Coverage, values: &mut [f32]) {
        let Numbering {
            seed,
            rows,
            batch_size,
        } = self.numbering;
        let before = range.epoch.saturating_mul(rows).saturating_add(range.start);
        let number = before / batch_size.max(1);
        let of_batch = mix(derive(seed, Purpose::GradientNoise, range.epoch) ^ range.start);
        for (place, transform) in (0..).zip(&self.list) {
            let seed = mix(of_batch ^ place);
            transform.apply(Batch { number, seed }, coverage, values);
        }
    }
}
