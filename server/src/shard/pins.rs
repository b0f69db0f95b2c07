//! Copies of what workers have read, for rules that look at it when the gradient comes.
//!
//! A worker that reads a whole shard need not be told what its gradient must bring along: the shard
//! keeps it, one copy for every version that somebody has read. A session holds a bounded number of
//! them; where it holds as many already, or reads only some elements, it is told, and brings it along.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thalweg_common::ids::{Clock, SessionId, Version};

/// Versions that one session may hold. One is being computed at, one is read ahead.
pub const PINS_PER_SESSION_MAX: usize = 2;

/// The copies of one shard.
#[derive(Debug, Default)]
pub(super) struct Pins {
    copies: BTreeMap<Version, Arc<[u8]>>,
    held: BTreeMap<SessionId, Vec<Held>>,
    /// Sessions that have departed: a read of theirs that is still under way keeps nothing.
    departed: BTreeSet<SessionId>,
}

/// A session's hold on a copy.
#[derive(Debug)]
struct Held {
    version: Version,
    /// The last iteration that computes at it.
    until: Clock,
}

impl Pins {
    /// Lets a session hold the copy of `version` until it has pushed its iteration `until`; the copy is
    /// made if nobody has it. Answers whether it may.
    pub(super) fn pin(
        &mut self,
        (session, until): (SessionId, Clock),
        version: Version,
        make: impl FnOnce() -> Vec<u8>,
    ) -> bool {
        if self.departed.contains(&session) {
            return false;
        }
        let held = self.held.entry(session).or_default();
        if let Some(own) = held.iter_mut().find(|held| held.version == version) {
            own.until = own.until.max(until);
            return true;
        }
        if PINS_PER_SESSION_MAX <= held.len() {
            return false;
        }
        held.push(Held { version, until });
        self.copies.entry(version).or_insert_with(|| make().into());
        true
    }

    /// The copy of `version`, if the session holds it.
    pub(super) fn get(&self, session: SessionId, version: Version) -> Option<Arc<[u8]>> {
        let held = self.held.get(&session)?;
        let copy = self.copies.get(&version);
        copy.filter(|_| held.iter().any(|held| held.version == version))
            .cloned()
    }

    /// A session has pushed everything before its iteration `clock`: what only those computed at, it
    /// needs no more. Versions say nothing of that, because reads ahead overtake each other.
    pub(super) fn release_before(&mut self, session: SessionId, clock: Clock) {
        if let Some(held) = self.held.get_mut(&session) {
            let before = held.len();
            held.retain(|held| clock <= held.until);
            if held.len() < before {
                self.sweep();
            }
        }
    }

    /// A session has left or was lost: it will push nothing that was computed at what it holds.
    pub(super) fn depart(&mut self, session: SessionId) {
        self.departed.insert(session);
        self.release(session);
    }

    /// A session is forgotten.
    pub(super) fn close(&mut self, session: SessionId) {
        self.departed.remove(&session);
        self.release(session);
    }

    fn release(&mut self, session: SessionId) {
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
        self.copies.retain(|version, _| {
            let mut all = held.values().flatten();
            all.any(|held| held.version == *version)
        });
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
        assert!(pins.pin((A, Clock(0)), Version(3), || vec![3]));
        let there = || unreachable!("there is a copy");
        assert!(pins.pin((B, Clock(0)), Version(3), there));
        assert!(pins.pin((A, Clock(1)), Version(5), || vec![5]));
        assert!(!pins.pin((A, Clock(2)), Version(6), there), "it holds two");
        assert!(pins.pin((A, Clock(2)), Version(5), there));
        assert_eq!(pins.copies(), 2);
        assert_eq!(pins.get(B, Version(5)), None, "it never read that");
        pins.release_before(A, Clock(1));
        assert_eq!(pins.get(A, Version(3)), None);
        assert_eq!(pins.get(B, Version(3)).as_deref(), Some(&[3][..]));
        pins.release_before(A, Clock(2));
        assert_eq!(pins.get(A, Version(5)).as_deref(), Some(&[5][..]));
        pins.close(B);
        assert_eq!(pins.copies(), 1);
        pins.depart(A);
        assert_eq!(pins.copies(), 0);
        assert!(!pins.pin((A, Clock(3)), Version(6), there), "it departed");
    }

    #[test]
    fn a_read_ahead_that_overtook_another_keeps_its_copy() {
        let mut pins = Pins::default();
        assert!(pins.pin((A, Clock(1)), Version(3), || vec![3]));
        assert!(pins.pin((A, Clock(0)), Version(4), || vec![4]));
        pins.release_before(A, Clock(1));
        assert_eq!(pins.get(A, Version(4)), None);
        assert_eq!(pins.get(A, Version(3)).as_deref(), Some(&[3][..]));
    }
}
