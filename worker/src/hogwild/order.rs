//! The order of the terms of an epoch, the same for every scheme and every number of threads: a pure
//! function of (seed, epoch, number of terms).
//!
//! Without replacement, blocks of neighbouring terms are permuted and not single ones: a row that was
//! read by chance costs a miss of every cache, and half of the speed. Threads take chunks of blocks from
//! a counter. With replacement, every draw is a mixed word of its own number, so that who makes it does
//! not matter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use thalweg_common::permutation::Permutation;
use thalweg_common::seed::{Purpose, derive, mix};

use super::control::Control;
use super::settings::Sampling;

/// Terms that a thread takes at once.
const CHUNK: usize = 1_024;

/// The longest block. Each begins at a place of the memory that nothing foresaw: blocks of 64 rows cost a
/// fifth of the speed of those of 256.
const BLOCK_MAX: usize = 256;

/// An epoch has so many blocks if it can, so that there is something to permute.
const BLOCKS_WANTED: usize = 512;

/// A thread should come back for so many chunks, so that none waits long for the last one.
const CHUNKS_WANTED: usize = 64;

/// One epoch's order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    terms: usize,
    block: usize,
    blocks_per_chunk: usize,
    permutation: Permutation,
    sampling: Sampling,
    stream: u64,
    control: Arc<Control>,
}

/// A term whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) term: usize,
    /// By which the one coordinate is chosen that is updated; `None` if all are.
    pub(super) word: Option<u64>,
}

impl Order {
    pub(super) fn new(terms: usize, sampling: Sampling, seed: u64, epoch: u32) -> Self {
        let block = (terms / BLOCKS_WANTED).clamp(1, BLOCK_MAX);
        let chunk = (terms / CHUNKS_WANTED).clamp(block, CHUNK);
        let blocks = terms.div_ceil(block) as u64;
        Self {
            terms,
            block,
            blocks_per_chunk: (chunk / block).max(1),
            permutation: Permutation::new(seed, u64::from(epoch), blocks),
            sampling,
            stream: derive(mix(seed), Purpose::Permutation, u64::from(epoch)),
            control: Arc::default(),
        }
    }

    /// The same, seen and stopped by whoever has `control`.
    pub(super) fn watched_by(mut self, control: &Arc<Control>) -> Self {
        self.control = Arc::clone(control);
        self
    }

    /// Positions of the epoch. Some of the last block have no term.
    pub(super) fn positions(&self) -> usize {
        self.terms.div_ceil(self.block) * self.block
    }

    /// Calls `visit` with the terms of one chunk; answers how many there are.
    #[inline]
    fn each(&self, chunk: usize, mut visit: impl FnMut(Visit)) -> usize {
        let blocks = self.terms.div_ceil(self.block);
        let first = chunk * self.blocks_per_chunk;
        let mut terms = 0;
        for position in first..(first + self.blocks_per_chunk).min(blocks) {
            let start = self.place(position) * self.block;
            let length = self.block.min(self.terms - start);
            for offset in 0..length {
                visit(self.visit_of(start + offset));
            }
            terms += length;
        }
        terms
    }

    /// The term at one position.
    pub(super) fn at(&self, position: usize) -> Option<Visit> {
        let term = self.place(position / self.block) * self.block + position % self.block;
        (term < self.terms).then(|| self.visit_of(term))
    }

    /// The block at a position.
    #[inline]
    fn place(&self, position: usize) -> usize {
        match self.sampling {
            Sampling::WithoutReplacement => {
                let block = self.permutation.row(position as u64);
                usize::try_from(block).expect("a block is one of a usize of terms")
            }
            Sampling::WithReplacement => position,
        }
    }

    /// The visit of a term, or of a draw with that number.
    #[inline]
    fn visit_of(&self, number: usize) -> Visit {
        match self.sampling {
            Sampling::WithoutReplacement => Visit {
                term: number,
                word: None,
            },
            Sampling::WithReplacement => {
                let word = mix(self.stream ^ mix(number as u64));
                Visit {
                    term: below(word, self.terms),
                    word: Some(mix(word)),
                }
            }
        }
    }
}

/// A number below `end` from a mixed word.
///
/// Source: Lemire, "Fast random integer generation in an interval", ACM Transactions on Modeling and
/// Computer Simulation 29 (2019), without the rejection that would remove a bias of `end`/2⁶⁴.
pub(super) fn below(word: u64, end: usize) -> usize {
    let product = u128::from(word) * (end as u128);
    usize::try_from(product >> u64::BITS).expect("it is below a usize")
}

/// Chunks as threads take them.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    next: AtomicUsize,
    order: &'a Order,
}

impl<'a> Queue<'a> {
    pub(super) fn of(order: &'a Order) -> Self {
        Self {
            next: AtomicUsize::new(0),
            order,
        }
    }

    /// Calls `visit` with the terms of one chunk after the other, until there is none or the run is stopped.
    #[inline]
    pub(super) fn work(&self, thread: usize, mut visit: impl FnMut(Visit)) {
        let control = &self.order.control;
        while !control.is_stopped() {
            let chunk = self.next.fetch_add(1, Relaxed);
            let terms = self.order.each(chunk, &mut visit);
            if terms == 0 {
                break;
            }
            control.count(thread, terms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, Queue, Visit};
    use crate::hogwild::Sampling;

    fn visits(order: &Order) -> Vec<Visit> {
        let mut visits = Vec::new();
        Queue::of(order).work(0, |visit| visits.push(visit));
        visits
    }

    #[test]
    fn an_epoch_without_replacement_has_every_term_once_and_each_epoch_an_order_of_its_own() {
        for terms in [0, 1, 2, 63, 64, 65, 1_000, 33_000, 140_001] {
            let order = Order::new(terms, Sampling::WithoutReplacement, 3, 0);
            let visits = visits(&order);
            let mut met: Vec<usize> = visits.iter().map(|visit| visit.term).collect();
            met.sort_unstable();
            assert!(met.into_iter().eq(0..terms), "{terms}");
            let at = (0..order.positions()).filter_map(|position| order.at(position));
            assert!(at.eq(visits.iter().copied()), "{terms}");
        }
        let of = |epoch| visits(&Order::new(5_000, Sampling::WithoutReplacement, 3, epoch));
        assert_ne!(of(0), of(1));
        assert_eq!(of(1), of(1));
    }

    #[test]
    fn draws_with_replacement_are_even() {
        let visits = visits(&Order::new(64_000, Sampling::WithReplacement, 1, 0));
        assert_eq!(visits.len(), 64_000);
        let mut counts = [0_u32; 64];
        for visit in &visits {
            counts[visit.term / 1_000] += 1;
            assert!(visit.word.is_some());
        }
        // Binomial with mean 1,000 and standard deviation 31.
        for count in counts {
            assert!((840..1_160).contains(&count), "{count}");
        }
    }
}
