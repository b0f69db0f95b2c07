//! The two rates that there are, both in examples per second of training: the *mean* since training
//! began, which one view tells, and the *recent* one, which needs several.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::WorkerId;

use super::ClusterView;
use super::units::share;

/// Time constant of the recent rate: long enough to be read, short enough to show a stall.
const MEMORY_SECONDS: f64 = 5.0;

/// The mean rate of `examples` over the time `trained`; `None` before the first moment of training.
#[must_use]
pub fn mean_rate(examples: u64, trained: Duration) -> Option<f64> {
    share(examples as f64, trained.as_secs_f64())
}

/// The recent rates of the job and of each worker: exponentially weighted means of what was
/// committed between views, beginning as the mean rate. Time is the job's own training time, so
/// that it stands still when training does.
#[derive(Clone, Debug, Default)]
pub struct RecentRates {
    at: Duration,
    job: Recent,
    workers: BTreeMap<WorkerId, Recent>,
}

/// ```text
/// keep = e^(−seconds / memory)      sum ← keep·sum + (1 − keep)·rate
///                                   weight ← keep·weight + (1 − keep)
/// ```
///
/// `sum / weight` weighs every second by its age from the first one on: without the weight, the
/// first look at a job, a few slow milliseconds after its start, would count for seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    examples: u64,
    sum: f64,
    weight: f64,
}

impl RecentRates {
    /// Takes a later view in. A view of the same moment changes nothing.
    pub fn observe(&mut self, view: &ClusterView) {
        if view.trained < self.at || view.progress < self.job.examples {
            // The servers have started again.
            *self = Self::default();
        }
        let seconds = view.trained.saturating_sub(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        self.at = view.trained;
        self.job.observe(seconds, view.progress);
        for row in &view.workers {
            let rate = self.workers.entry(row.worker).or_default();
            rate.observe(seconds, row.examples);
        }
    }

    /// The job's recent rate; `None` before the first moment of training.
    #[must_use]
    pub fn job(&self) -> Option<f64> {
        self.job.per_second()
    }

    /// A worker's recent rate; `None` before the first moment of training.
    #[must_use]
    pub fn worker(&self, worker: WorkerId) -> Option<f64> {
        self.workers.get(&worker)?.per_second()
    }
}

impl Recent {
    fn observe(&mut self, seconds: f64, examples: u64) {
        let fresh = share(examples.saturating_sub(self.examples) as f64, seconds).unwrap_or(0.0);
        let keep = (-seconds / MEMORY_SECONDS).exp();
        // 1 − keep of a tiny time would lose its digits.
        let gain = -(-seconds / MEMORY_SECONDS).exp_m1();
        self.sum = self.sum * keep + fresh * gain;
        self.weight = self.weight * keep + gain;
        self.examples = examples;
    }

    fn per_second(&self) -> Option<f64> {
        share(self.sum, self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::two_servers;

    fn view(milliseconds: u64, progress: u64) -> ClusterView {
        let mut view = ClusterView::from(&two_servers()[..]);
        view.trained = Duration::from_millis(milliseconds);
        view.progress = progress;
        view
    }

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found / expected - 1.0).abs() < 1e-9, "{found}, {expected}");
    }

    #[test]
    fn a_rate_starts_at_the_mean_and_follows_what_comes() {
        let mut rates = RecentRates::default();
        rates.observe(&view(0, 0));
        assert_eq!(rates.job(), None);
        rates.observe(&view(2_000, 2_000));
        near(rates.job(), 1_000.0);
        near(rates.worker(WorkerId(0)), 5_292.0);
        rates.observe(&view(2_000, 2_000));
        near(rates.job(), 1_000.0);
        for second in 3..40 {
            rates.observe(&view(second * 1_000, second * 3_000));
        }
        assert!((rates.job().unwrap() - 3_000.0).abs() < 10.0);
        assert_eq!(rates.worker(WorkerId(9)), None);
    }

    #[test]
    fn a_slow_first_moment_is_outweighed_within_a_second() {
        let mut rates = RecentRates::default();
        rates.observe(&view(50, 1));
        near(rates.job(), 20.0);
        for look in 1..=5 {
            rates.observe(&view(50 + look * 200, look * 20_000));
        }
        let found = rates.job().unwrap();
        assert!(95_000.0 < found && found < 100_000.0, "{found}");
    }

    #[test]
    fn a_stall_shows_within_seconds_and_a_restart_begins_anew() {
        let mut rates = RecentRates::default();
        rates.observe(&view(2_000, 2_000));
        rates.observe(&view(22_000, 2_000));
        assert!(rates.job().unwrap() < 20.0);
        rates.observe(&view(1_000, 500));
        near(rates.job(), 500.0);
    }

    #[test]
    fn the_mean_rate_is_over_all_the_time_of_training() {
        near(mean_rate(500, Duration::from_secs(2)), 250.0);
        assert_eq!(mean_rate(0, Duration::ZERO), None);
    }
}
