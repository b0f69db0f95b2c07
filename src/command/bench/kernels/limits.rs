//! The limits: what memory gives to loops that compute next to nothing, measured in turn with what
//! they are the limit of.

use std::thread;

use multiversion::multiversion;

use super::super::sample::{millis_since, now};
use super::samples::gigabytes_per_second;

/// Three long vectors, in a piece for each thread.
#[derive(Debug)]
pub(super) struct Limits {
    pieces: Vec<[Vec<f32>; 3]>,
}

/// Bytes that both loops are counted with: two numbers read and one written for each element.
pub(super) const BYTES: usize = 12;

/// What the two limits are, for people.
pub(super) const WORDS: &str = "\
triad: a ← b + s·c. From memory 16 B/element move and 12 are counted, because the line of a is fetched before it is written
axpy:  x ← x + s·y. 12 B/element move and 12 are counted, because like an optimizer it reads all that it writes";

/// What a loop does for each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// a ← b + s·c: reading and writing is nearly all of it.
    Triad,
    /// a ← s·b/√c: one root and one quotient, which most rules need at least.
    Quotient,
}

/// What a loop is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    /// The best set that this machine has.
    Best,
    /// What every machine of the platform has.
    Baseline,
}

impl Limits {
    /// Vectors of `len` elements in all.
    pub(super) fn new(len: usize, threads: usize) -> Self {
        let piece = len / threads;
        let pieces = (0..threads).map(|_| [1.0, 1e-3, 2e-3].map(|value| vec![value; piece]));
        Self {
            pieces: pieces.collect(),
        }
    }

    /// The rate of a ← b + s·c, the triad of the STREAM benchmark, GB/s.
    pub(super) fn triad(&mut self) -> f64 {
        self.measure(|[a, b, c]| triad(a, b, c, 1e-3))
    }

    /// The rate of x ← x + s·y, GB/s.
    pub(super) fn axpy(&mut self) -> f64 {
        self.measure(|[x, y, _]| axpy(x, y, 1e-3))
    }

    /// The time of one loop on this thread, `times` over the same vectors, ms.
    pub(super) fn again(&mut self, work: Work, with: Instructions, times: usize) -> f64 {
        let [a, b, c] = &mut self.pieces[0];
        let run = match (work, with) {
            (Work::Triad, Instructions::Best) => triad,
            (Work::Triad, Instructions::Baseline) => triad_of_baseline,
            (Work::Quotient, Instructions::Best) => quotient,
            (Work::Quotient, Instructions::Baseline) => quotient_of_baseline,
        };
        let start = now();
        for _ in 0..times {
            run(a, b, c, 1e-3);
        }
        millis_since(start)
    }

    fn measure(&mut self, run: fn(&mut [Vec<f32>; 3])) -> f64 {
        let elements: usize = self.pieces.iter().map(|[a, ..]| a.len()).sum();
        let start = now();
        thread::scope(|scope| {
            for piece in &mut self.pieces {
                scope.spawn(move || run(piece));
            }
        });
        gigabytes_per_second(elements * BYTES, millis_since(start))
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn axpy(x: &mut [f32], y: &[f32], s: f32) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += s * y;
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn triad(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    add_scaled(a, b, c, s);
}

#[inline(never)]
fn triad_of_baseline(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    add_scaled(a, b, c, s);
}

#[inline(always)]
fn add_scaled(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    for (a, (b, c)) in a.iter_mut().zip(b.iter().zip(c)) {
        *a = b + s * c;
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn quotient(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    divide(a, b, c, s);
}

#[inline(never)]
fn quotient_of_baseline(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    divide(a, b, c, s);
}

#[inline(always)]
fn divide(a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    for (a, (b, c)) in a.iter_mut().zip(b.iter().zip(c)) {
        *a = s * b / c.sqrt();
    }
}
