//! Jobs on threads of the launcher: the same commands, files and ends as those of a cluster.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, output_of, signal, start, stderr, stdout};

/// The synthetic rows on threads, without the pause that lets two cores play many workers.
const ON_THREADS: &[&str] = &[
    "method.name=hogwild",
    "data.name=steady",
    "data.rows=4000",
    "data.features=200",
    "train.batch_size=1",
    "cluster.servers=1",
    "optimizer.lr=0.1",
    "evaluate.every=1",
];

#[test]
fn ctrl_c_ends_threads_in_order_and_keeps_what_was_learnt() {
    let bench = Bench::new();
    let sets = [ON_THREADS, &["train.epochs=1000000", "evaluate.every=100"]].concat();
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    let status = bench.run(&["status"]);
    assert!(stderr(&status).contains("threads"), "{}", stderr(&status));
    signal(i32::try_from(run.id()).unwrap(), Signal::SIGINT);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "interrupted");
    let examples = report["examples"].as_u64().unwrap();
    let of_threads = report["per_worker"].as_array().unwrap().iter();
    let of_threads: u64 = of_threads
        .map(|row| row["examples"].as_u64().unwrap())
        .sum();
    assert!(0 < examples && examples == of_threads, "{report}");
    assert!(bench.path("run/parameters.safetensors").is_file());
}

#[test]
fn every_epoch_that_is_to_be_judged_is_and_a_target_ends_the_job_between_two() {
    let bench = Bench::new();
    let sets = [ON_THREADS, &["train.epochs=5"]].concat();
    assert!(bench.train(&sets, &[]).status().unwrap().success());
    let report = bench.report();
    let epochs = |report: &Value| -> Vec<f64> {
        let curve = report["curve"].as_array().unwrap().iter();
        curve
            .map(|point| point["epoch"].as_f64().unwrap())
            .collect()
    };
    assert_eq!(epochs(&report), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let judged = bench.run(&["evaluate", "run", "--json"]);
    let judged: Value = serde_json::from_str(&stdout(&judged)).unwrap();
    let loss = &report["final"]["test"]["log_loss"];
    assert!(loss.is_f64(), "{report}");
    assert!(
        judged.to_string().contains(&loss.to_string()),
        "{judged}, {loss}"
    );

    let bench = Bench::new();
    let sets = [&sets[..], &["stop.metric=auc", "stop.target=0.6"]].concat();
    assert!(bench.train(&sets, &[]).status().unwrap().success());
    let report = bench.report();
    assert_eq!(report["status"], "done");
    assert!(
        report["stopped"].as_str().unwrap().contains("target"),
        "{report}"
    );
    let last = epochs(&report).pop().unwrap();
    assert!(last < 5.0 && last.fract() == 0.0, "{report}");
}

#[test]
fn a_server_of_a_job_on_threads_is_refused() {
    let bench = Bench::new();
    let mut command = bench.command(&["server", "--index", "0"]);
    for set in ON_THREADS {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = stderr(&output);
    assert!(
        complaint.contains("`method.name` = \"hogwild\"") && complaint.contains("thalweg train"),
        "{complaint}"
    );
}
