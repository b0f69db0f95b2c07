//! The rule behind the stream: true weights without storage.

use thalweg_common::{
    permutation::Permutation,
    seed::{Purpose, derive, mix, near_normal},
};

use super::SteadyKeys;

/// Indices of the streams that one data seed is split into.
pub(super) mod index {
    pub(crate) const WEIGHTS: u64 = 0;
    pub(crate) const PLACES: u64 = 1;
    pub(crate) const ROWS: u64 = 2;
}

/// Which features are frequent and what each one weighs.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    weight_seed: u64,
    weight_std: f64,
    label_noise: f64,
    /// Feature of each rank: frequent features lie anywhere, as in real data.
    places: Permutation,
}

impl Truth {
    pub(super) fn new(keys: &SteadyKeys) -> Self {
        let places_seed = derive(keys.seed, Purpose::Data, index::PLACES);
        Self {
            weight_seed: derive(keys.seed, Purpose::Data, index::WEIGHTS),
            weight_std: keys.weight_std,
            label_noise: keys.label_noise,
            places: Permutation::new(places_seed, 0, keys.features),
        }
    }

    /// The feature that is drawn `rank`-th most often, counted from 0.
    pub(super) fn feature(&self, rank: u32) -> u32 {
        u32::try_from(self.places.row(u64::from(rank))).expect("features fit 32 bits")
    }

    /// The true weight of a feature: near normal, by a sum that every machine computes alike.
    pub(super) fn weight(&self, feature: u32) -> f64 {
        near_normal(
            self.weight_std,
            mix(self.weight_seed ^ mix(u64::from(feature))),
        )
    }

    /// The probability that a row with these features has the label +1.
    pub(super) fn probability(&self, features: &[u32]) -> f64 {
        let margin: f64 = features.iter().map(|feature| self.weight(*feature)).sum();
        let clean = 1.0 / (1.0 + (-margin).exp());
        clean * (1.0 - self.label_noise) + (1.0 - clean) * self.label_noise
    }
}

#[cfg(test)]
mod tests {
    use super::{SteadyKeys, Truth};

    #[test]
    fn weights_have_the_declared_moments() {
        let truth = Truth::new(&SteadyKeys {
            weight_std: 2.0,
            ..SteadyKeys::default()
        });
        let count = 100_000;
        let weights: Vec<_> = (0..count).map(|feature| truth.weight(feature)).collect();
        let mean = weights.iter().sum::<f64>() / f64::from(count);
        let variance = weights.iter().map(|weight| weight * weight).sum::<f64>() / f64::from(count);
        // Standard errors: 2 / √100,000 = 0.0063, and about 4 · √(2 / 100,000) = 0.018.
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.08, "{variance}");
    }

    #[test]
    fn noise_pulls_probabilities_towards_a_half() {
        let keys = SteadyKeys {
            label_noise: 0.5,
            ..SteadyKeys::default()
        };
        assert!((Truth::new(&keys).probability(&[1, 2, 3]) - 0.5).abs() < 1e-12);
    }
}
