//! Rows computed on the fly.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Zipf};
use thalweg_common::seed::{Purpose, derive, unit};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    SteadyKeys,
    truth::{Truth, index},
};
use crate::{
    data::{Dataset, Ideal, Rows, Task},
    evaluate::auc,
};

/// Test rows are numbered from here, where no train row is.
const TEST_START: u64 = 1 << 62;

/// Draws per wanted feature after which a row is completed uniformly: a steep law has so little
/// beyond its head that drawing distinct features could take for ever.
const DRAWS_PER_FEATURE_MAX: u32 = 64;

/// Rows over which [`Dataset::ideal`] averages at most.
const IDEAL_ROWS_MAX: u64 = 100_000;

/// A stream of rows with ground truth.
#[derive(Clone, Debug)]
pub struct Steady {
    keys: SteadyKeys,
    rows: u64,
    /// Number of the first row among all rows, trained on or not.
    start: u64,
    row_seed: u64,
    ranks: Zipf<f64>,
    truth: Truth,
}

impl Steady {
    /// The rows to train on.
    ///
    /// # Panics
    /// When the keys are out of the bounds that their fields state.
    #[must_use]
    pub fn train(keys: &SteadyKeys) -> Self {
        Self::new(keys, keys.rows, 0)
    }

    /// The rows that judge.
    ///
    /// # Panics
    /// As [`Self::train`].
    #[must_use]
    pub fn test(keys: &SteadyKeys) -> Self {
        Self::new(keys, keys.test_rows, TEST_START)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of features up to 2^32 is exact"
    )]
    fn new(keys: &SteadyKeys, rows: u64, start: u64) -> Self {
        keys.check().expect("the fields keep their stated bounds");
        Self {
            keys: keys.clone(),
            rows,
            start,
            row_seed: derive(keys.seed, Purpose::Data, index::ROWS),
            ranks: Zipf::new(keys.features as f64, keys.exponent).expect("bounds were checked"),
            truth: Truth::new(keys),
        }
    }

    /// Draws row `number` into `features` and returns its probability of +1 and its label.
    fn draw(&self, number: u64, features: &mut Vec<u32>) -> (f64, f32) {
        assert!(number < self.rows, "row {number} of {}", self.rows);
        let mut random = self.row_random(self.start + number);
        let threshold = unit(random.next_u64());
        features.clear();
        let wanted = self.keys.nonzeros as usize;
        for _ in 0..self.keys.nonzeros * DRAWS_PER_FEATURE_MAX {
            if features.len() == wanted {
                break;
            }
            insert(features, rank_of(self.ranks.sample(&mut random)));
        }
        while features.len() < wanted {
            let uniform = (u128::from(random.next_u64()) * u128::from(self.keys.features)) >> 64;
            insert(
                features,
                u32::try_from(uniform).expect("below 2^32 features"),
            );
        }
        features
            .iter_mut()
            .for_each(|rank| *rank = self.truth.feature(*rank));
        features.sort_unstable();
        let probability = self.truth.probability(features);
        (
            probability,
            if threshold < probability { 1.0 } else { -1.0 },
        )
    }

    /// A generator of its own for each row: rows can be drawn in any order on any thread.
    fn row_random(&self, number: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.row_seed.to_le_bytes());
        key[8..16].copy_from_slice(&number.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }
}

/// Inserts into a sorted list what is not yet in it.
fn insert(sorted: &mut Vec<u32>, rank: u32) {
    if let Err(place) = sorted.binary_search(&rank) {
        sorted.insert(place, rank);
    }
}

/// The 0-based rank of a draw, which is a whole number from 1 to the number of features.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 0 to 2^32 - 1"
)]
fn rank_of(draw: f64) -> u32 {
    (draw - 1.0) as u32
}

impl Dataset for Steady {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn features(&self) -> u64 {
        self.keys.features
    }

    fn task(&self) -> Task {
        Task::Binary
    }

    fn fill(&self, rows: &[u64], out: &mut Rows) {
        out.clear();
        let mut features = Vec::with_capacity(self.keys.nonzeros as usize + 1);
        for &number in rows {
            let (_, label) = self.draw(number, &mut features);
            out.push_ones(number, label, &features);
        }
    }

    /// Of the keys, from which all rows follow.
    fn content_hash(&self) -> u64 {
        let keys = &self.keys;
        let numbers = [
            keys.seed,
            self.start,
            self.rows,
            keys.features,
            u64::from(keys.nonzeros),
            keys.exponent.to_bits(),
            keys.weight_std.to_bits(),
            keys.label_noise.to_bits(),
        ];
        xxh3_64(numbers.map(u64::to_le_bytes).as_flattened())
    }

    fn memory_bytes(&self) -> u64 {
        size_of::<Self>() as u64
    }

