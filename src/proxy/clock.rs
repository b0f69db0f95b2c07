//! The clock of a proxy: the one place that reads it.

use std::time::Instant;

use thalweg_common::time::Time;

/// A clock that begins at [`Time::ZERO`] when it is started.
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
    pub(super) fn now(self) -> Time {
        Time::from_origin(self.0.elapsed())
    }
}
