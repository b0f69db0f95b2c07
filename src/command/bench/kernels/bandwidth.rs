//! The ceiling: what memory gives to a loop that computes next to nothing.

use std::thread;

use multiversion::multiversion;

use super::super::sample::{millis_since, now};

/// Two long vectors, in a piece for each thread.
#[derive(Debug)]
pub(super) struct Bandwidth {
    pieces: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Bandwidth {
    /// Vectors of `len` elements in all.
    pub(super) fn new(len: usize, threads: usize) -> Self {
        let piece = len / threads;
        let pieces = (0..threads).map(|_| (vec![1.0; piece], vec![1e-3; piece]));
        Self {
            pieces: pieces.collect(),
        }
    }

    /// Bytes per element of [`Bandwidth::measure`]: reads both, writes one.
    pub(super) const BYTES: usize = 12;

    /// The rate of x ← x + s·y, GB/s. Like an optimizer's step, and unlike the triad of the STREAM
    /// benchmark, it reads all that it writes, so no line of memory is fetched that is not counted.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn measure(&mut self) -> f64 {
        let elements: usize = self.pieces.iter().map(|(x, _)| x.len()).sum();
        let start = now();
        thread::scope(|scope| {
            for (x, y) in &mut self.pieces {
                scope.spawn(move || add_scaled(x, y, 1e-3));
            }
        });
        (elements * Self::BYTES) as f64 / (millis_since(start) * 1e6)
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_scaled(x: &mut [f32], y: &[f32], s: f32) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += s * y;
    }
}