    /// Over the first 100,000 rows at most: an estimate for a stream, exact for a shorter test set.
    fn ideal(&self) -> Option<Ideal> {
        let mut features = Vec::new();
        let (mut loss, mut scored) = (0.0, Vec::new());
        for number in 0..self.rows.min(IDEAL_ROWS_MAX) {
            let (probability, label) = self.draw(number, &mut features);
            let is_positive = 0.0 < label;
            loss -= if is_positive {
                probability.ln()
            } else {
                (-probability).ln_1p()
            };
            scored.push((probability, is_positive));
        }
        let count = u32::try_from(scored.len()).expect("at most IDEAL_ROWS_MAX rows");
        let auc = auc(&mut scored)?;
        Some(Ideal {
            log_loss: loss / f64::from(count),
            auc,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Steady;
    use crate::data::{Dataset, Rows, steady::SteadyKeys};

    fn rows(set: &Steady, numbers: &[u64]) -> Rows {
        let mut rows = Rows::new();
        set.fill(numbers, &mut rows);
        rows
    }

    fn small() -> SteadyKeys {
        SteadyKeys {
            features: 1_000,
            test_rows: 20_000,
            ..SteadyKeys::default()
        }
    }

    #[test]
    fn a_row_depends_on_its_number_alone() {
        let set = Steady::train(&small());
        let (together, alone) = (rows(&set, &[5, 99_999_999, 6]), rows(&set, &[99_999_999]));
        assert_eq!(together.row(1), alone.row(0));
        assert_ne!(together.row(0), together.row(2));
    }

    #[test]
    fn rows_have_as_many_distinct_increasing_features_as_asked() {
        for (features, exponent, nonzeros) in [(1_000, 1.1, 30), (60, 4.0, 30), (2, 0.0, 1)] {
            let keys = SteadyKeys {
                features,
                exponent,
                nonzeros,
                ..SteadyKeys::default()
            };
            let rows = rows(&Steady::train(&keys), &(0..200).collect::<Vec<_>>());
            for row in 0..rows.len() {
                let (row, _) = rows.row(row);
                assert_eq!(row.len(), nonzeros as usize);
                assert!(row.is_sorted_by(|a, b| a < b));
                assert!(row.iter().all(|feature| u64::from(*feature) < features));
            }
        }
    }

    #[test]
    fn train_and_test_rows_differ() {
        let keys = SteadyKeys {
            features: 1 << 32,
            ..small()
        };
        let numbers: Vec<_> = (0..2_000).collect();
        let of = |set: &Steady| -> BTreeSet<_> {
            let rows = rows(set, &numbers);
            (0..rows.len())
                .map(|row| rows.row(row).0.to_vec())
                .collect()
        };
        let (train, test) = (of(&Steady::train(&keys)), of(&Steady::test(&keys)));
        assert_eq!(train.intersection(&test).count(), 0);
        assert_eq!(train.len(), 2_000);
    }

    /// With one non-zero per row, a row's feature is one Zipf draw: frequencies 1/k^s over their
    /// sum, each within five standard errors.
    #[test]
    fn features_follow_the_zipf_law() {
        let keys = SteadyKeys {
            nonzeros: 1,
            exponent: 1.1,
            ..small()
        };
        let set = Steady::train(&keys);
        let draws = 200_000_u32;
        let mut counts = vec![0_u32; 1_000];
        for &feature in rows(&set, &(0..u64::from(draws)).collect::<Vec<_>>()).features() {
            counts[feature as usize] += 1;
        }
        let total: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-1.1)).sum();
        for rank in [0, 1, 2, 9, 99] {
            let expected = f64::from(draws) * f64::from(rank + 1).powf(-1.1) / total;
            let found = f64::from(counts[set.truth.feature(rank) as usize]);
            assert!(
                (found - expected).abs() < 5.0 * expected.sqrt(),
                "{rank}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn noise_makes_the_ideal_worse_and_pure_noise_makes_it_blind() {
        let ideal = |label_noise| {
            Steady::test(&SteadyKeys {
                label_noise,
                ..small()
            })
            .ideal()
            .unwrap()
        };
        let (clean, noisy, blind) = (ideal(0.0), ideal(0.1), ideal(0.5));
        assert!(clean.log_loss < 0.5 && 0.8 < clean.auc, "{clean:?}");
        assert!(
            clean.log_loss < noisy.log_loss && noisy.auc < clean.auc,
            "{noisy:?}"
        );
        assert!(
            (blind.log_loss - std::f64::consts::LN_2).abs() < 1e-9,
            "{blind:?}"
        );
        assert!((blind.auc - 0.5).abs() < 0.02, "{blind:?}");
    }

    #[test]
    fn memory_and_reading_do_not_grow_with_the_features() {
        let keys = SteadyKeys {
            features: 1 << 32,
            ..SteadyKeys::default()
        };
        let (large, little) = (Steady::train(&keys), Steady::train(&small()));
        assert_eq!(large.memory_bytes(), little.memory_bytes());
        assert_eq!(rows(&large, &[0, 1]).features().len(), 60);
        assert_ne!(large.content_hash(), little.content_hash());
    }
}
