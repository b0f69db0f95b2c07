//! How many examples a batch has: a number, or all of them.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Examples per batch: 1 is stochastic gradient descent, a number in between mini-batch gradient
/// descent, `"full"` batch gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many, ≥ 1.
    Rows(u64),
    /// All training rows, in equal shares for the workers: under BSP every step is that of the whole
    /// gradient. A job whose data are known has the share instead.
    Full,
}

const FULL: &str = "full";

impl BatchSize {
    /// What this is for so many training rows and workers.
    #[must_use]
    pub fn resolved(self, rows: u64, workers: u32) -> Self {
        match self {
            Self::Full => Self::Rows(rows.div_ceil(u64::from(workers.max(1))).max(1)),
            Self::Rows(_) => self,
        }
    }

    /// The number; `None` as long as it depends on data that are not known.
    #[must_use]
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::Full => None,
        }
    }

    /// The number, of a job whose data are known.
    ///
    /// # Panics
    /// When it is [`Self::Full`]: `JobConfig::with_resolved` leaves none.
    #[must_use]
    pub fn rows(self) -> u64 {
        self.known().expect("a resolved job knows its batch size")
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => rows.fmt(f),
            Self::Full => write!(f, "{FULL:?}"),
        }
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => serializer.serialize_u64(*rows),
            Self::Full => serializer.serialize_str(FULL),
        }
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Words)
    }
}

struct Words;

impl Visitor<'_> for Words {
    type Value = BatchSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of at least 1, or \"full\" for all rows")
    }

    fn visit_i64<E: Error>(self, rows: i64) -> Result<BatchSize, E> {
        u64::try_from(rows)
            .map(BatchSize::Rows)
            .map_err(|_| E::invalid_value(Unexpected::Signed(rows), &self))
    }

    fn visit_u64<E: Error>(self, rows: u64) -> Result<BatchSize, E> {
        Ok(BatchSize::Rows(rows))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<BatchSize, E> {
        if word == FULL {
            Ok(BatchSize::Full)
        } else {
            Err(E::invalid_value(Unexpected::Str(word), &self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BatchSize;

    #[test]
    fn a_full_batch_is_the_rows_in_equal_shares() {
        assert_eq!(BatchSize::Full.resolved(10, 1), BatchSize::Rows(10));
        assert_eq!(BatchSize::Full.resolved(10, 4), BatchSize::Rows(3));
        assert_eq!(BatchSize::Full.resolved(0, 4), BatchSize::Rows(1));
        assert_eq!(BatchSize::Rows(7).resolved(10, 4), BatchSize::Rows(7));
        assert_eq!(BatchSize::Full.known(), None);
    }
}
