//! Bytes that all streams of a server may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for messages that are not whole, of several streams. Each stream is bounded by itself; but whoever opens many
/// would have as many times the bound of one.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Room>);

#[derive(Debug)]
struct Room {
    max: usize,
    free: AtomicUsize,
}

impl Pool {
    /// Room for `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let free = AtomicUsize::new(max);
        Self(Arc::new(Room { max, free }))
    }

    /// All the room that there is, bytes.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// Takes so many bytes; false if there are not so many.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let free = &self.0.free;
        let taken = free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
            free.checked_sub(bytes)
        });
        taken.is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: usize) {
        self.0.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_missing_until_it_is_given_back() {
        let pool = Pool::new(10);
        let other = pool.clone();
        assert!(pool.take(7));
        assert!(!other.take(4));
        assert!(other.take(3));
        pool.give(7);
        assert!(other.take(7));
        assert!(!pool.take(1));
    }
}
