//! A cell's result for tests.

use super::checks::Check;
use super::lead::Lead;
use super::predict::Predicted;
use super::result::{CellResult, Counters};
use crate::launch::WorkerTally;

/// A cell of `downpour` under asp at a latency, with its throughput and final loss.
pub(super) fn cell(latency_ms: f64, examples_per_second: f64, loss: Option<f64>) -> CellResult {
    let tally = WorkerTally {
        iterations: 210,
        examples: 6_720,
        pushes: 210,
        repeats: 12,
        acks_dropped: 40,
        gradients_slowed: 9,
    };
    CellResult {
        name: "001-downpour-asp".to_owned(),
        conditions: format!("latency {latency_ms}ms"),
        latency_ms,
        latency_alone: true,
        method: "downpour".to_owned(),
        consistency: "asp".to_owned(),
        seconds: 12.0,
        bound_seconds: 60.0,
        train_seconds: 8.0,
        examples_per_second,
        seconds_to_target: Some(3.0),
        loss,
        predicted: Predicted {
            seconds: 8.0,
            examples_per_second: 5_000.0,
            loss: Some(0.51),
            seconds_to_target: Some(3.0),
            staleness_p50: 3,
            staleness_p99: 9,
        },
        staleness_p50: 4,
        staleness_p99: 11,
        staleness_max: 14,
        lead: Lead {
            max: 9,
            judged: 1_600,
        },
        counters: Some(Counters {
            expected: 840,
            least: 840.0,
            most: 840.0,
        }),
        workers: vec![Some(tally); 4],
        duplicates: 160,
        refused: 0,
        retransmissions: 0,
        bytes_delayed: 1_000,
        peak_memory_bytes: vec![20 << 20, 21 << 20],
        checks: vec![
            Check::new("no hang", true, "it ends by itself within 60.0 s", "12.0 s"),
            Check::new("counted once", true, "every counter has every push", "840"),
        ],
        passed: true,
    }
}
