//! What whoever watches a run sees of it and may do to it while its threads work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// A run as it is seen from another thread. Nothing is decided by its order with other accesses.
#[derive(Debug, Default)]
pub struct Control {
    done: Box<[AtomicU64]>,
    stopped: AtomicBool,
}

impl Control {
    /// For a run on so many threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            done: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Terms that each thread has done with, in all epochs, in chunks of up to about a thousand. Round robin,
    /// which knows no chunks, tells of none.
    pub fn done(&self) -> impl Iterator<Item = u64> {
        self.done.iter().map(|done| done.load(Relaxed))
    }

    /// Lets threads take no more: each ends the chunk that it has, and the epoch is over. Round robin
    /// ends its epoch whole.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    pub(super) fn count(&self, thread: usize, terms: usize) {
        if let Some(done) = self.done.get(thread) {
            done.fetch_add(terms as u64, Relaxed);
        }
    }
}
