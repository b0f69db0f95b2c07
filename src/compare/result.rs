//! What a comparison found: the form of `result.json`, documented in `docs/DELAY.md`.

use serde::Serialize;
use thalweg_worker::evaluate::Scores;

use crate::report::{EvaluationPoint, Final};

/// Rises when a key changes its meaning or goes away.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// A comparison of methods on one job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Comparison {
    pub(super) schema_version: u32,
    pub(super) version: &'static str,
    pub(super) job: String,
    pub(super) seed: u64,
    /// Whether final runs were in virtual time, as searches always are.
    pub(super) simulated: bool,
    pub(super) conditions: Vec<String>,
    pub(super) compute: String,
    pub(super) serve: String,
    /// The loss that `seconds_to_target` is about.
    pub(super) target: f64,
    pub(super) places: Vec<Place>,
    /// One thread without any network.
    pub(super) plain: Run,
    pub(super) methods: Vec<MethodResult>,
    /// Others than us, on the same rows.
    pub(super) peers: Vec<PeerResult>,
    pub(super) refused: Vec<Refused>,
    /// Whether the user ended it before its end; methods without a result are among the refused.
    pub(super) interrupted: bool,
    /// The least number of workers with which some method reaches the target before one thread does.
    pub(super) workers_to_beat_one_thread: Option<u32>,
    pub(super) searched_rates: u64,
    pub(super) seconds: f64,
}

/// A cluster on which methods are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Place {
    pub(super) workers: u32,
    pub(super) latency: String,
}

/// A method at every place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct MethodResult {
    pub(super) method: String,
    pub(super) optimizer: String,
    /// The rate that does best with one worker and no delay.
    pub(super) undelayed_lr: f64,
    pub(super) undelayed_loss: f64,
    /// By place, in their order.
    pub(super) at: Vec<AtPlace>,
}

/// Somebody else's training at every place, at the rate of the method of ours that does the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PeerResult {
    pub(super) peer: String,
    /// By place, in their order.
    pub(super) at: Vec<Run>,
}

/// A method at one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct AtPlace {
    /// At the rate that does best there.
    pub(super) tuned: Run,
    /// At the rate that does best without delay.
    pub(super) untuned: Run,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) lr: f64,
    /// On test data where there are some; `null` if it diverged or failed.
    pub(crate) loss: Option<f64>,
    pub(crate) scores: Option<Scores>,
    /// From the first data dealt out to the last example committed.
    pub(crate) seconds: f64,
    /// To the first evaluation that reached the target; `null` if none did.
    pub(crate) seconds_to_target: Option<f64>,
    pub(crate) bytes: u64,
    pub(crate) staleness_p50: u64,
    pub(crate) staleness_p99: u64,
    /// That a shard took, of those that took most; 0 where nobody counted.
    #[serde(skip)]
    pub(crate) steps: u64,
    pub(crate) curve: Vec<Point>,
    /// Why there is no loss.
    pub(crate) failed: Option<String>,
    /// Whether its rate is the reason, so that another may do better.
    pub(crate) diverged: bool,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    pub(crate) seconds: f64,
    pub(crate) epoch: f64,
    pub(crate) bytes: u64,
    pub(crate) loss: f64,
}

/// A pair that cannot be, with the reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Refused {
    pub(super) method: String,
    pub(super) why: String,
}

/// What was seen of a training, in virtual time or in processes.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) scores: Final,
    pub(super) curve: &'a [EvaluationPoint],
    /// Of training.
    pub(super) seconds: f64,
    pub(super) examples: u64,
    pub(super) bytes: u64,
    pub(super) staleness_p50: u64,
    pub(super) staleness_p99: u64,
    pub(super) steps: u64,
    /// Why it did not end as it should have, if that was not its rate.
    pub(super) failed: Option<String>,
}

impl Run {
    /// A training at a rate.
    pub(super) fn of(lr: f64, seen: Measured<'_>) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count of bytes"
        )]
        let bytes_at = |examples: u64| {
            (seen.bytes as f64 * examples as f64 / seen.examples.max(1) as f64) as u64
        };
        let points = seen.curve.iter().filter_map(|point| {
            Some(Point {
                seconds: point.train_seconds,
                epoch: point.epoch,
                bytes: bytes_at(point.examples),
                loss: point.test.and_then(|test| test.loss).or(point.train_loss)?,
            })
        });
        let loss = seen.scores.loss().filter(|loss| loss.is_finite());
        let diverged = seen.failed.is_none() && loss.is_none();
        let words = || diverged.then(|| "diverged".to_owned());
        Self {
            lr,
            loss: loss.filter(|_| seen.failed.is_none()),
            scores: seen.scores.test,
            seconds: seen.seconds,
            seconds_to_target: None,
            bytes: seen.bytes,
            staleness_p50: seen.staleness_p50,
            staleness_p99: seen.staleness_p99,
            steps: seen.steps,
            curve: points.collect(),
            failed: seen.failed.or_else(words),
            diverged,
        }
    }

    /// A run that came to nothing at its rate.
    pub(super) fn diverged(lr: f64, why: String) -> Self {
        Self {
            diverged: true,
            ..Self::failed(lr, why)
        }
    }

    /// A run that came to nothing at whatever rate.
    pub(super) fn failed(lr: f64, why: String) -> Self {
        Self {
            lr,
            loss: None,
            scores: None,
            seconds: 0.0,
            seconds_to_target: None,
            bytes: 0,
            staleness_p50: 0,
            staleness_p99: 0,
            steps: 0,
            curve: Vec::new(),
            failed: Some(why),
            diverged: false,
        }
    }

    /// What stands for the loss where there is none.
    pub(super) fn in_place_of_a_loss(&self) -> &'static str {
        match self.diverged {
            true => "diverged",
            false => "failed",
        }
    }

    /// The loss as a number to compare by.
    pub(crate) fn worth(&self) -> f64 {
        self.loss
            .filter(|loss| loss.is_finite())
            .unwrap_or(f64::INFINITY)
    }

    /// Notes when the target was reached.
    pub(super) fn aim(&mut self, target: f64) {
        let reached = self.curve.iter().find(|point| point.loss <= target);
        self.seconds_to_target = reached.map(|point| point.seconds);
    }
}
