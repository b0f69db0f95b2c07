//! The first station of a gradient: rows of labelled, sparse features, numbered from 0.

pub mod rows;

use std::fmt::Debug;

pub use self::rows::Rows;

/// A numbered collection of rows that any thread can read at any position.
pub trait Dataset: Debug + Send + Sync {
    /// How many rows there are; row numbers are `0..rows()`.
    fn rows(&self) -> u64;

    /// How many input features there are, at most 2³².
    fn features(&self) -> u64;

    /// Replaces what `out` holds by the rows of these numbers, in this order.
    fn fill(&self, rows: &[u64], out: &mut Rows);
}
