//! What the machine allows in the same round: the way of a line between cores, and threads that only
//! read, only write, or share nothing.

use serde::Serialize;
use thalweg_worker::hogwild::limits::{Work, ping_pong_nanos, seconds};
use thalweg_worker::hogwild::sparse_logistic::SparseLogistic;

use super::super::kernels::samples::Samples;

/// Round trips of one word.
const ROUND_TRIPS: u32 = 100_000;

/// Passes over the rows in each round.
const PASSES: u32 = 5;

/// Limits, round by round.
#[derive(Debug, Default, Serialize)]
pub(super) struct Limits {
    /// One way from core to core, ns.
    pub(super) ping_pong: Samples,
    /// Millions of rows per second on one thread and on all.
    pub(super) dot_products: [Samples; 2],
    pub(super) updates: [Samples; 2],
    /// Whole steps on models that nobody shares: the bound.
    pub(super) disjoint: [Samples; 2],
}

impl Limits {
    /// Measures one round.
    pub(super) fn measure(&mut self, rows: &SparseLogistic, threads: usize, rate: f32) {
        self.ping_pong.push(ping_pong_nanos(ROUND_TRIPS));
        for (place, threads) in [1, threads].into_iter().enumerate() {
            for (work, samples) in [
                (Work::DotProducts, &mut self.dot_products),
                (Work::Updates, &mut self.updates),
                (Work::Disjoint, &mut self.disjoint),
            ] {
                let found = seconds(rows, work, threads, PASSES, rate);
                let total: f64 = found.iter().sum();
                let done = rows.rows().len() as f64 * f64::from(PASSES);
                samples[place].push(done / total / 1e6);
            }
        }
    }
}
