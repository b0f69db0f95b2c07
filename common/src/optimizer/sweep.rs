//! One pass over a tensor: some columns are rewritten, others read, and squares are added up.
//!
//! What is written goes through local arrays, a tile at a time, so that nothing aliases and the
//! compiler finds vector instructions for every formula. Squares are added in f64, in which no
//! single's overflows, over blocks of a fixed size and in [`LANES`] sums side by side: the same bits
//! on every CPU and whoever adds up the blocks.

use std::ops::Range;

use multiversion::multiversion;

use super::real::Real;

/// Elements that are added up together.
const BLOCK: usize = 4096;

/// Elements that are taken at once: too many to be unrolled, which would hide the loop from the
/// compiler's vectoriser.
const TILE: usize = 256;

/// Elements that are taken at once where fewer than [`TILE`] are left; the last few are padded.
const SMALL: usize = 32;

/// Sums that run side by side within a block.
pub(super) const LANES: usize = 8;

/// What a step makes of one element: its new values, and those whose squares are added up.
pub(super) type Swept<F, const WRITTEN: usize, const SQUARED: usize> = ([F; WRITTEN], [F; SQUARED]);

/// Replaces each element of the `written` columns by what `step` makes of it and of the element of
/// the `read` columns, and returns the sums of squares.
///
/// # Panics
/// If the columns are not of one length.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sweep<
    F: Real,
    const WRITTEN: usize,
    const READ: usize,
    const SQUARED: usize,
    Step: Fn([F; WRITTEN], [F; READ]) -> Swept<F, WRITTEN, SQUARED>,
>(
    written: [&mut [F]; WRITTEN],
    read: [&[F]; READ],
    step: Step,
) -> [f64; SQUARED] {
    pass(written, read, step)
}

/// [`sweep`] within a loop that is itself compiled for each instruction set.
#[inline(always)]
pub(super) fn pass<F: Real, const WRITTEN: usize, const READ: usize, const SQUARED: usize>(
    mut written: [&mut [F]; WRITTEN],
    read: [&[F]; READ],
    step: impl Fn([F; WRITTEN], [F; READ]) -> Swept<F, WRITTEN, SQUARED>,
) -> [f64; SQUARED] {
    let lengths = written.iter().map(|column| column.len());
    let len = lengths.chain(read.iter().map(|column| column.len())).max();
    let len = len.unwrap_or(0);
    let mut total = [0.0; SQUARED];
    for block in blocks(len) {
        let mut lanes = [[0.0; LANES]; SQUARED];
        let (columns, sums) = (&mut written, &mut lanes);
        let at = tiles::<F, TILE, _, _, _>(columns, &read, block.clone(), &step, sums);
        let at = tiles::<F, SMALL, _, _, _>(columns, &read, at..block.end, &step, sums);
        if at < block.end {
            let count = block.end - at;
            let mut tile = Tile::<F, SMALL, WRITTEN, SQUARED>::new();
            let own = written.each_ref().map(|column| padded(column, at, count));
            let seen = read.map(|column| padded(column, at, count));
            tile.fill(own.each_ref(), seen.each_ref(), &step);
            tile.store(&mut written, at, count);
            tile.add(&mut lanes, count);
        }
        for (total, lanes) in total.iter_mut().zip(&lanes) {
            *total += lanes.iter().fold(0.0, |sum, lane| sum + lane);
        }
    }
    total
}

/// Takes as many tiles of `LEN` elements as `range` holds; returns where the rest begins.
#[inline(always)]
fn tiles<
    F: Real,
    const LEN: usize,
    const WRITTEN: usize,
    const READ: usize,
    const SQUARED: usize,
>(
    written: &mut [&mut [F]; WRITTEN],
    read: &[&[F]; READ],
    range: Range<usize>,
    step: &impl Fn([F; WRITTEN], [F; READ]) -> Swept<F, WRITTEN, SQUARED>,
    lanes: &mut [[f64; LANES]; SQUARED],
) -> usize {
    let mut at = range.start;
    if LEN <= range.len() {
        let mut tile = Tile::<F, LEN, WRITTEN, SQUARED>::new();
        while LEN <= range.end - at {
            let own = written.each_ref().map(|column| whole(column, at));
            tile.fill(own, read.map(|column| whole(column, at)), step);
            tile.store(written, at, LEN);
            tile.add(lanes, LEN);
            at += LEN;
        }
    }
    at
}

