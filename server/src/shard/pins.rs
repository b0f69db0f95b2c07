//! Copies of what workers have read, for rules that look at it when the gradient comes.
//!
//! A worker that reads a whole shard need not be told what its gradient must bring along: the shard
//! keeps it, one copy for every version that somebody has read. A session holds a bounded number of
//! them; where it holds as many already, or reads only some elements, it is told, and brings it along.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thalweg_common::ids::{SessionId, Version};

/// Versions that one session may hold. One is being computed at, one is read ahead.
pub const PINS_PER_SESSION_MAX: usize = 2;

/// The copies of one shard.
#[derive(Debug, Default)]
pub(super) struct Pins {
    copies: BTreeMap<Version, Arc<[u8]>>,
    held: BTreeMap<SessionId, VecDeque<Version>>,
}

impl Pins {
    /// Lets a session hold the copy of `version`, made if nobody has it. Answers whether it may.
    pub(super) fn pin(
        &mut self,
        session: SessionId,
        version: Version,
        make: impl FnOnce() -> Vec<u8>,
    ) -> bool {
        let held = self.held.entry(session).or_default();
        if held.contains(&version) {
            return true;
        }
        if PINS_PER_SESSION_MAX <= held.len() {
            return false;
        }
        held.push_back(version);
        self.copies.entry(version).or_insert_with(|| make().into());
        true
    }

    /// The copy of `version`, if the session holds it.
    pub(super) fn get(&self, session: SessionId, version: Version) -> Option<Arc<[u8]>> {
        let held = self.held.get(&session)?;
        let copy = self.copies.get(&version);
        copy.filter(|_| held.contains(&version)).cloned()
    }

    /// A session has pushed what it computed at `version`: it needs no older copy. That one may be used
    /// again, by further gradients of the same read.
    pub(super) fn release_before(&mut self, session: SessionId, version: Version) {
        if let Some(held) = self.held.get_mut(&session) {
            held.retain(|other| version <= *other);
            self.sweep();
        }
    }

    /// A session reads and pushes no more.
    pub(super) fn close(&mut self, session: SessionId) {
        if self.held.remove(&session).is_some() {
            self.sweep();
        }
    }

    /// Copies that are kept.
    #[cfg(test)]
    pub(super) fn copies(&self) -> usize {
        self.copies.len()
    }

    fn sweep(&mut self) {
        let held = &self.held;
        self.copies
            .retain(|version, _| held.values().any(|list| list.contains(version)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    #[test]
    fn equal_versions_share_a_copy_and_the_bound_holds() {
        let mut pins = Pins::default();
        assert!(pins.pin(A, Version(3), || vec![3]));
        assert!(pins.pin(B, Version(3), || unreachable!("there is a copy")));
        assert!(pins.pin(A, Version(5), || vec![5]));
        assert!(!pins.pin(A, Version(6), || unreachable!("it holds two")));
        assert!(pins.pin(A, Version(5), || unreachable!("it holds this one")));
        assert_eq!(pins.copies(), 2);
        assert_eq!(pins.get(B, Version(5)), None, "it never read that");
        pins.release_before(A, Version(5));
        assert_eq!(pins.get(A, Version(3)), None);
        assert_eq!(pins.get(B, Version(3)).as_deref(), Some(&[3][..]));
        assert_eq!(pins.get(A, Version(5)).as_deref(), Some(&[5][..]));
        pins.close(B);
        assert_eq!(pins.copies(), 1);
        pins.close(A);
        assert_eq!(pins.copies(), 0);
    }
}
