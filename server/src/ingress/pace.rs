//! A pace: so many of something per second in the long run, and some at once.

use std::time::Duration;

use thalweg_common::time::Time;

/// A bucket of tokens that may be overdrawn: what has happened is counted, and then waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    per_second: f64,
    burst: f64,
    /// Below 0 it is owed.
    tokens: f64,
    at: Time,
}

impl Pace {
    /// `per_second`, and `burst` at once.
    pub(super) fn new(now: Time, per_second: f64, burst: f64) -> Self {
        Self {
            per_second,
            burst,
            tokens: burst,
            at: now,
        }
    }

    /// So many have happened; answers how long it takes until the next may.
    pub(super) fn spend(&mut self, now: Time, count: u32) -> Duration {
        let passed = now.since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst) - f64::from(count);
        Duration::from_secs_f64((-self.tokens / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_what_comes_after_it_keeps_the_pace() {
        let at = |millis| Time::from_origin(Duration::from_millis(millis));
        let mut pace = Pace::new(at(0), 100.0, 10.0);
        assert_eq!(pace.spend(at(0), 10), Duration::ZERO);
        assert_eq!(pace.spend(at(0), 1), Duration::from_millis(10));
        assert_eq!(pace.spend(at(0), 49), Duration::from_millis(500));
        assert_eq!(pace.spend(at(500), 0), Duration::ZERO);
        // An hour of nothing is worth one burst.
        assert_eq!(pace.spend(at(3_600_000), 10), Duration::ZERO);
        assert_eq!(pace.spend(at(3_600_000), 1), Duration::from_millis(10));
    }
}
