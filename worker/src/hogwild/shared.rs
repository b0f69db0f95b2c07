//! The shared model: one atomic word per coordinate, read and written by all threads without a lock.
//!
//! A word holds the bits of what a coordinate needs: its value, or its value and one number beside it.
//! All accesses are relaxed: Hogwild! asks that a single coordinate is never torn, and nothing about
//! the order of two. Two ways to change a word:
//!
//! ```text
//! exact   w ← load; repeat until compare_exchange_weak(w, f(w)) succeeds      no update is lost
//! lossy   w ← load; store(f(w))                                               one that came between is
//! ```
//!
//! The first is what the paper's analysis assumes, the second the cheapest that is still defined
//! behaviour: racing plain stores would not be.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!: a lock-free approach to parallelizing stochastic gradient
//! descent*, NIPS 2011, section 3.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// What a coordinate holds, small enough for one atomic word.
pub trait Cell: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// The word.
    type Atomic: Debug + Send + Sync;

    /// A word with this content.
    fn shared(self) -> Self::Atomic;

    /// What the word holds now.
    fn load(word: &Self::Atomic) -> Self;

    /// Overwrites the word, whatever it holds.
    fn store(self, word: &Self::Atomic);

    /// Overwrites the word if it still holds `was`; may fail for no reason.
    ///
    /// # Errors
    /// What it holds instead.
    fn replace(self, word: &Self::Atomic, was: Self) -> Result<(), Self>;

    /// The parameter.
    fn value(self) -> f32;

    /// The same cell with another parameter.
    #[must_use]
    fn with_value(self, value: f32) -> Self;
}

/// A parameter and a count of the updates that reached it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// The parameter.
    pub value: f32,
    /// Updates since the counts were last cleared, modulo 2³².
    pub count: u32,
}

/// A parameter and the sum of the squares of its gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summed {
    /// The parameter.
    pub value: f32,
    /// Σ g².
    pub squares: f32,
}

impl Summed {
    /// Both halves.
    #[inline]
    pub(super) fn bits(self) -> [u32; 2] {
        self.halves()
    }
}

/// All coordinates.
#[derive(Debug)]
pub struct SharedVector<C: Cell> {
    words: Vec<C::Atomic>,
}

impl<C: Cell> SharedVector<C> {
    /// A vector of these cells.
    pub fn new(cells: impl IntoIterator<Item = C>) -> Self {
        Self {
            words: cells.into_iter().map(C::shared).collect(),
        }
    }

    /// How many coordinates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What coordinate `v` holds now.
    ///
    /// # Panics
    /// When there is no such coordinate.
    #[must_use]
    #[inline]
    pub fn load(&self, v: usize) -> C {
        C::load(&self.words[v])
    }

    /// Overwrites coordinate `v`.
    ///
    /// # Panics
    /// When there is no such coordinate.
    #[inline]
    pub fn store(&self, v: usize, cell: C) {
        cell.store(&self.words[v]);
    }

    /// Changes coordinate `v` so that no other update is lost.
    ///
    /// # Panics
    /// When there is no such coordinate.
    #[inline]
    pub fn update_exact(&self, v: usize, change: impl Fn(C) -> C) {
        let word = &self.words[v];
        let mut was = C::load(word);
        while let Err(found) = change(was).replace(word, was) {
            was = found;
        }
    }

    /// Changes coordinate `v`; an update that comes between the read and the write is lost.
    ///
    /// # Panics
    /// When there is no such coordinate.
    #[inline]
    pub fn update_lossy(&self, v: usize, change: impl Fn(C) -> C) {
        let word = &self.words[v];
        change(C::load(word)).store(word);
    }

    /// The parameters as they are now.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        let cells = self.words.iter().map(C::load);
        cells.map(C::value).collect()
    }
}

impl Cell for f32 {
    type Atomic = AtomicU32;

    #[inline]
    fn shared(self) -> AtomicU32 {
        AtomicU32::new(self.to_bits())
    }

    #[inline]
    fn load(word: &AtomicU32) -> Self {
        Self::from_bits(word.load(Relaxed))
    }

    #[inline]
    fn store(self, word: &AtomicU32) {
        word.store(self.to_bits(), Relaxed);
    }

    #[inline]
    fn replace(self, word: &AtomicU32, was: Self) -> Result<(), Self> {
        let found = word.compare_exchange_weak(was.to_bits(), self.to_bits(), Relaxed, Relaxed);
        found.map(drop).map_err(Self::from_bits)
    }

    #[inline]
    fn value(self) -> f32 {
        self
    }

    #[inline]
    fn with_value(self, value: f32) -> Self {
        value
    }
}

/// Two halves of a word, the first below.
#[inline]
pub(super) fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | (u64::from(high) << u32::BITS)
}

/// The inverse of [`join`].
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves are what is wanted"
)]
pub(super) fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> u32::BITS) as u32]
}

/// A cell of two halves.
trait Halves: Copy {
    fn halves(self) -> [u32; 2];
    fn of_halves(halves: [u32; 2]) -> Self;
}

impl Halves for Counted {
    #[inline]
    fn halves(self) -> [u32; 2] {
        [self.value.to_bits(), self.count]
    }

    #[inline]
    fn of_halves([value, count]: [u32; 2]) -> Self {
        let value = f32::from_bits(value);
        Self { value, count }
    }
}

impl Halves for Summed {
    #[inline]
    fn halves(self) -> [u32; 2] {
        [self.value.to_bits(), self.squares.to_bits()]
    }

    #[inline]
    fn of_halves(halves: [u32; 2]) -> Self {
        let [value, squares] = halves.map(f32::from_bits);
        Self { value, squares }
    }
}

/// A cell of two halves in one word of 64 bits.
macro_rules! cell_of_halves {
    ($cell:ty) => {
        impl Cell for $cell {
            type Atomic = AtomicU64;

            #[inline]
            fn shared(self) -> AtomicU64 {
                AtomicU64::new(join(self.halves()))
            }

            #[inline]
            fn load(word: &AtomicU64) -> Self {
                Self::of_halves(split(word.load(Relaxed)))
            }

            #[inline]
            fn store(self, word: &AtomicU64) {
                word.store(join(self.halves()), Relaxed);
            }

            #[inline]
            fn replace(self, word: &AtomicU64, was: Self) -> Result<(), Self> {
                let (was, new) = (join(was.halves()), join(self.halves()));
                let found = word.compare_exchange_weak(was, new, Relaxed, Relaxed);
                found
                    .map(drop)
                    .map_err(|found| Self::of_halves(split(found)))
            }

            #[inline]
            fn value(self) -> f32 {
                self.value
            }

            #[inline]
            fn with_value(self, value: f32) -> Self {
                Self { value, ..self }
            }
        }
    };
}

cell_of_halves!(Counted);
cell_of_halves!(Summed);
