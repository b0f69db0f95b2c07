//! A moment as the state machines see it: handed in by the driver, never read from a clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, counted from an origin that the driver chose (process start, or virtual time zero).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_origin` after the origin.
    #[must_use]
    pub fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// How long after the origin.
    #[must_use]
    pub fn since_origin(self) -> Duration {
        self.0
    }

    /// How long after `earlier`; zero if `earlier` is in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0 + later)
    }
}

impl Sub<Self> for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}
