//! The merge of one block of coordinates: the only place where replicas and the shared model meet.
//!
//! The shared side is read and written in words of 64 bits, two parameters in each: half as many
//! accesses, and a loop that is a plain one between them. It is written back only if the replica changed
//! something, so that a block that nobody uses stays in the caches of all.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::hogwild::shared::{Cell, Summed, join, split};

/// Coordinates of a block.
pub const BLOCK: usize = 64;

/// Words of a block of singles.
const WORDS: usize = BLOCK / 2;

/// The shared side of a block, on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Words([AtomicU64; WORDS]);

/// A cell whose deltas can be added up.
pub trait Merge: Cell {
    /// The shared side of a block.
    type Shared: Debug + Send + Sync;

    /// A shared block with this content.
    fn share(cells: &[Self; BLOCK]) -> Self::Shared;

    /// What a shared block holds.
    fn read(shared: &Self::Shared) -> [Self; BLOCK];

    /// Adds what `local` gained over `before` to the shared block, and makes both what it holds then.
    /// A coordinate that nobody else changed becomes `local`, bit for bit.
    fn merge(shared: &Self::Shared, local: &mut [Self; BLOCK], before: &mut [Self; BLOCK]);
}

impl Merge for f32 {
    type Shared = Words;

    fn share(cells: &[f32; BLOCK]) -> Words {
        let words = Words([const { AtomicU64::new(0) }; WORDS]);
        write(&words, cells);
        words
    }

    #[inline]
    fn read(shared: &Words) -> [f32; BLOCK] {
        let mut cells = [0.0; BLOCK];
        for (pair, word) in cells.as_chunks_mut::<2>().0.iter_mut().zip(&shared.0) {
            *pair = split(word.load(Relaxed)).map(f32::from_bits);
        }
        cells
    }

    #[inline]
    fn merge(shared: &Words, local: &mut [f32; BLOCK], before: &mut [f32; BLOCK]) {
        let theirs = Self::read(shared);
        let (mut sums, mut changed) = ([0.0; BLOCK], false);
        for place in 0..BLOCK {
            let (own, was, all) = (local[place], before[place], theirs[place]);
            changed |= own.to_bits() != was.to_bits();
            let sum = all + (own - was);
            // By the bits, so that numbers that are none show: they differ from themselves.
            sums[place] = if all.to_bits() == was.to_bits() {
                own
            } else {
                sum
            };
        }
        if changed {
            write(shared, &sums);
        }
        *local = sums;
        *before = sums;
    }
}

#[inline]
fn write(shared: &Words, cells: &[f32; BLOCK]) {
    for (pair, word) in cells.as_chunks::<2>().0.iter().zip(&shared.0) {
        word.store(join(pair.map(f32::to_bits)), Relaxed);
    }
}

/// The shared side of a block of cells with a sum, on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct SummedWords([AtomicU64; BLOCK]);

impl Merge for Summed {
    type Shared = SummedWords;

    fn share(cells: &[Self; BLOCK]) -> SummedWords {
        SummedWords(cells.map(Cell::shared))
    }

    #[inline]
    fn read(shared: &SummedWords) -> [Self; BLOCK] {
        std::array::from_fn(|place| Self::load(&shared.0[place]))
    }

    /// Squares are added like parameters. The delta was made with the rates of one's own squares; it is
    /// brought to the rate that all squares together give: δ ← δ·√(G/G').
    #[inline]
    fn merge(shared: &SummedWords, local: &mut [Self; BLOCK], before: &mut [Self; BLOCK]) {
        for place in 0..BLOCK {
            let (own, was, all) = (local[place], before[place], Self::load(&shared.0[place]));
            // Small steps may leave the sum of the squares as it was.
            let changed = own.bits() != was.bits();
            let alone = all.bits() == was.bits();
            let sum = if alone {
                own
            } else if changed {
                let squares = all.squares + (own.squares - was.squares);
                let scale = if 0.0 < squares {
                    (own.squares / squares).sqrt()
                } else {
                    1.0
                };
                Self {
                    value: all.value + (own.value - was.value) * scale,
                    squares,
                }
            } else {
                all
            };
            if changed {
                sum.store(&shared.0[place]);
            }
            (local[place], before[place]) = (sum, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Merge};
    use crate::hogwild::shared::Summed;

    #[test]
    fn deltas_of_two_replicas_add_up_and_both_see_the_sum() {
        let start = [1.0_f32; BLOCK];
        let shared = Merge::share(&start);
        let (mut a, mut a_before) = (start, start);
        let (mut b, mut b_before) = (start, start);
        a[3] += 2.0;
        b[3] += 0.5;
        b[63] -= 1.0;
        f32::merge(&shared, &mut a, &mut a_before);
        f32::merge(&shared, &mut b, &mut b_before);
        f32::merge(&shared, &mut a, &mut a_before);
        let mut expected = start;
        (expected[3], expected[63]) = (3.5, 0.0);
        assert_eq!((a, b), (expected, expected));
        assert_eq!((a_before, b_before), (expected, expected));
        assert_eq!(
            f32::read(&shared).map(f32::to_bits),
            expected.map(f32::to_bits)
        );
    }

    #[test]
    fn squares_add_up_and_a_delta_comes_at_the_rate_of_all_of_them() {
        let start = [Summed {
            value: 1.0,
            squares: 4.0,
        }; BLOCK];
        let shared = Merge::share(&start);
        let (mut a, mut a_before) = (start, start);
        let (mut b, mut b_before) = (start, start);
        for (replica, value, squares) in [(&mut a, 1.5, 9.0), (&mut b, 2.0, 31.0)] {
            replica[7] = Summed { value, squares };
        }
        Summed::merge(&shared, &mut a, &mut a_before);
        assert_eq!(
            a[7].value.to_bits(),
            1.5_f32.to_bits(),
            "nobody else was there"
        );
        Summed::merge(&shared, &mut b, &mut b_before);
        // 9 + (31 − 4) = 36 squares; of a delta of 1 at the rate of 31 remains √(31/36).
        let expected = 1.5 + (31.0_f32 / 36.0).sqrt();
        assert!((b[7].value - expected).abs() < 1e-6, "{:?}", b[7]);
        assert!((b[7].squares - 36.0).abs() < 1e-6);
        Summed::merge(&shared, &mut a, &mut a_before);
        assert_eq!(a, b);
        assert_eq!(a[8], start[8]);
    }

    #[test]
    fn a_replica_that_is_alone_keeps_its_bits() {
        let start = [0.1_f32; BLOCK];
        let shared = Merge::share(&start);
        let (mut local, mut before) = (start, start);
        for step in 1..100_u16 {
            local[5] += 1e-3 * f32::from(step);
            let own = local[5].to_bits();
            f32::merge(&shared, &mut local, &mut before);
            assert_eq!(local[5].to_bits(), own);
        }
    }
}
