//! What a shard holds: parameters and slots, behind one object-safe trait.
//!
//! A server knows optimizers by name only, so the rule is erased here, once per shard and step, and
//! never per element.

use std::fmt::Debug;
use std::ops::Range;

use thiserror::Error;

use super::gradient::{AddressError, AtReadView, GradientError, GradientView};
use super::real::Real;
use super::retune::{ErasedRule, RetuneError};
use super::rule::StepContext;
use crate::regularizer::Terms;

/// Neighbouring elements that share a rate factor and regularizers.
#[derive(Clone, Debug)]
pub struct GroupSpan {
    /// The elements, counted in the shard.
    pub range: Range<usize>,
    /// Multiplies the learning rate.
    pub lr_factor: f64,
    /// What holds them back. A constraint's units begin with the range.
    pub terms: Terms,
    /// The sizes of the tensor that this is, slowest first; empty for a part of a tensor.
    pub shape: Vec<usize>,
}

impl GroupSpan {
    /// The step's context as this group sees it.
    pub(super) fn context(&self, context: &StepContext) -> StepContext {
        StepContext {
            lr: context.lr * self.lr_factor,
            ..*context
        }
    }

    /// What a constraint is about, one by one; nothing without a constraint.
    pub(super) fn units(&self) -> impl Iterator<Item = Range<usize>> {
        self.units_of(self.range.clone())
    }

    /// The units that have one of these elements, which are in order and inside the range.
    pub(super) fn units_of(
        &self,
        elements: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = Range<usize>> {
        let (start, unit) = (self.range.start, self.terms.unit());
        let mut end = start;
        elements.filter_map(move |element| {
            let unit = unit?;
            if element < end {
                return None;
            }
            let first = element - (element - start) % unit;
            end = first + unit;
            Some(first..end)
        })
    }
}

/// Parameters before the first step.
pub enum Initial<'a> {
    /// All zero. Memory is reserved, but used only from an element's first step on.
    Zeros,
    /// A function of the element's position in the shard.
    Function(&'a dyn Fn(usize) -> f32),
}

impl Debug for Initial<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Initial::Zeros => "Zeros",
            Initial::Function(_) => "Function",
        })
    }
}

/// Everything but the rule that a store is built from.
#[derive(Debug)]
pub struct StoreSpec<'a> {
    /// Elements of the shard.
    pub len: usize,
    /// The parameters before the first step.
    pub initial: Initial<'a>,
    /// The groups, in order, without gaps; together they cover the shard.
    pub groups: Vec<GroupSpan>,
}

impl StoreSpec<'_> {
    /// The parameters before the first step.
    pub(super) fn parameters<F: Real>(&self) -> Vec<F> {
        let mut x = match self.initial {
            // Asks for zeroed memory, which costs nothing until it is written.
            Initial::Zeros => vec![F::ZERO; self.len],
            Initial::Function(value) => (0..self.len).map(|at| F::from_f32(value(at))).collect(),
        };
        for group in &self.groups {
            group.terms.project(&mut x[group.range.clone()]);
        }
        x
    }

    /// Panics unless the groups cover the shard with whole units.
    pub(super) fn assert_tiled(&self) {
        let end = self.groups.iter().fold(0, |end, group| {
            assert_eq!(
                group.range.start, end,
                "groups follow each other without a gap"
            );
            assert!(
                group.range.start <= group.range.end,
                "a group's range runs forward"
            );
            let unit = group.terms.unit().unwrap_or(1).max(1);
            assert!(
                group.range.len().is_multiple_of(unit),
                "the shard map keeps whole what a constraint is about"
            );
            group.range.end
        });
        assert_eq!(end, self.len, "the groups cover the shard");
    }
}

/// Why a store refused to take a saved state.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RestoreError {
    /// The state is of another optimizer.
    #[error("the saved state has {found} columns; expected {expected}: parameters and each slot")]
    Columns {
        /// Columns of this store.
        expected: usize,
        /// Columns that came.
        found: usize,
    },
    /// The state is of another shard.
    #[error("column {column} of the saved state has {found} elements; its store has {expected}")]
    Length {
        /// Which column, from 0.
        column: usize,
        /// Elements of this store.
        expected: usize,
        /// Elements that came.
        found: usize,
    },
}

/// Who reads parameters, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A worker, to take a gradient there: the published values.
    Worker,
    /// An observer, to judge and to save: the evaluated values, which for most rules are the same.
    Observer,
}

/// The parameters of one shard with their optimizer.
///
/// `F` is f32 on servers and f64 in tests of the formulas; gradients and published values are f32
/// bytes, little-endian, for both.
pub trait Store<F: Real>: Debug + Send {
    /// Elements of the shard.
    fn len(&self) -> usize;

    /// Whether the shard has no element.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the slots, in the order of [`Store::columns`].
    fn slot_names(&self) -> Vec<String>;

