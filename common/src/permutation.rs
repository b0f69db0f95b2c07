//! The epoch's global permutation, and the checksum of the rows that were really used.
//!
//! An epoch is one permutation of the row numbers that everybody computes alike from (seed, epoch,
//! rows): the coordinator leases ranges of *positions*, a worker turns positions into rows. It
//! takes no memory, so that a stream of 10⁹ rows is permuted like a file of a hundred.
//!
//! A seeded Feistel network permutes the smallest range of 2ᵇ numbers that holds all rows:
//!
//! ```text
//! (L, R) ← halves of the position          a + c = b bits, a = ⌊b/2⌋
//! L ← L ⊕ F(kᵢ, R);  R ← R ⊕ F(kᵢ₊₁, L)    for each pair of round keys
//! ```
//!
//! A result that is no row is put through the network again ("cycle walking") until it is one.
//! Each half-round is undone by itself, so the network is a bijection for any F; walking a
//! bijection until it comes back into a subset is a bijection of that subset. At least half of the
//! range are rows (but for the smallest sets), so that two turns are enough on average.
//!
//! Source: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, §3 and §4.
//! Differs from it in that F is a mixing function, not a cipher: the order is well mixed, not
//! secret.

use crate::seed::{Purpose, derive, mix};

/// Feistel half-rounds; four are the least that look random, and small halves need more.
const HALF_ROUNDS: usize = 8;

/// Below 2⁶ the halves are so short that few permutations can be reached; walking is cheap there.
const BITS_MIN: u32 = 6;

/// A permutation of the row numbers `0..rows`, a pure function of (seed, epoch, rows).
///
/// # Examples
/// ```
/// use thalweg_common::permutation::{Permutation, epoch_checksum, rows_checksum};
///
/// let permutation = Permutation::new(7, 0, 1_000);
/// let used = (0..1_000).map(|position| permutation.row(position));
/// assert_eq!(rows_checksum(used), epoch_checksum(1_000));
/// ```
#[derive(Clone, Debug)]
pub struct Permutation {
    rows: u64,
    keys: [u64; HALF_ROUNDS],
    left_bits: u32,
    left_mask: u64,
    right_mask: u64,
}

impl Permutation {
    /// The permutation of `rows` row numbers in this epoch of the job with this seed.
    #[must_use]
    pub fn new(seed: u64, epoch: u64, rows: u64) -> Self {
        let bits = (u64::BITS - rows.saturating_sub(1).leading_zeros()).max(BITS_MIN);
        let left_bits = bits / 2;
        let stream = derive(seed, Purpose::Permutation, epoch) ^ mix(rows);
        let mut keys = [0; HALF_ROUNDS];
        for (key, number) in keys.iter_mut().zip(1_u64..) {
            *key = mix(stream.wrapping_add(number));
        }
        Self {
            rows,
            keys,
            left_bits,
            left_mask: mask(left_bits),
            right_mask: mask(bits - left_bits),
        }
    }

    /// How many rows are permuted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The row number at this position of the epoch.
    ///
    /// # Panics
    /// When `position` is not below `rows`: ranges are judged before they come here.
    #[must_use]
    pub fn row(&self, position: u64) -> u64 {
        assert!(
            position < self.rows,
            "position {position} of an epoch of {} rows",
            self.rows
        );
        let mut row = self.encipher(position);
        while self.rows <= row {
            row = self.encipher(row);
        }
        row
    }

    fn encipher(&self, position: u64) -> u64 {
        let mut left = position & self.left_mask;
        let mut right = position >> self.left_bits;
        for [even, odd] in self.keys.as_chunks::<2>().0 {
            left ^= mix(right ^ even) & self.left_mask;
            right ^= mix(left ^ odd) & self.right_mask;
        }
        left | (right << self.left_bits)
    }
}

/// Sum of a mixed 64-bit hash per row number, wrapping: the order of the rows does not matter, and
/// the checksums of disjoint ranges add up (with `wrapping_add`) to the checksum of their union.
///
/// A row that is missing, doubled or replaced changes the sum (but for a chance of 2⁻⁶⁴).
#[must_use]
pub fn rows_checksum(rows: impl IntoIterator<Item = u64>) -> u64 {
    rows.into_iter()
        .fold(0, |sum, row| sum.wrapping_add(mix(row)))
}

/// The checksum of an epoch in which each of the rows `0..rows` is used exactly once.
///
/// Costs one hash (about a nanosecond) per row.
#[must_use]
pub fn epoch_checksum(rows: u64) -> u64 {
    rows_checksum(0..rows)
}

