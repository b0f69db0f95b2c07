//! Sparse pulls: a worker asks for what its batches touch and holds no more, however many features
//! there are.

use std::path::{Path, PathBuf};

use thalweg::job::{REGISTRIES, draft_with, resolve};
use thalweg_common::permutation::Permutation;
use thalweg_worker::data::Rows;

use crate::support::{Bench, output_of, start, stderr};

/// Permitted bytes per distinct coordinate: an index of 8 and a value of 4, and 30 % for everything
/// around them.
const BYTES_PER_COORDINATE: f64 = 1.3 * 12.0;

/// The number of distinct coordinates of every batch of an epoch, summed; and the batches.
fn distinct(sets: &[String]) -> (f64, u64) {
    let (draft, _) = draft_with(None, sets).unwrap();
    let job = resolve(draft.check(&REGISTRIES).unwrap(), Path::new(".")).unwrap();
    let (data, config) = (&job.data.train, &job.blueprint.config);
    let order = Permutation::new(config.seed, 0, data.rows());
    let positions: Vec<u64> = (0..data.rows())
        .map(|position| order.row(position))
        .collect();
    let (mut rows, mut touched) = (Rows::new(), Vec::new());
    let (mut sum, mut batches) = (0_u32, 0);
    for batch in positions.chunks(usize::try_from(config.train.batch_size.rows()).unwrap()) {
        data.fill(batch, &mut rows);
        job.blueprint.model.touched(&rows, &mut touched);
        sum += u32::try_from(touched.len()).unwrap();
        batches += 1;
    }
    (f64::from(sum), batches)
}

fn judge(bench: &Bench, sets: &[String]) {
    let (coordinates, batches) = distinct(sets);
    let report = bench.report();
    let clocks = report["per_worker"].as_array().unwrap().iter();
    let iterations: u64 = clocks.map(|worker| worker["clock"].as_u64().unwrap()).sum();
    assert!(
        batches <= iterations,
        "{iterations} iterations for {batches} batches"
    );
    let pulled = report["bytes_pulled"].as_f64().unwrap();
    let bytes = pulled / coordinates;
    assert!(
        bytes <= BYTES_PER_COORDINATE,
        "{bytes:.1} bytes pulled per coordinate"
    );
}

fn command(bench: &Bench, sets: &[String]) -> std::process::Command {
    let mut command = bench.command(&["train", "-q", "--out", "run"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// The greatest resident memory of a process so far, MiB.
fn peak_mib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[test]
fn a_hundred_million_features_cost_a_worker_nothing() {
    let sets = [
        "data.name=steady",
        "data.features=100000000",
        "data.rows=6400",
        "data.test_rows=10",
        "optimizer.name=adagrad",
        "optimizer.lr=0.1",
        "train.batch_size=32",
        "train.epochs=1",
        "train.compute=20ms",
        "evaluate.every=0",
        "evaluate.train_rows=10",
        "cluster.workers=2",
    ]
    .map(str::to_owned);
    let bench = Bench::new();
    let run = start(&mut command(&bench, &sets));
    bench.wait_until_training();
    let peak = peak_mib(bench.pid("worker", 0));
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        peak < 100,
        "a worker holds {peak} MiB; its parameters alone would be 381 MiB"
    );
    judge(&bench, &sets);
}

#[test]
fn rcv1_pulls_what_its_batches_touch() {
    let shared = std::env::var_os("THALWEG_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let train = shared.join("data/public/rcv1-small/rcv1_small.train.svm.gz");
    if !train.is_file() {
        eprintln!(
            "SKIPPED: {} is absent; set THALWEG_SHARED to its folder",
            train.display()
        );
        return;
    }
    let sets = [
        "data.name=libsvm".to_owned(),
        format!("data.train={}", train.display()),
        "data.features=47236".to_owned(),
        "optimizer.name=adagrad".to_owned(),
        "optimizer.lr=0.1".to_owned(),
        "train.batch_size=16".to_owned(),
        "train.epochs=1".to_owned(),
        "evaluate.every=0".to_owned(),
    ];
    let bench = Bench::new();
    let output = output_of(start(&mut command(&bench, &sets)));
    assert!(output.status.success(), "{}", stderr(&output));
    judge(&bench, &sets);
}
