//! The clock of a process that drives decisions: the one place that reads it.

use std::time::Instant;

use thalweg_common::time::Time;

/// A clock that is at [`Time::ZERO`] when it is started.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that begins now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long after its start it is.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    pub fn now(self) -> Time {
        Time::from_origin(self.0.elapsed())
    }
}
