//! Taking times. The one place of this command that reads the clock.

use std::time::Instant;

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since `start`.
pub(super) fn millis_since(start: Instant) -> f64 {
    now().duration_since(start).as_secs_f64() * 1e3
}

/// Latencies of single requests.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    micros: Vec<f64>,
}

impl Latencies {
    /// Counts a request that began at `start` and is answered.
    pub(super) fn record(&mut self, start: Instant) {
        self.micros
            .push(now().duration_since(start).as_secs_f64() * 1e6);
    }

    /// The number of requests counted.
    pub(super) fn len(&self) -> usize {
        self.micros.len()
    }

    /// The median, without the first tenth (the connection warms up); 0 if nothing was counted.
    pub(super) fn p50(&self) -> f64 {
        let mut warm = self.micros[self.micros.len() / 10..].to_vec();
        warm.sort_by(f64::total_cmp);
        warm.get(warm.len() / 2).copied().unwrap_or_default()
    }
}
