//! A slower machine than there is: after each gradient a wait, so that it took as long as it would there.

use std::time::Duration;

use thalweg_common::physics::Machine;
use thalweg_common::time::Time;

use thalweg_proto::transport::Clock;

/// The machine that is played, and the time that it goes by.
#[derive(Debug)]
pub struct Slowness {
    machine: Machine,
    clock: Clock,
    ahead: Duration,
}

impl Slowness {
    /// Plays `machine`, at which it is `ahead` after its origin now: those of one job have one origin, so that
    /// they take turns.
    #[must_use]
    pub fn new(machine: Machine, ahead: Duration) -> Self {
        Self {
            machine,
            clock: Clock::start(),
            ahead,
        }
    }

    /// How long to wait after a gradient that has just ended and `took` so long.
    pub(super) fn wait_after(&mut self, took: Duration) -> Duration {
        let ended = self.ahead + self.clock.now().since_origin();
        let begun = Time::from_origin(ended.saturating_sub(took));
        let slowed = self.machine.takes(begun, took);
        slowed.saturating_sub(took)
    }

    /// Whether it never waits.
    pub(super) fn is_none(&self) -> bool {
        self.machine.is_plain()
    }
}
