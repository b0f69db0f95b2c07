//! One pass over a tensor: some columns are rewritten, others read, and sums run along.
//!
//! Elements go a tile at a time through local arrays, so that nothing aliases and the compiler finds
//! vector instructions for every formula (see [`super::tile`]). Sums run in f64, over blocks of a
//! fixed size: the same bits whoever adds up the blocks.

use multiversion::multiversion;

use super::real::Real;

/// Elements that are added up together.
const BLOCK: usize = 4096;

/// Elements that the loop takes at once, and sums that run side by side within a block.
const LANES: usize = 8;

/// What a step makes of one element: its new values, and what it adds to the sums.
pub(super) type Swept<F, const WRITTEN: usize, const SUMS: usize> = ([F; WRITTEN], [f64; SUMS]);

/// Replaces each element of the `written` columns by what `step` makes of it and of the element of
/// the `read` columns, and returns the sums.
///
/// # Panics
/// If the columns are not of one length.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sweep<
    F: Real,
    const WRITTEN: usize,
    const READ: usize,
    const SUMS: usize,
    Step: Fn([F; WRITTEN], [F; READ]) -> Swept<F, WRITTEN, SUMS>,
>(
    mut written: [&mut [F]; WRITTEN],
    read: [&[F]; READ],
    step: Step,
) -> [f64; SUMS] {
    let lengths = written.iter().map(|column| column.len());
    let len = lengths.chain(read.iter().map(|column| column.len())).max();
    let len = len.unwrap_or(0);
    let mut total = [0.0; SUMS];
    for start in (0..len).step_by(BLOCK) {
        let mut lanes = [[0.0; LANES]; SUMS];
        let end = len.min(start + BLOCK);
        let mut at = start;
        while at < end {
            let count = LANES.min(end - at);
            let mut old = [[F::ZERO; LANES]; WRITTEN];
            let mut seen = [[F::ZERO; LANES]; READ];
            if count == LANES {
                load(&mut old, |n| &written[n][at..at + LANES]);
                load(&mut seen, |n| &read[n][at..at + LANES]);
            } else {
                load(&mut old, |n| &written[n][at..at + count]);
                load(&mut seen, |n| &read[n][at..at + count]);
            }
            let mut added = [[0.0; LANES]; SUMS];
            for lane in 0..LANES {
                let own = std::array::from_fn(|n| old[n][lane]);
                let (new, sums) = step(own, std::array::from_fn(|n| seen[n][lane]));
                for (column, new) in old.iter_mut().zip(new) {
                    column[lane] = new;
                }
                for (column, sum) in added.iter_mut().zip(sums) {
                    column[lane] = sum;
                }
            }
            for (column, old) in written.iter_mut().zip(&old) {
                column[at..at + count].copy_from_slice(&old[..count]);
            }
            for (lanes, added) in lanes.iter_mut().zip(&added) {
                for (lane, added) in lanes.iter_mut().zip(&added[..count]) {
                    *lane += added;
                }
            }
            at += count;
        }
        for (total, lanes) in total.iter_mut().zip(&lanes) {
            *total += lanes.iter().fold(0.0, |sum, lane| sum + lane);
        }
    }
    total
}

#[inline(always)]
fn load<'a, F: Real, const N: usize>(
    tile: &mut [[F; LANES]; N],
    column: impl Fn(usize) -> &'a [F],
) {
    for (n, lanes) in tile.iter_mut().enumerate() {
        let values = column(n);
        lanes[..values.len()].copy_from_slice(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_the_plain_loop_at_every_tail_and_its_sums_are_those_of_the_blocks() {
        for len in [0, 1, 7, 8, 9, 4_095, 4_096, 4_097, 10_000] {
            let g: Vec<f64> = (0..13)
                .cycle()
                .take(len)
                .map(|i| f64::from(i) - 5.5)
                .collect();
            let mut x = vec![0.25; len];
            let mut v = vec![0.5; len];
            let sums = sweep([&mut x, &mut v], [&g], |[x, v], [g]| {
                ([x - g, 0.5 * v + g], [x + g, g * g])
            });
            let plain: Vec<_> = g.iter().map(|g| (0.25 - g, 0.25 + g)).collect();
            assert!(x.iter().copied().zip(v).eq(plain), "{len}");
            // Quarters of small whole numbers are added without rounding.
            let first: f64 = g.iter().map(|g| 0.25 + g).sum();
            let second: f64 = g.iter().map(|g| g * g).sum();
            assert_eq!(
                sums.map(f64::to_bits),
                [first + 0.0, second + 0.0].map(f64::to_bits)
            );
        }
    }
}