    /// Takes one step with `scale × gradient` (1.0 leaves every bit).
    ///
    /// Elements without a value keep their slots untouched where their group has no penalty, and
    /// take the step with a gradient of zero where it has. A constraint is projected on wherever an
    /// element of its unit takes the step, so that all units satisfy it at any time.
    ///
    /// # Errors
    /// [`GradientError`] if the gradient does not fit the shard; nothing is changed then.
    fn step(
        &mut self,
        context: &StepContext,
        gradient: GradientView<'_>,
        scale: f32,
    ) -> Result<(), GradientError> {
        self.step_at(context, gradient, AtReadView::AsItIs, scale)
    }

    /// The same with a gradient that was computed at what is told, for a rule that looks at that.
    ///
    /// # Errors
    /// [`GradientError`] if the gradient or what was read does not fit the shard; nothing is changed
    /// then.
    fn step_at(
        &mut self,
        context: &StepContext,
        gradient: GradientView<'_>,
        at_read: AtReadView<'_>,
        scale: f32,
    ) -> Result<(), GradientError>;

    /// Adds a difference to the parameters as it is: no rule, no penalty, no step.
    ///
    /// # Errors
    /// [`GradientError`] if it does not fit the shard; nothing is changed then.
    fn add(&mut self, delta: GradientView<'_>) -> Result<(), GradientError>;

    /// Replaces the parameters. What the rule remembers beside them stays.
    ///
    /// # Panics
    /// Unless there is a value for every element.
    fn overwrite(&mut self, x: &[f32]);

    /// Takes the steps to come by `rule`: the same formula with other hyper-parameters. Parameters and
    /// slots stay as they are, and elements that owe steps take them as they were prepared.
    ///
    /// # Errors
    /// [`RetuneError`] if the state is not one of that rule; nothing is changed then.
    fn retune(&mut self, rule: ErasedRule) -> Result<(), RetuneError>;

    /// Appends the values of a range as `reader` should see them.
    ///
    /// # Errors
    /// [`AddressError`] if the range is not inside the shard; nothing is appended then.
    fn read_range(
        &mut self,
        reader: Reader,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError>;

    /// Appends the values at strictly increasing coordinates as `reader` should see them.
    ///
    /// # Errors
    /// [`AddressError`] if the coordinates are not so, or not inside the shard; nothing is appended
    /// then.
    fn read_coordinates(
        &mut self,
        reader: Reader,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError>;

    /// Appends of each element of a range what a worker that reads it now must tell with its gradient,
    /// in the form of [`AtRead::bytes`](super::AtRead::bytes); nothing for most rules.
    ///
    /// # Errors
    /// As [`Store::read_range`].
    fn readable_range(
        &mut self,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError>;

    /// The same of strictly increasing coordinates.
    ///
    /// # Errors
    /// As [`Store::read_coordinates`].
    fn readable_coordinates(
        &mut self,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError>;

    /// The state to save: the parameters, then each slot, with nothing left to settle.
    fn columns(&mut self) -> Vec<&[F]>;

    /// Takes a saved state: continuing from it gives the same bits as never having stopped.
    ///
    /// # Errors
    /// [`RestoreError`] if the state is of another optimizer or shard; nothing is changed then.
    fn restore(&mut self, columns: &[&[F]]) -> Result<(), RestoreError>;

    /// Bytes of memory that the store holds.
    fn bytes(&self) -> usize;
}

/// A store in f64 that takes and shows f64: what references and drawn paths need, and no server.
pub trait ExactStore: Store<f64> {
    /// Takes one step with the gradient of each element, if it has one.
    ///
    /// # Panics
    /// Unless there is one entry for each element of the shard.
    fn step_exact(&mut self, context: &StepContext, gradient: &[Option<f64>]) {
        self.step_exact_at(context, gradient, &[]);
    }

    /// The same with what was read of each element; of none, where nothing was missed.
    ///
    /// # Panics
    /// Unless there is one entry for each element of the shard, of both if of one.
    fn step_exact_at(&mut self, context: &StepContext, gradient: &[Option<f64>], at_read: &[f64]);

    /// What a worker that reads now must know later, element by element.
    fn readable(&self) -> Vec<f64>;

    /// What `reader` sees, element by element.
    fn shown(&self, reader: Reader) -> Vec<f64>;
}

/// Judges a saved state against a store of `slots` slots and `len` elements.
pub(super) fn check_saved<F>(
    columns: &[&[F]],
    slots: usize,
    len: usize,
) -> Result<(), RestoreError> {
    check_lengths(columns, &vec![len; 1 + slots])
}

/// Judges a saved state against a store whose columns have these lengths.
pub(super) fn check_lengths<F>(columns: &[&[F]], lengths: &[usize]) -> Result<(), RestoreError> {
    if columns.len() != lengths.len() {
        return Err(RestoreError::Columns {
            expected: lengths.len(),
            found: columns.len(),
        });
    }
    let differs = |(values, len): (&&[F], &usize)| values.len() != *len;
    match columns.iter().zip(lengths).position(differs) {
        Some(column) => Err(RestoreError::Length {
            column,
            expected: lengths[column],
            found: columns[column].len(),
        }),
        None => Ok(()),
    }
}
