//! Which coordinates are merged how often: read off the data's frequencies.
//!
//! Between two merges of a coordinate v, the other threads update it `p_v` · I · (T − 1) times on
//! average, and this thread knows nothing of it. The interval keeps that below a bound:
//!
//! ```text
//! I_v = the greatest power of two with p_v · I · (T − 1) ≤ M, between I_min and I_max
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | `p_v` | frequency / terms | share of the terms that have the coordinate |
//! | T | `threads` | |
//! | M | [`MISSED_MAX`] | updates by others that may be missed |
//! | I | [`Tier::interval`] | terms of a thread between two merges |
//!
//! Coordinates are merged in blocks of [`BLOCK`], whose most frequent one counts: with the coordinates in
//! order of their frequency, blocks are alike inside and the hot ones few.

use super::BLOCK;

/// M. Half of it costs a percent or two of the speed; at four times as much, coordinates that converge
/// within an interval overshoot.
pub const MISSED_MAX: f64 = 64.0;

/// The least interval, which 9 threads and more come to: below it, merging the hottest blocks costs more
/// than the rows.
pub const INTERVAL_MIN: usize = 8;

/// The greatest interval: beyond it, merging costs next to nothing.
pub const INTERVAL_MAX: usize = 8_192;

/// Blocks that are merged together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Terms of a thread between two merges.
    pub interval: usize,
    /// The blocks, in their order.
    pub blocks: Vec<u32>,
}

/// All tiers, the hottest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Every block of the model is in one of them.
    pub tiers: Vec<Tier>,
}

impl Plan {
    /// The tiers of a model whose coordinates are in so many of the terms.
    #[must_use]
    pub fn of(frequencies: &[u32], terms: usize, threads: usize) -> Self {
        let mut tiers: Vec<Tier> = Vec::new();
        for (block, frequencies) in (0..).zip(frequencies.chunks(BLOCK)) {
            let most = frequencies.iter().copied().max().unwrap_or_default();
            let interval = interval(most, terms, threads);
            let place = tiers.partition_point(|tier| tier.interval < interval);
            if tiers
                .get(place)
                .is_none_or(|tier| tier.interval != interval)
            {
                let blocks = Vec::new();
                tiers.insert(place, Tier { interval, blocks });
            }
            tiers[place].blocks.push(block);
        }
        Self { tiers }
    }
}

/// I of a block whose most frequent coordinate is in so many terms.
fn interval(most: u32, terms: usize, threads: usize) -> usize {
    let others = threads.saturating_sub(1).max(1) as f64;
    let missed_per_term = f64::from(most) / terms.max(1) as f64 * others;
    let mut interval = INTERVAL_MIN;
    while interval < INTERVAL_MAX && missed_per_term * 2.0 * interval as f64 <= MISSED_MAX {
        interval *= 2;
    }
    interval
}

/// For each coordinate its place when the most frequent come first; equal ones stay in order.
///
/// # Panics
/// When there are 2³² coordinates or more.
#[must_use]
pub fn by_frequency(frequencies: &[u32]) -> Vec<u32> {
    let coordinates = u32::try_from(frequencies.len()).expect("coordinates have 32 bits");
    let mut order: Vec<u32> = (0..coordinates).collect();
    order.sort_by_key(|v| std::cmp::Reverse(frequencies[*v as usize]));
    let mut places = vec![0; frequencies.len()];
    for (place, v) in (0..).zip(order) {
        places[v as usize] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, INTERVAL_MAX, INTERVAL_MIN, MISSED_MAX, Plan, by_frequency};

    #[test]
    fn every_block_is_in_one_tier_and_hot_ones_are_merged_often() {
        let terms = 100_000;
        let frequencies: Vec<u32> = (0..10_000_u32).map(|v| 90_000 / (v + 1)).collect();
        for threads in [1, 2, 8] {
            let plan = Plan::of(&frequencies, terms, threads);
            let mut blocks: Vec<u32> = plan.tiers.iter().flat_map(|t| t.blocks.clone()).collect();
            blocks.sort_unstable();
            assert!(
                blocks.into_iter().eq(0..10_000_u32.div_ceil(64)),
                "{threads}"
            );
            assert!(plan.tiers.is_sorted_by(|a, b| a.interval < b.interval));
            for tier in &plan.tiers {
                let most = frequencies[tier.blocks[0] as usize * BLOCK];
                let others = threads.max(2) as f64 - 1.0;
                let missed = f64::from(most) / terms as f64 * tier.interval as f64 * others;
                assert!(
                    missed <= MISSED_MAX || tier.interval == INTERVAL_MIN,
                    "{tier:?}"
                );
            }
        }
    }

    #[test]
    fn data_without_hot_coordinates_have_one_tier_that_is_merged_seldom() {
        let plan = Plan::of(&[7; 1_000], 1_000_000, 2);
        assert_eq!(plan.tiers.len(), 1);
        assert_eq!(plan.tiers[0].interval, INTERVAL_MAX);
    }

    #[test]
    fn places_follow_the_frequencies() {
        assert_eq!(by_frequency(&[3, 9, 3, 10]), [2, 1, 3, 0]);
    }
}
