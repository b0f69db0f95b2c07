//! Scales of whole arrays: what is done to the values before they are trained on.

use serde::Deserialize;

use super::{Array, Values};
use crate::data::encoding::{Scaling, inverse};

/// What is done to the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::data) enum ArrayScale {
    /// Nothing.
    None,
    /// Divided by 255: bytes become numbers from 0 to 1.
    Unit,
    /// Mean 0 and standard deviation 1 of each feature, over the training rows.
    Standard,
    /// From 0 to 1 for each feature, over the training rows.
    Minmax,
    /// Each feature divided by its greatest absolute value in the training rows; 0 stays 0.
    Maxabs,
}

impl ArrayScale {
    /// The scaling of these rows of `width` values; those that judge are left out.
    pub(super) fn learn(self, array: &Array, width: usize, judges: Option<&[bool]>) -> Scaling {
        match self {
            Self::None => Scaling::None,
            Self::Unit => Scaling::Factor(1.0 / 255.0),
            Self::Standard => Scaling::Each(each(array, width, judges, |s| {
                (s.mean, inverse((s.squares / s.count).sqrt()))
            })),
            Self::Minmax => Scaling::Each(each(array, width, judges, |s| {
                (s.min, inverse(s.max - s.min))
            })),
            Self::Maxabs => Scaling::Each(each(array, width, judges, |s| {
                (0.0, inverse(s.min.abs().max(s.max.abs())))
            })),
        }
    }
}

/// Sums of one feature.
#[derive(Clone, Debug)]
struct Sums {
    count: f64,
    mean: f64,
    /// Of the differences from the mean, by Welford's recurrence, which does not cancel.
    squares: f64,
    min: f64,
    max: f64,
}

fn each(
    array: &Array,
    width: usize,
    judges: Option<&[bool]>,
    of: impl Fn(&Sums) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let empty = Sums {
        count: 0.0,
        mean: 0.0,
        squares: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };
    let mut sums = vec![empty; width];
    let rows = Values::len(&array.values) / width;
    for row in (0..rows).filter(|row| judges.is_none_or(|judges| !judges[*row])) {
        for (feature, sums) in sums.iter_mut().enumerate() {
            let value = array.values.get(row * width + feature);
            sums.count += 1.0;
            let difference = value - sums.mean;
            sums.mean += difference / sums.count;
            sums.squares += difference * (value - sums.mean);
            sums.min = sums.min.min(value);
            sums.max = sums.max.max(value);
        }
    }
    sums.iter().map(of).collect()
}
