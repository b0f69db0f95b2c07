//! Which elements of a shard a part speaks of.

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

/// The elements of one shard that a part carries, by offset from the shard's first element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A run of elements. An empty run carries only the part's header: its clock.
    Range(Range<u32>),
    /// A list of elements.
    Coordinates(Coordinates),
    /// Rows of a table, by 64-bit key. Reserved: no server serves it.
    Rows {
        /// The table's number in the layout.
        table: u32,
        /// The keys.
        keys: Vec<u64>,
    },
}

impl Address {
    /// The address of no element.
    pub const NONE: Self = Self::Range(0..0);

    /// The number of elements addressed; for rows, the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Coordinates(coordinates) => coordinates.len(),
            Self::Rows { keys, .. } => keys.len(),
        }
    }

    /// Whether no element is addressed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Offsets within a shard, strictly increasing. Holding one is the proof of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinates(Arc<[u32]>);

/// Why a list is not one of coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "coordinates must rise strictly: number {position} is {found} after {before}; sort them and sum \
     duplicates before pushing"
)]
pub struct CoordinateError {
    /// Where in the list, from 0.
    pub position: usize,
    /// The value there.
    pub found: u32,
    /// The value before it.
    pub before: u32,
}

impl Coordinates {
    /// Takes a strictly increasing list.
    ///
    /// # Errors
    /// [`CoordinateError`] at the first place where the list does not rise.
    pub fn new(offsets: impl Into<Arc<[u32]>>) -> Result<Self, CoordinateError> {
        let offsets = offsets.into();
        match offsets.windows(2).position(|pair| pair[1] <= pair[0]) {
            None => Ok(Self(offsets)),
            Some(i) => Err(CoordinateError {
                position: i + 1,
                found: offsets[i + 1],
                before: offsets[i],
            }),
        }
    }

    /// The number of coordinates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The offsets, strictly increasing.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_that_do_not_rise_are_named() {
        assert!(Coordinates::new(vec![]).is_ok());
        assert!(Coordinates::new(vec![3, 5, 9]).is_ok());
        let error = Coordinates::new(vec![3, 5, 5]).unwrap_err();
        assert_eq!(
            error,
            CoordinateError {
                position: 2,
                found: 5,
                before: 5
            }
        );
    }
}