/// The lowest `bits` bits; at most half of 64.
fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Permutation, epoch_checksum, rows_checksum};

    fn order(seed: u64, epoch: u64, rows: u64) -> Vec<u64> {
        let permutation = Permutation::new(seed, epoch, rows);
        (0..rows)
            .map(|position| permutation.row(position))
            .collect()
    }

    fn is_bijection(seed: u64, epoch: u64, rows: u64) {
        let mut sorted = order(seed, epoch, rows);
        sorted.sort_unstable();
        assert!(
            sorted.into_iter().eq(0..rows),
            "seed {seed}, epoch {epoch}, rows {rows}"
        );
    }

    /// Σ (observed − expected)² / expected over `cells`² pairs of (part of the epoch, part of the rows).
    fn chi_square(order: &[u64], cells: usize) -> f64 {
        let rows = order.len();
        let mut counts = vec![0_u32; cells * cells];
        for (position, &row) in order.iter().enumerate() {
            let row = usize::try_from(row).unwrap();
            counts[position * cells / rows * cells + row * cells / rows] += 1;
        }
        let expected = rows as f64 / (cells * cells) as f64;
        counts
            .iter()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn every_row_of_every_small_set_is_met_exactly_once() {
        for rows in 0..=130 {
            is_bijection(5, 2, rows);
        }
        for rows in [255, 256, 257, 1_023, 1_024, 1_025, 65_537, 98_000] {
            is_bijection(1, 0, rows);
        }
    }

    proptest! {
        #[test]
        fn any_seed_and_epoch_give_a_bijection(seed in any::<u64>(), epoch in any::<u64>(), rows in 1_u64..3_000) {
            is_bijection(seed, epoch, rows);
        }
    }

    #[test]
    fn rows_stay_in_range_up_to_the_largest_sets() {
        for rows in [1 << 32, (1 << 33) + 1, 1_u64 << 63, u64::MAX] {
            let permutation = Permutation::new(3, 4, rows);
            for position in (0..1_000).chain(rows - 1_000..rows) {
                assert!(permutation.row(position) < rows);
            }
        }
    }

    #[test]
    fn the_order_is_a_fixed_function_of_its_inputs() {
        assert_ne!(order(1, 0, 97), order(2, 0, 97));
        assert_ne!(order(1, 0, 97), order(1, 1, 97));
        assert_eq!(order(7, 3, 10), GOLDEN);
    }

    /// Recorded from this implementation: a change breaks the resuming of running jobs.
    const GOLDEN: [u64; 10] = [2, 6, 7, 8, 1, 9, 0, 5, 3, 4];

    /// With 16 × 16 cells the statistic has 15 × 15 = 225 degrees of freedom: mean 225, standard
    /// deviation 21; the mean of 40 epochs lies within 225 ± 3.4 × 5.
    #[test]
    fn positions_and_rows_are_independent() {
        for rows in [1_000, 4_096, 4_097, 98_000] {
            let epochs = 40;
            let sum: f64 = (0..epochs)
                .map(|epoch| chi_square(&order(11, epoch, rows), 16))
                .sum();
            let mean = sum / epochs as f64;
            assert!(
                (mean - 225.0).abs() < 17.0,
                "rows {rows}: mean chi-square {mean}"
            );
        }
    }

    /// A random permutation has one fixed point and one position followed by its own successor on
    /// average, each Poisson with mean 1: over 400 epochs 400 ± 5 × 20.
    #[test]
    fn neighbours_do_not_stay_together() {
        let (mut fixed, mut followed) = (0_u32, 0_u32);
        for epoch in 0..400 {
            let order = order(23, epoch, 500);
            fixed += u32::try_from(
                order
                    .iter()
                    .zip(0..)
                    .filter(|(row, position)| **row == *position)
                    .count(),
            )
            .unwrap();
            followed += u32::try_from(
                order
                    .windows(2)
                    .filter(|pair| pair[0] + 1 == pair[1])
                    .count(),
            )
            .unwrap();
        }
        assert!((300..500).contains(&fixed), "{fixed} fixed points");
        assert!((300..500).contains(&followed), "{followed} neighbours");
    }

    /// Each of the 6 orders of 3 rows comes up 1/6 of the time: 1,000 ± 5 × 29 of 6,000.
    #[test]
    fn every_order_of_three_rows_is_as_likely() {
        let mut counts = [0_u32; 9];
        for epoch in 0..6_000 {
            let order = order(2, epoch, 3);
            counts[usize::try_from(order[0] * 3 + order[1]).unwrap()] += 1;
        }
        for count in counts.into_iter().filter(|count| 0 < *count) {
            assert!((855..1_145).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn the_checksum_knows_missing_doubled_and_foreign_rows_but_not_their_order() {
        let whole = epoch_checksum(98_000);
        assert_eq!(rows_checksum(order(9, 1, 98_000)), whole);
        let (first, second) = (rows_checksum(0..700), rows_checksum(700..98_000));
        assert_eq!(first.wrapping_add(second), whole);
        assert_ne!(rows_checksum(1..98_000), whole);
        assert_ne!(rows_checksum((0..97_999).chain([5])), whole);
        assert_ne!(rows_checksum((0..98_000).chain([5])), whole);
        assert_eq!(epoch_checksum(0), 0);
    }
}
