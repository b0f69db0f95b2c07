//! Every row exactly once per epoch, for any number of workers, in every mode.

use std::time::Duration;

use thalweg_common::permutation::epoch_checksum;

use crate::bench::{Bench, run};

/// A prime: no batch size and no number of workers divides it.
const ROWS: u64 = 1_009;

const EPOCHS: usize = 3;

const JOB: &str = "
[data]
name = \"steady\"
rows = 1009
test_rows = 0
features = 300
nonzeros = 5
[optimizer]
name = \"adagrad\"
lr = 0.1
[train]
batch_size = 8
epochs = 3
[limits]
range_batches = 3
";

fn used_once(sets: &[&str]) {
    let bench = Bench::of_text(JOB);
    for workers in [1, 3, 7] {
        let workers = format!("cluster.workers={workers}");
        let job = bench.job(&[sets, &[workers.as_str()]].concat());
        let status = &run(&job, Duration::from_millis(2)).statuses[0];
        assert_eq!(status.epochs.len(), EPOCHS, "{sets:?} {workers}");
        for epoch in &status.epochs {
            let found = (epoch.rows, epoch.checksum);
            let epoch = epoch.epoch;
            assert_eq!(
                found,
                (ROWS, epoch_checksum(ROWS)),
                "{sets:?} {workers} epoch {epoch}"
            );
        }
    }
}

#[test]
fn every_row_is_used_once_per_epoch_without_overlap() {
    used_once(&["method.overlap=off"]);
}

#[test]
fn every_row_is_used_once_per_epoch_with_full_overlap() {
    used_once(&["method.overlap=full"]);
}

#[test]
fn every_row_is_used_once_per_epoch_with_accrued_pushes_and_shared_pulls() {
    used_once(&["method.overlap=full", "method.n_push=3", "method.n_pull=2"]);
}

#[test]
fn every_row_is_used_once_per_epoch_under_bsp() {
    used_once(&["consistency.model=bsp"]);
}

#[test]
fn every_row_is_used_once_per_epoch_under_ssp_and_after_a_solo_phase() {
    used_once(&["consistency.model=ssp", "consistency.lag=2"]);
    used_once(&["method.solo_phase=100"]);
}
