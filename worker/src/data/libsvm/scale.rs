//! The key `scale` of libsvm files. What a row does not name is 0 and stays 0, so that of the scales only
//! the one that divides keeps rows sparse.

use serde::Deserialize;

use super::refuse;
use crate::data::{
    DataError,
    encoding::{Scaling, inverse},
    in_memory::Columns,
};

/// The factors are in the encoding, eight bytes and some twenty characters each.
const FEATURES_MAX: usize = 1 << 24;

/// What is done to the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SparseScale {
    /// Nothing.
    #[default]
    None,
    /// Each feature divided by its greatest absolute value in the training rows.
    Maxabs,
    /// That of columns; refused here.
    Standard,
    /// That of columns; refused here.
    Minmax,
}

impl SparseScale {
    /// Whether values are to be divided.
    pub(super) fn divides(self) -> Result<bool, DataError> {
        let found = match self {
            Self::None => return Ok(false),
            Self::Maxabs => return Ok(true),
            Self::Standard => "standard",
            Self::Minmax => "minmax",
        };
        Err(refuse(format!(
            "expected `scale` to be \"none\" or \"maxabs\", found \"{found}\", which would move the zeros \
             that rows leave out and so fill every row; set scale = \"maxabs\", or give the data as csv or npy"
        )))
    }
}

/// The greatest absolute value of each feature.
#[derive(Debug, Default)]
pub(super) struct Greatest {
    values: Vec<f32>,
    /// Rows that were seen.
    rows: usize,
    /// Whether a feature lies beyond those that can be scaled.
    is_too_wide: bool,
}

impl Greatest {
    /// Sees the next rows; those of the data that judge are left out.
    pub(super) fn see(&mut self, rows: &Columns, judges: Option<&[bool]>) {
        for row in 0..rows.rows() {
            let number = self.rows + row;
            if judges.is_some_and(|judges| judges.get(number) == Some(&true)) {
                continue;
            }
            let (features, values) = rows.row(row);
            for (index, feature) in features.iter().enumerate() {
                let feature = *feature as usize;
                if FEATURES_MAX <= feature {
                    self.is_too_wide = true;
                    break;
                }
                if self.values.len() <= feature {
                    self.values.resize(feature + 1, 0.0);
                }
                let value = values.get(index).copied().unwrap_or(1.0).abs();
                self.values[feature] = self.values[feature].max(value);
            }
        }
        self.rows += rows.rows();
    }

    /// The scaling of these rows.
    pub(super) fn scaling(&self) -> Result<Scaling, DataError> {
        if self.is_too_wide {
            return Err(refuse(format!(
                "expected indices up to {FEATURES_MAX} with scale = \"maxabs\", found a larger one; number \
                 the features anew or remove `scale`"
            )));
        }
        let factor = |greatest: &f32| inverse(f64::from(*greatest));
        Ok(Scaling::Factors(self.values.iter().map(factor).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::{FEATURES_MAX, Greatest};
    use crate::data::{encoding::Scaling, in_memory::Columns};

    fn rows(each: &[(u32, f32)]) -> Columns {
        let mut rows = Columns::new();
        for (feature, value) in each {
            rows.push(*feature, *value);
            rows.close(0.0);
        }
        rows
    }

    #[test]
    fn features_are_divided_by_their_greatest_absolute_value_of_the_rows_that_do_not_judge() {
        let mut greatest = Greatest::default();
        let judges = [false, false, true, false];
        greatest.see(&rows(&[(0, 2.0), (2, -4.0)]), Some(&judges));
        greatest.see(&rows(&[(2, 8.0), (0, -0.5)]), Some(&judges));
        let scaling = greatest.scaling().unwrap();
        assert_eq!(scaling, Scaling::Factors(vec![0.5, 0.0, 0.25]));
        let mut other = rows(&[(0, 3.0), (1, 3.0), (2, 4.0), (7, 1.0)]);
        other.scale(&scaling);
        let found = [0, 1, 2, 3].map(|row| other.row(row).1[0]);
        let expected = [1.5, 0.0, 1.0, 0.0];
        assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits));
    }

    #[test]
    fn what_becomes_too_great_is_the_greatest_number_there_is() {
        let mut greatest = Greatest::default();
        greatest.see(&rows(&[(0, 1e-30)]), None);
        let mut other = rows(&[(0, -1e30)]);
        other.scale(&greatest.scaling().unwrap());
        assert_eq!(other.row(0).1, [f32::MIN]);
    }

    #[test]
    fn more_features_than_an_encoding_holds_are_refused() {
        let mut greatest = Greatest::default();
        let last = u32::try_from(FEATURES_MAX).unwrap() - 1;
        greatest.see(&rows(&[(last, 1.0)]), None);
        assert!(greatest.scaling().is_ok());
        greatest.see(&rows(&[(last + 1, 1.0)]), None);
        let error = greatest.scaling().unwrap_err().to_string();
        assert!(error.contains("indices up to 16777216"), "{error}");
    }
}
