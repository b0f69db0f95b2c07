//! One sample per round, and what is made of them.

use serde::Serialize;

/// The samples of one quantity, one per round. What is measured in turn has as many.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(in crate::command::bench) struct Samples(Vec<f64>);

impl Samples {
    /// Adds the sample of a round.
    pub(in crate::command::bench) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Adds the samples of another measurement of the same quantity.
    pub(in crate::command::bench) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// The median; 0 if there are none.
    pub(in crate::command::bench) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The least and the greatest; 0 if there are none.
    pub(in crate::command::bench) fn ends(&self) -> [f64; 2] {
        let end = |most: Option<&f64>| most.copied().unwrap_or_default();
        let samples = || self.0.iter();
        [
            end(samples().min_by(|a, b| a.total_cmp(b))),
            end(samples().max_by(|a, b| a.total_cmp(b))),
        ]
    }

    /// This over `other`, round by round, so that a slow moment of the machine falls on both.
    pub(in crate::command::bench) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// What `change` makes of each sample.
    pub(in crate::command::bench) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }
}

/// A number of bytes in a time, GB/s.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn gigabytes_per_second(bytes: usize, millis: f64) -> f64 {
    bytes as f64 / (millis * 1e6)
}

/// GB/s for ps per element of so many bytes; and ps per element for GB/s.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn rate_or_price(bytes: usize, price_or_rate: f64) -> f64 {
    1e3 * bytes as f64 / price_or_rate
}

/// A time over a number of things, in picoseconds for each.
#[expect(clippy::cast_precision_loss, reason = "a price for people")]
pub(super) fn picos_each(things: usize, millis: f64) -> f64 {
    millis * 1e9 / things as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples(values.to_vec())
    }

    #[test]
    fn the_median_of_ratios_is_taken_round_by_round() {
        let (ours, theirs) = (samples(&[1.0, 8.0, 3.0]), samples(&[2.0, 4.0, 3.0]));
        assert_eq!(ours.over(&theirs).0, [0.5, 2.0, 1.0]);
        assert_eq!(ours.over(&theirs).median().to_bits(), 1.0_f64.to_bits());
        assert_eq!(Samples::default().median().to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn rates_and_prices_have_their_units() {
        assert_eq!(
            gigabytes_per_second(3_000_000, 1.5).to_bits(),
            2.0_f64.to_bits()
        );
        assert_eq!(picos_each(1_000, 0.001).to_bits(), 1e3_f64.to_bits());
        assert_eq!(rate_or_price(28, 280.0).to_bits(), 1e2_f64.to_bits());
    }
}
