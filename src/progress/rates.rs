//! Smoothed rates from views of the same cluster at different times.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::WorkerId;

use crate::view::ClusterView;
use crate::view::units::share;

/// Time constant of the smoothing: long enough to be read, short enough to show a stall.
const MEMORY_SECONDS: f64 = 5.0;

/// Examples per second, of the job and of each worker: exponentially weighted means of what was
/// committed between views. Time is the job's own training time, so that it stands still when
/// training does.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    at: Duration,
    job: Rate,
    workers: BTreeMap<WorkerId, Rate>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    examples: u64,
    per_second: Option<f64>,
}

impl Rates {
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

    /// The job's examples per second; `None` before the first moment of training.
    #[must_use]
    pub fn job(&self) -> Option<f64> {
        self.job.per_second
    }

    /// A worker's examples per second; `None` before the first moment of training.
    #[must_use]
    pub fn worker(&self, worker: WorkerId) -> Option<f64> {
        self.workers.get(&worker)?.per_second
    }
}

impl Rate {
    fn observe(&mut self, seconds: f64, examples: u64) {
        let fresh = share(examples.saturating_sub(self.examples) as f64, seconds).unwrap_or(0.0);
        let keep = (-seconds / MEMORY_SECONDS).exp();
        let smooth = |before: f64| before * keep + fresh * (1.0 - keep);
        self.per_second = Some(self.per_second.map_or(fresh, smooth));
        self.examples = examples;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::samples::two_servers;

    fn view(seconds: u64, progress: u64) -> ClusterView {
        let mut view = ClusterView::from(&two_servers()[..]);
        view.trained = Duration::from_secs(seconds);
        view.progress = progress;
        view
    }

    #[test]
    fn a_rate_starts_at_the_mean_and_follows_what_comes() {
        let mut rates = Rates::default();
        rates.observe(&view(0, 0));
        assert_eq!(rates.job(), None);
        rates.observe(&view(2, 2_000));
        assert_eq!(rates.job(), Some(1_000.0));
        assert_eq!(rates.worker(WorkerId(0)), Some(5_292.0));
        rates.observe(&view(2, 2_000));
        assert_eq!(rates.job(), Some(1_000.0));
        for second in 3..40 {
            rates.observe(&view(second, second * 3_000));
        }
        assert!((rates.job().unwrap() - 3_000.0).abs() < 10.0);
        assert_eq!(rates.worker(WorkerId(9)), None);
    }

    #[test]
    fn a_stall_shows_within_seconds_and_a_restart_begins_anew() {
        let mut rates = Rates::default();
        rates.observe(&view(2, 2_000));
        rates.observe(&view(22, 2_000));
        assert!(rates.job().unwrap() < 20.0);
        rates.observe(&view(1, 500));
        assert_eq!(rates.job(), Some(500.0));
    }
}