/// The blocks of `len` elements.
#[inline(always)]
pub(super) fn blocks(len: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..len).step_by(BLOCK);
    starts.map(move |start| start..len.min(start + BLOCK))
}

/// What a step has made of some neighbours.
struct Tile<F, const LEN: usize, const WRITTEN: usize, const SQUARED: usize> {
    new: [[F; LEN]; WRITTEN],
    squared: [[F; LEN]; SQUARED],
}

impl<F: Real, const LEN: usize, const WRITTEN: usize, const SQUARED: usize>
    Tile<F, LEN, WRITTEN, SQUARED>
{
    #[inline(always)]
    fn new() -> Self {
        Self {
            new: [[F::ZERO; LEN]; WRITTEN],
            squared: [[F::ZERO; LEN]; SQUARED],
        }
    }

    /// Applies the step to each of the neighbours.
    #[inline(always)]
    fn fill<const READ: usize>(
        &mut self,
        own: [&[F; LEN]; WRITTEN],
        seen: [&[F; LEN]; READ],
        step: &impl Fn([F; WRITTEN], [F; READ]) -> Swept<F, WRITTEN, SQUARED>,
    ) {
        for i in 0..LEN {
            let (new, squared) = step(own.map(|column| column[i]), seen.map(|column| column[i]));
            for (column, new) in self.new.iter_mut().zip(new) {
                column[i] = new;
            }
            for (column, squared) in self.squared.iter_mut().zip(squared) {
                column[i] = squared;
            }
        }
    }

    /// Writes the first `count` to their places from `at`.
    #[inline(always)]
    fn store(&self, written: &mut [&mut [F]; WRITTEN], at: usize, count: usize) {
        for (column, new) in written.iter_mut().zip(&self.new) {
            column[at..at + count].copy_from_slice(&new[..count]);
        }
    }

    /// Adds the squares of the first `count` to the sums of the block.
    #[inline(always)]
    fn add(&self, lanes: &mut [[f64; LANES]; SQUARED], count: usize) {
        for (lanes, squared) in lanes.iter_mut().zip(&self.squared) {
            let (whole, rest) = squared[..count].as_chunks::<LANES>();
            for values in whole {
                for (lane, value) in lanes.iter_mut().zip(values) {
                    *lane += square(*value);
                }
            }
            for (lane, value) in lanes.iter_mut().zip(rest) {
                *lane += square(*value);
            }
        }
    }
}

#[inline(always)]
fn whole<F, const LEN: usize>(column: &[F], at: usize) -> &[F; LEN] {
    let (tile, _) = column[at..].split_first_chunk().expect("a tile that fits");
    tile
}

#[inline(always)]
fn padded<F: Real, const LEN: usize>(column: &[F], at: usize, count: usize) -> [F; LEN] {
    let mut tile = [F::ZERO; LEN];
    tile[..count].copy_from_slice(&column[at..at + count]);
    tile
}

/// The square in f64, in which no single overflows.
#[inline(always)]
pub(super) fn square<F: Real>(value: F) -> f64 {
    let value = value.to_f64();
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_the_plain_loop_at_every_tail_and_its_sums_are_those_of_the_blocks() {
        for len in [
            0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 300, 4_095, 4_096, 4_097, 10_000,
        ] {
            let g: Vec<f64> = (0..13)
                .cycle()
                .take(len)
                .map(|i| f64::from(i) - 5.5)
                .collect();
            let mut x = vec![0.25; len];
            let mut v = vec![0.5; len];
            let sums = sweep([&mut x, &mut v], [&g], |[x, v], [g]| {
                ([x - g, 0.5 * v + g], [x, g])
            });
            let plain: Vec<_> = g.iter().map(|g| (0.25 - g, 0.25 + g)).collect();
            assert!(x.iter().copied().zip(v).eq(plain), "{len}");
            // Squares of small quarters are added without rounding.
            let first: f64 = g.iter().map(|_| 0.25 * 0.25).sum();
            let second: f64 = g.iter().map(|g| g * g).sum();
            assert_eq!(
                sums.map(f64::to_bits),
                [first + 0.0, second + 0.0].map(f64::to_bits)
            );
        }
    }
}
