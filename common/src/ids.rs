//! Newtypes for every number that names or counts something, so that a clock is never passed where
//! a version is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The slot of a worker in its job, `0..workers`. A worker that starts again takes the same slot.
    WorkerId(u32)
}
number! {
    /// The place of a server in its job, `0..servers`. Server 0 also runs the coordinator.
    ServerId(u32)
}
number! {
    /// A shard: a piece of the parameters with one holder. `0..shards`, in layout order.
    ShardId(u32)
}
number! {
    /// One life of a server process, drawn at random when it starts: a server that was started anew
    /// has lost its parameters, and has another.
    Life(u64)
}
number! {
    /// One registered incarnation of a worker. Rises with every registration, never used twice in a
    /// job, so that of two sessions of one worker the greater is the living one. Observers' have the highest bit, so
    /// that every server tells them from workers'.
    SessionId(u64)
}

impl SessionId {
    const OBSERVER: u64 = 1 << 63;

    /// The same number among those of observers.
    #[must_use]
    pub fn of_observer(self) -> Self {
        Self(self.0 | Self::OBSERVER)
    }

    /// The same number among those of workers.
    #[must_use]
    pub fn of_worker(self) -> Self {
        Self(self.0 & !Self::OBSERVER)
    }

    /// Whether it is a number of observers.
    #[must_use]
    pub fn is_of_observer(self) -> bool {
        self.0 & Self::OBSERVER != 0
    }
}

number! {
    /// Iterations (batches) that a worker has finished.
    Clock(u64)
}
number! {
    /// Steps that a shard has taken.
    Version(u64)
}
number! {
    /// The number of a shard map, and the fence of a shard's holder.
    Generation(u64)
}
number! {
    /// The ordinal of a part within one session and shard, contiguous from 1.
    Sequence(u64)
}

impl Clock {
    /// The clock after `iterations` more.
    #[must_use]
    pub fn plus(self, iterations: u64) -> Self {
        Self(self.0.saturating_add(iterations))
    }
}

impl Sequence {
    /// The first sequence of a session.
    pub const FIRST: Self = Self(1);

    /// The one that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a cluster must agree on before it exchanges a part: a hash of the resolved job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Fingerprint {
    /// The 16 bytes, big-endian, in which a fingerprint travels.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Reads the 16 bytes in which a fingerprint travels; `None` at any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}
