//! The update rules of the runtime: how a coordinate moves by a gradient, and whether threads may do so
//! on copies of their own.
//!
//! ```text
//! sgd       x ← x − γ·g
//! adagrad   G ← G + g²;  x ← x − γ·g / (√G + ε)
//! ```
//!
//! Steps of `sgd` do not depend on how many came before, so that deltas of replicas add up. Those of
//! `adagrad` do, and are brought to the common rate when they are merged.
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | x | [`Cell::value`] | the parameter |
//! | g | `gradient` | of one term, without a factor of the number of terms |
//! | γ | `rate` | step size of the epoch |
//! | G | [`Summed::squares`] | sum of squared gradients |
//! | ε | [`ADAGRAD_EPS`] | keeps the quotient finite |
//!
//! Source: Robbins and Monro, Annals of Mathematical Statistics 22 (1951); Duchi, Hazan, Singer, JMLR 12
//! (2011).

use std::fmt::Debug;

use super::shared::{Cell, Counted, Summed};

/// ε of [`AdaGrad`], which no gradient of use is below.
pub const ADAGRAD_EPS: f32 = 1e-10;

/// Whether the deltas that threads made on copies of a coordinate may be added up later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotMerge {
    /// They may, as the cell says ([`super::tiered::Merge`]).
    AddDelta,
    /// They may not, for this reason.
    Refuse(&'static str),
}

/// How a coordinate moves.
pub trait Rule: Copy + Debug + Send + Sync {
    /// What a coordinate holds.
    type Cell: Cell;

    /// Whether replicas of a coordinate may be merged.
    const HOT_MERGE: HotMerge;

    /// A coordinate that starts at this value.
    fn start(self, value: f32) -> Self::Cell;

    /// The coordinate after a step.
    fn step(self, cell: Self::Cell, gradient: f32, rate: f32) -> Self::Cell;

    /// The coordinate after a move that is no step of the rule, as by a projection.
    fn moved(self, cell: Self::Cell, delta: f32) -> Self::Cell;
}

/// Stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Sgd;

/// AdaGrad.
#[derive(Clone, Copy, Debug)]
pub struct AdaGrad;

/// [`Sgd`] with a count in the word of each coordinate.
///
/// A lost update loses its count, too, as both are in the word that was overwritten: what the counts of
/// all coordinates lack of the updates that were made is the number of lost updates, exactly.
#[derive(Clone, Copy, Debug)]
pub struct CountingSgd;

impl Rule for Sgd {
    type Cell = f32;
    const HOT_MERGE: HotMerge = HotMerge::AddDelta;

    fn start(self, value: f32) -> f32 {
        value
    }

    #[inline]
    fn step(self, x: f32, gradient: f32, rate: f32) -> f32 {
        x - rate * gradient
    }

    #[inline]
    fn moved(self, x: f32, delta: f32) -> f32 {
        x + delta
    }
}

impl Rule for CountingSgd {
    type Cell = Counted;
    const HOT_MERGE: HotMerge =
        HotMerge::Refuse("a count of lost updates is of a shared model, and replicas lose none");

    fn start(self, value: f32) -> Counted {
        Counted { value, count: 0 }
    }

    #[inline]
    fn step(self, cell: Counted, gradient: f32, rate: f32) -> Counted {
        self.moved(cell, -(rate * gradient))
    }

    #[inline]
    fn moved(self, cell: Counted, delta: f32) -> Counted {
        Counted {
            value: cell.value + delta,
            count: cell.count.wrapping_add(1),
        }
    }
}

impl Rule for AdaGrad {
    type Cell = Summed;
    const HOT_MERGE: HotMerge = HotMerge::AddDelta;

    fn start(self, value: f32) -> Summed {
        Summed {
            value,
            squares: 0.0,
        }
    }

    #[inline]
    fn step(self, cell: Summed, gradient: f32, rate: f32) -> Summed {
        let squares = cell.squares + gradient * gradient;
        Summed {
            value: cell.value - rate * gradient / (squares.sqrt() + ADAGRAD_EPS),
            squares,
        }
    }

    #[inline]
    fn moved(self, cell: Summed, delta: f32) -> Summed {
        cell.with_value(cell.value + delta)
    }
}
