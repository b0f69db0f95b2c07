//! Optimizer state: a few numbers per parameter, kept column by column.
//!
//! A rule sees the slots of one parameter as `[F; N]`. Memory holds each slot as its own column, and
//! the loops carry [`LANES`] elements at a time in a [`SlotArray::Tile`], because that is the shape
//! in which the compiler finds vector instructions without any help.

use std::fmt::Debug;

use super::real::Real;

/// Elements that the loops take at once: a few vector registers of every CPU.
pub const LANES: usize = 32;

/// The slots of one parameter. Implemented by `[F; N]`.
pub trait SlotArray<F: Real>: Copy + Debug + Send + Sync + 'static {
    /// Slots of [`LANES`] parameters, slot by slot.
    type Tile: Copy + Debug + AsRef<[[F; LANES]]> + AsMut<[[F; LANES]]>;

    /// A tile that holds these slots in each of its lanes.
    fn splat(self) -> Self::Tile;

    /// Slots made one by one, in the order of their names.
    fn from_fn(slot: impl FnMut(usize) -> F) -> Self;

    /// The slots in the order of their names.
    fn as_slice(&self) -> &[F];
}

impl<F: Real, const N: usize> SlotArray<F> for [F; N] {
    type Tile = [[F; LANES]; N];

    #[inline(always)]
    fn splat(self) -> Self::Tile {
        self.map(|slot| [slot; LANES])
    }

    #[inline(always)]
    fn from_fn(slot: impl FnMut(usize) -> F) -> Self {
        std::array::from_fn(slot)
    }

    #[inline(always)]
    fn as_slice(&self) -> &[F] {
        self
    }
}
