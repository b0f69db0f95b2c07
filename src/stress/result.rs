//! What a stress run found: the form of `result.json`, documented in `docs/STRESS.md`.

use serde::Serialize;

use super::checks::{Check, Measured};
use super::lead::Lead;
use super::predict::{Predicted, Ready};
use crate::launch::WorkerTally;
use crate::report::{Host, Report};

/// Rises when a key changes its meaning or goes away.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StressResult {
    pub(super) schema_version: u32,
    pub(super) version: &'static str,
    pub(super) host: Host,
    pub(super) seed: u64,
    pub(super) servers: u32,
    pub(super) workers: u32,
    /// That every worker makes in every cell, at least.
    pub(super) iterations: u64,
    /// Iterations that one may be ahead under SSP.
    pub(super) lag: u64,
    /// Sleep per batch.
    pub(super) compute: String,
    /// The test loss that `seconds_to_target` is about.
    pub(super) target: f64,
    /// Whether the kernel could delay packets.
    pub(super) netem: String,
    pub(super) cells: Vec<CellResult>,
    /// Claims over several cells; empty where these were not run.
    pub(super) claims: Vec<Check>,
    /// Pairs that cannot be.
    pub(super) refused: Vec<Left>,
    /// Cells for which no time was left.
    pub(super) not_run: Vec<Left>,
    pub(super) totals: Totals,
    /// Whether every check and every claim holds, and nothing that could be was left out.
    pub(super) passed: bool,
    /// Whether the user ended it before its end.
    pub(super) interrupted: bool,
    pub(super) seconds: f64,
}

/// A cell that was not run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Left {
    pub(super) conditions: String,
    pub(super) method: String,
    pub(super) consistency: String,
    pub(super) why: String,
}

/// Sums over all cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    pub(super) checks: u64,
    pub(super) failed: u64,
    pub(super) hangs: u64,
    /// Clock leads and stalenesses beyond their bound.
    pub(super) violated_bounds: u64,
    pub(super) pushes: u64,
    pub(super) acks_dropped: u64,
    /// Acknowledged pushes that a counter has more than once, and not at all.
    pub(super) applied_twice: u64,
    pub(super) lost: u64,
}

/// One cell.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CellResult {
    pub(super) name: String,
    pub(super) conditions: String,
    /// The latency's mean, one way.
    pub(super) latency_ms: f64,
    /// Whether nothing but a latency was asked for.
    pub(super) latency_alone: bool,
    pub(super) method: String,
    pub(super) consistency: String,
    /// Real time with start and end, and its bound.
    pub(super) seconds: f64,
    pub(super) bound_seconds: f64,
    pub(super) train_seconds: f64,
    pub(super) examples_per_second: f64,
    pub(super) seconds_to_target: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) predicted: Predicted,
    pub(super) staleness_p50: u64,
    pub(super) staleness_p99: u64,
    pub(super) staleness_max: u64,
    pub(super) lead: Lead,
    pub(super) counters: Option<Counters>,
    /// By slot; `null` of a worker that said nothing at its end.
    pub(super) workers: Vec<Option<WorkerTally>>,
    /// Parts that came again and were not applied again.
    pub(super) duplicates: u64,
    /// Parts refused.
    pub(super) refused: u64,
    pub(super) retransmissions: u64,
    pub(super) bytes_delayed: u64,
    /// By server.
    pub(super) peak_memory_bytes: Vec<u64>,
    pub(super) checks: Vec<Check>,
    pub(super) passed: bool,
}

/// What counters have, in counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Counters {
    pub(super) expected: u64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl CellResult {
    pub(super) fn new(
        (number, ready): (usize, &Ready),
        (seen, report): (&Measured, Option<&Report>),
        (checks, target): (Vec<Check>, f64),
    ) -> Self {
        let place = &ready.cell.place;
        let links = seen.links.unwrap_or_default();
        let workers = report.iter().flat_map(|report| &report.per_worker);
        let reached = report.and_then(|report| {
            report.curve.iter().find(|point| {
                let loss = point.test.and_then(|test| test.loss);
                loss.is_some_and(|loss| loss <= target)
            })
        });
        Self {
            name: ready.cell.name(number),
            conditions: place.words(),
            latency_ms: place.latency.mean().as_secs_f64() * 1e3,
            latency_alone: place.is_latency_alone(),
            method: ready.cell.method.clone(),
            consistency: ready.cell.consistency.to_string(),
            seconds: seen.seconds,
            bound_seconds: ready.promise.bound.as_secs_f64(),
            train_seconds: report.map_or(0.0, |report| report.train_seconds),
            examples_per_second: report.map_or(0.0, |report| report.examples_per_second),
            seconds_to_target: reached.map(|point| point.train_seconds),
            loss: report.and_then(|report| report.final_scores.loss()),
            predicted: ready.predicted.clone(),
            staleness_p50: report.map_or(0, |report| report.staleness.p50),
            staleness_p99: report.map_or(0, |report| report.staleness.p99),
            staleness_max: seen.staleness_max,
            lead: seen.lead,
            counters: seen.counters.map(|(least, most)| Counters {
                expected: seen.expected(ready.promise.counting),
                least,
                most,
            }),
            workers: seen.workers.clone(),
            duplicates: workers.clone().map(|worker| worker.duplicates).sum(),
            refused: workers.map(|worker| worker.refused).sum(),
            retransmissions: links.retransmissions,
            bytes_delayed: links.bytes_delayed,
            peak_memory_bytes: seen.peak_bytes.clone(),
            passed: checks.iter().all(|check| check.holds),
            checks,
        }
    }

    /// Of its workers together.
    pub(super) fn sum(&self, of: fn(&WorkerTally) -> u64) -> u64 {
        self.workers.iter().flatten().map(of).sum()
    }

    fn has_failed(&self, names: &[&str]) -> u64 {
        let failed = self.checks.iter().filter(|check| !check.holds);
        failed.filter(|check| names.contains(&check.name)).count() as u64
    }
}

impl Totals {
    pub(super) fn of(cells: &[CellResult], claims: &[Check]) -> Self {
        let mut totals = Self::default();
        let checks = cells.iter().flat_map(|cell| &cell.checks).chain(claims);
        for check in checks {
            totals.checks += 1;
            totals.failed += u64::from(!check.holds);
        }
        for cell in cells {
            totals.hangs += cell.has_failed(&["no hang"]);
            totals.violated_bounds += cell.has_failed(&["clock lead", "staleness"]);
            totals.pushes += cell.sum(|tally| tally.pushes);
            totals.acks_dropped += cell.sum(|tally| tally.acks_dropped);
            // Rules that are no sum of gradients have counters that count nothing.
            let counts = cell.checks.iter().any(|check| check.name == "counted once");
            if let Some(counters) = cell.counters.filter(|_| counts) {
                totals.applied_twice += beyond(counters.most, counters.expected);
                totals.lost += short(counters.least, counters.expected);
            }
        }
        totals
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts below 2^24"
)]
fn beyond(counter: f64, expected: u64) -> u64 {
    (counter - expected as f64).max(0.0).ceil() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts below 2^24"
)]
fn short(counter: f64, expected: u64) -> u64 {
    (expected as f64 - counter).max(0.0).ceil() as u64
}
