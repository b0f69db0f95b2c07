//! How often a worker asks again, all errands together: a bucket of tokens. When servers are overloaded or away,
//! back-off alone lets every errand come back at its own pace; the bucket bounds what they come to in sum.
//!
//! After gRPC's retry throttling (proposal A6): a retry takes a token, an answer gives a tenth of one. Unlike there a
//! retry without a token is not abandoned, since a push is never given up: it waits for the token, and tokens come
//! with time as well.

use std::time::Duration;

use thalweg_common::time::Time;

/// Tokens of a full bucket: retries in a burst.
const TOKENS_MAX: f64 = 10.0;

/// Tokens for an answer: at most a tenth more requests than without failures, in the long run.
const PER_ANSWER: f64 = 0.1;

/// Retries of a worker per second, answers or not: whoever is answered nothing still asks.
pub const RETRIES_PER_SECOND: f64 = 10.0;

/// The retries that a worker may make.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Below 0 it is owed to retries that wait.
    tokens: f64,
    at: Time,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            tokens: TOKENS_MAX,
            at: Time::ZERO,
        }
    }
}

impl Bucket {
    /// A request was answered.
    pub(super) fn answered(&mut self) {
        self.tokens = (self.tokens + PER_ANSWER).min(TOKENS_MAX);
    }

    /// Takes a token for a retry; answers with how long it has to wait for it at least.
    pub(super) fn take(&mut self, now: Time) -> Duration {
        let passed = now.since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * RETRIES_PER_SECOND).min(TOKENS_MAX) - 1.0;
        Duration::from_secs_f64((-self.tokens / RETRIES_PER_SECOND).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_what_comes_after_it_waits_its_turn() {
        let mut bucket = Bucket::default();
        let now = Time::from_origin(Duration::from_secs(100));
        let waits: Vec<_> = (0..14).map(|_| bucket.take(now)).collect();
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        let late: Vec<_> = waits[10..].iter().map(Duration::as_millis).collect();
        assert_eq!(late, [100, 200, 300, 400]);
        // By then the debt is paid, and nothing is left over.
        let later = now + Duration::from_millis(400);
        assert_eq!(bucket.take(later).as_millis(), 100);
    }

    #[test]
    fn answers_fill_it_by_a_tenth_each_and_never_beyond_its_size() {
        let mut bucket = Bucket::default();
        (0..1_000).for_each(|_| bucket.answered());
        let now = Time::ZERO;
        (0..10).for_each(|_| assert!(bucket.take(now).is_zero()));
        assert!(!bucket.take(now).is_zero());
        (0..20).for_each(|_| bucket.answered());
        assert!(bucket.take(now).is_zero());
    }
}
