//! Staleness in few numbers: what reports, status pages and displays say of a histogram.

use serde::{Deserialize, Serialize, Serializer};
use thalweg_common::message::StalenessHistogram;

use super::units::NOTHING;

/// Staleness of applied parts, in steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Staleness {
    /// Half of the parts had this staleness or less (the floor of its bucket from 64 on).
    pub p50: u64,
    /// 99 % of the parts had this staleness or less (the floor of its bucket from 64 on).
    pub p99: u64,
    /// The greatest staleness, exact.
    pub max: u64,
    /// The mean, with the floor of the bucket for every part from 64 on; `None` without parts.
    pub mean: Option<f64>,
    /// The buckets that hold a part, in rising order.
    pub counts: Vec<StalenessCount>,
}

/// One bucket of a staleness histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StalenessCount {
    /// The least staleness of the bucket, in steps.
    pub floor: u64,
    /// The parts in it.
    pub parts: u64,
}

impl From<&StalenessHistogram> for Staleness {
    fn from(histogram: &StalenessHistogram) -> Self {
        let counts: Vec<_> = (0..)
            .zip(&histogram.counts)
            .filter(|(_, parts)| **parts > 0)
            .map(|(bucket, parts)| StalenessCount {
                floor: StalenessHistogram::floor(bucket),
                parts: *parts,
            })
            .collect();
        let sum: f64 = counts.iter().map(|c| c.floor as f64 * c.parts as f64).sum();
        let total = histogram.total();
        Self {
            p50: histogram.quantile(0.5),
            p99: histogram.quantile(0.99),
            max: histogram.max,
            mean: (total > 0).then(|| sum / total as f64),
            counts,
        }
    }
}

impl Staleness {
    /// The mean with one decimal; a dash without parts.
    pub(crate) fn mean_steps(&self) -> String {
        let mean = self.mean.map(|mean| format!("{mean:.1}"));
        mean.unwrap_or_else(|| NOTHING.to_owned())
    }
}

pub(super) fn serialize<S: Serializer>(
    histogram: &StalenessHistogram,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Staleness::from(histogram).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_becomes_quantiles_a_mean_and_its_full_buckets() {
        let mut histogram = StalenessHistogram::default();
        for staleness in [0, 2, 2, 100] {
            histogram.record(staleness);
        }
        let staleness = Staleness::from(&histogram);
        assert_eq!((staleness.p50, staleness.p99, staleness.max), (2, 64, 100));
        assert_eq!(staleness.mean, Some(17.0));
        let counts: Vec<_> = staleness
            .counts
            .iter()
            .map(|c| (c.floor, c.parts))
            .collect();
        assert_eq!(counts, [(0, 1), (2, 2), (64, 1)]);
    }

    #[test]
    fn without_parts_there_is_no_mean() {
        let staleness = Staleness::from(&StalenessHistogram::default());
        assert_eq!(staleness, Staleness::default());
    }
}
