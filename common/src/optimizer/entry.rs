//! An optimizer as the registry knows it: its name, its words, and how to build its store.

use serde::de::DeserializeOwned;
use toml::Table;

use super::column_store::ColumnStore;
use super::plain::PlainStore;
use super::real::Real;
use super::rule::{AtRead, HotMerge, UpdateRule};
use super::store::{Store, StoreSpec};
use crate::registry::{Check, Named, SettingError, settings};

/// A line of [`OPTIMIZERS`](super::OPTIMIZERS).
#[derive(Clone, Copy, Debug)]
pub struct OptimizerEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// Every hyper-parameter with its default, as TOML. `lr` and `weight_decay` are the frame's.
    pub defaults: &'static str,
    /// The names of the slots, one number per parameter each.
    pub slot_names: &'static [&'static str],
    /// What the rule needs to know of the worker's last read.
    pub at_read: AtRead,
    /// Whether deltas that threads collected apart may be added.
    pub hot_merge: HotMerge,
    /// What the optimizer is held to on a parabola and on Rosenbrock's function.
    pub descents: [Descent; 2],
    check: fn(&Self, &Table) -> Result<(), SettingError>,
    single: Build<f32>,
    double: Build<f64>,
    plain: Build<f32>,
}

type Build<F> =
    fn(&OptimizerEntry, &Table, &StoreSpec<'_>) -> Result<Box<dyn Store<F>>, SettingError>;

/// Numbers that show that an optimizer descends: it starts at a known point, takes `steps` steps
/// with the exact gradient, its default hyper-parameters and a constant `lr`, and must be below
/// `below` after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// The function.
    pub surface: Surface,
    /// The learning rate.
    pub lr: f64,
    /// Steps to take.
    pub steps: u64,
    /// The value to fall below; both functions are zero at their minimum.
    pub below: f64,
}

/// A function to descend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// x² + 10·y², from (1, 1).
    Parabola,
    /// (1 − x)² + 100·(y − x²)², from (−1.2, 1).
    Rosenbrock,
}

impl Descent {
    /// On [`Surface::Parabola`].
    #[must_use]
    pub const fn parabola(lr: f64, steps: u64, below: f64) -> Self {
        Self {
            surface: Surface::Parabola,
            lr,
            steps,
            below,
        }
    }

    /// On [`Surface::Rosenbrock`].
    #[must_use]
    pub const fn rosenbrock(lr: f64, steps: u64, below: f64) -> Self {
        Self {
            surface: Surface::Rosenbrock,
            lr,
            steps,
            below,
        }
    }
}

/// Hyper-parameters that are a rule in both float types.
pub trait Algorithm: UpdateRule<f32> + UpdateRule<f64> + DeserializeOwned + Check {}

impl<R: UpdateRule<f32> + UpdateRule<f64> + DeserializeOwned + Check> Algorithm for R {}

impl OptimizerEntry {
    /// The entry of the rule `R`.
    pub(super) const fn of<R: Algorithm>(
        name: &'static str,
        source: &'static str,
        defaults: &'static str,
        descents: [Descent; 2],
    ) -> Self {
        Self {
            name,
            source,
            defaults,
            slot_names: <R as UpdateRule<f32>>::SLOT_NAMES,
            at_read: <R as UpdateRule<f32>>::AT_READ,
            hot_merge: <R as UpdateRule<f32>>::HOT_MERGE,
            descents,
            check: |entry, table| entry.read::<R>(table).map(|_| ()),
            single: columns::<f32, R>,
            double: columns::<f64, R>,
            plain: plain::<R>,
        }
    }

    /// Judges hyper-parameters; what the table does not have is the default.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key, a wrong type or a value out of range.
    pub fn check(&self, table: &Table) -> Result<(), SettingError> {
        (self.check)(self, table)
    }

    /// Builds the store of a shard.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// If the groups do not cover the shard.
    pub fn build(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn Store<f32>>, SettingError> {
        (self.single)(self, table, spec)
    }

    /// Builds a store that computes in f64, to compare the formula with references.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// As [`OptimizerEntry::build`].
    pub fn build_f64(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn Store<f64>>, SettingError> {
        (self.double)(self, table, spec)
    }

    /// Builds the plain twin: slow, obvious, and equal bit for bit.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// As [`OptimizerEntry::build`].
    pub fn build_plain(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn Store<f32>>, SettingError> {
        (self.plain)(self, table, spec)
    }

    /// Bytes of memory that a server needs for one parameter, with or without an L2 term.
    #[must_use]
    pub fn bytes_per_element(&self, regularised: bool) -> usize {
        size_of::<f32>() * (1 + self.slot_names.len()) + usize::from(regularised)
    }

    fn read<R: Algorithm>(&self, table: &Table) -> Result<R, SettingError> {
        settings(self.name, self.defaults, table)
    }
}

impl Named for OptimizerEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}

fn columns<F: Real, R: Algorithm + UpdateRule<F>>(
    entry: &OptimizerEntry,
    table: &Table,
    spec: &StoreSpec<'_>,
) -> Result<Box<dyn Store<F>>, SettingError> {
    Ok(Box::new(ColumnStore::new(entry.read::<R>(table)?, spec)))
}

fn plain<R: Algorithm>(
    entry: &OptimizerEntry,
    table: &Table,
    spec: &StoreSpec<'_>,
) -> Result<Box<dyn Store<f32>>, SettingError> {
    Ok(Box::new(PlainStore::new(entry.read::<R>(table)?, spec)))
}
