//! The server's clock: the one place that reads it.

use std::time::Instant;

use thalweg_common::time::Time;

/// Counts from its own creation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the driver hands the time to the decisions"
    )]
    pub(super) fn now(&self) -> Time {
        Time::from_origin(self.0.elapsed())
    }
}
