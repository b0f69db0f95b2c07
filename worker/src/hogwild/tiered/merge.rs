//! The merge of one block of coordinates: the only place where replicas and the shared model meet.
//!
//! The shared side is read and written in words of 64 bits, two parameters in each: half as many
//! accesses, and a loop that is a plain one between them. It is written back only if the replica changed
//! something, so that a block that nobody uses stays in the caches of all.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::hogwild::shared::{Cell, join, split};

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

#[cfg(test)]
mod tests {
    use super::{BLOCK, Merge};

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
        assert_eq!(f32::read(&shared), expected);
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
