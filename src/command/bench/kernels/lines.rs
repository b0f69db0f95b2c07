//! The price of lines: what a machine takes for touching coordinates, whatever is done to them.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::super::sample::{millis_since, now};

/// Coordinates of a step, where the model has so many.
pub(super) const TOUCHED: usize = 1_000;

/// Sets of coordinates of a model, taken in turn.
#[derive(Debug)]
pub(super) struct Sets {
    /// Parameters of the model.
    pub(super) size: usize,
    /// The sets, each in order.
    pub(super) sets: Vec<Vec<u32>>,
    /// How often all sets are taken in one sample, so that it is long enough to be timed.
    pub(super) times: usize,
}

impl Sets {
    /// `count` sets of a model of `size` parameters.
    pub(super) fn new(size: usize, count: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let touched = size.min(TOUCHED);
        let sets = (0..count).map(|_| {
            let drawn = sample(&mut random, size, touched).into_iter();
            let mut set: Vec<u32> = drawn.filter_map(|place| place.try_into().ok()).collect();
            set.sort_unstable();
            set
        });
        Self {
            size,
            sets: sets.collect(),
            times: TOUCHED / touched,
        }
    }

    /// Coordinates of each set.
    pub(super) fn touched(&self) -> usize {
        self.size.min(TOUCHED)
    }

    /// All sets, as often as one sample takes them.
    pub(super) fn taken(&self) -> impl Iterator<Item = &[u32]> {
        let all = std::iter::repeat_n(&self.sets, self.times).flatten();
        all.map(Vec::as_slice)
    }

    /// Coordinates that one sample touches.
    pub(super) fn coordinates(&self) -> usize {
        self.times * self.sets.len() * self.touched()
    }
}

/// Arrays of a model's length: they stand for parameters and slots.
#[derive(Debug)]
pub(super) struct Arrays(Vec<Vec<f32>>);

impl Arrays {
    /// `count` arrays of `len` numbers that have all been written once.
    pub(super) fn new(count: usize, len: usize) -> Self {
        Self((0..count).map(|_| vec![1.0; len]).collect())
    }

    /// Adds to the coordinates of the sets in the first `count` arrays; the time, ms. Nothing waits
    /// for anything, so as many lines as the machine can are fetched at once.
    pub(super) fn touch(&mut self, count: usize, sets: &Sets) -> f64 {
        let start = now();
        for coordinates in sets.taken() {
            for array in &mut self.0[..count] {
                let array = &mut array[..sets.size];
                for &coordinate in coordinates {
                    array[coordinate as usize] += 1e-3;
                }
            }
        }
        millis_since(start)
    }
}

/// Arrays that a sparse step touches: the parameter, its slots, and with an L2 term a note of the
/// steps taken, which is smaller but lies on a line of its own.
pub(super) fn arrays_of(slots: usize, l2: f64) -> usize {
    1 + slots + usize::from(0.0 < l2)
}
