//! A slower machine than there is: after each gradient a wait, so that it took as long as it would there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Gradients that were held up.
    slowed: Arc<AtomicU64>,
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
            slowed: Arc::default(),
        }
    }

    /// How long to wait after a gradient that has just ended and `took` so long.
    pub(super) fn wait_after(&mut self, took: Duration) -> Duration {
        let ended = self.ahead + self.clock.now().since_origin();
        let begun = Time::from_origin(ended.saturating_sub(took));
        let slowed = self.machine.takes(begun, took);
        let wait = slowed.saturating_sub(took);
        if !wait.is_zero() {
            self.slowed.fetch_add(1, Ordering::Relaxed);
        }
        wait
    }

    /// The count of gradients that were held up.
    pub(super) fn slowed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.slowed)
    }

    /// Whether it never waits.
    pub(super) fn is_none(&self) -> bool {
        self.machine.is_plain()
    }
}
