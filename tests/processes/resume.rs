//! `thalweg train --resume`: an interrupted run goes on.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, output_of, signal, start, stderr};

/// One worker, and no element of chance: the same bits whenever it is stopped.
const ALONE: &[&str] = &[
    "train.compute=4ms",
    "cluster.workers=1",
    "consistency.model=bsp",
    "optimizer.name=adam",
    "optimizer.lr=0.01",
    "evaluate.every=0.25",
];

#[test]
fn a_resumed_run_ends_with_the_bits_of_one_that_was_never_interrupted() {
    let whole = Bench::new();
    let output = output_of(start(&mut whole.train(ALONE, &[])));
    assert!(output.status.success(), "{}", stderr(&output));
    let cut = Bench::new();
    let run = start(&mut cut.train(ALONE, &[]));
    cut.wait_until_training();
    signal(i32::try_from(run.id()).unwrap(), Signal::SIGINT);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let before = cut.report();
    let resumed = cut.run(&["train", "-q", "--resume", "run"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let after = cut.report();
    assert_eq!(after["status"], "done");
    assert_eq!(after["examples"], 3_001);
    let again = cut.run(&["train", "-q", "--resume", "run"]);
    assert!(stderr(&again).contains("nothing of its job is left"));
    assert_eq!(
        cut.report(),
        after,
        "the report of a run that has ended stays"
    );
    assert_eq!(after["resumed"]["examples"], before["examples"]);
    assert!(before["examples"].as_u64().unwrap() < 3_001, "it was cut");
    assert_eq!(after["epochs_used"], whole.report()["epochs_used"]);
    let examples = |report: &Value| -> Vec<u64> {
        let curve = report["curve"].as_array().unwrap().iter();
        curve
            .map(|point| point["examples"].as_u64().unwrap())
            .collect()
    };
    let curve = examples(&after);
    assert!(curve.starts_with(&examples(&before)), "{curve:?}");
    assert!(curve.is_sorted(), "{curve:?}");
    let parameters = |bench: &Bench| fs::read(bench.path("run/parameters.safetensors")).unwrap();
    assert!(
        parameters(&whole) == parameters(&cut),
        "the parameters differ"
    );
}

#[test]
fn a_run_whose_launcher_was_killed_goes_on_from_its_last_checkpoints() {
    let bench = Bench::new();
    let sets = [
        "train.compute=10ms",
        "cluster.workers=2",
        "checkpoint.every_seconds=0.2",
    ];
    let mut run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    run.kill().unwrap();
    run.wait().unwrap();
    // Its processes end with it, and hold their folders until then, for which the next one waits.
    let resumed = bench.run(&["train", "--resume", "run", "--set", "limits.stop_seconds=9"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(
        stderr(&resumed).contains("the run goes on after"),
        "{}",
        stderr(&resumed)
    );
    assert_eq!(bench.report()["epochs_used"][0]["complete"], true);
}

#[test]
fn a_run_that_has_failed_goes_on_because_that_is_asked_for() {
    let bench = Bench::new();
    let sets = ["train.compute=10ms", "cluster.workers=2"];
    let run = start(&mut bench.train(&sets, &["--on-worker-loss", "stop"]));
    bench.wait_until_training();
    signal(bench.pid("worker", 1), Signal::SIGKILL);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(bench.report()["status"], "failed");
    let resumed = bench.run(&["train", "-q", "--resume", "run"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let report = bench.report();
    assert_eq!(report["status"], "done");
    assert_eq!(report["epochs_used"][0]["complete"], true);
    let log = fs::read_to_string(bench.path("run/logs/server-0.log")).unwrap();
    let told = "its job had failed, and goes on all the same, as is wanted: worker 1 ";
    assert!(log.contains(told), "{log}");
}

/// Lets a run that is done say that it was interrupted, as one that may go on.
fn as_if_interrupted(bench: &Bench) {
    let path = bench.path("run/state.json");
    let state = fs::read_to_string(&path).unwrap();
    assert!(state.contains("\"done\""), "{state}");
    fs::write(&path, state.replace("\"done\"", "\"interrupted\"")).unwrap();
}

#[test]
fn what_cannot_go_on_is_refused_with_the_reason() {
    let bench = Bench::new();
    let refused = bench.run(&["train", "--resume", "nowhere"]);
    assert!(!refused.status.success());
    let words = stderr(&refused);
    let expected = "--resume: run folder nowhere: expected a run that can go on, found none";
    assert!(words.contains(expected), "{words}");
    let none = ["checkpoint.restarts=0", "train.examples=64"];
    let output = output_of(start(&mut bench.train(&none, &[])));
    assert!(output.status.success(), "{}", stderr(&output));
    as_if_interrupted(&bench);
    let refused = bench.run(&["train", "--resume", "run"]);
    assert!(!refused.status.success());
    let words = stderr(&refused);
    assert!(words.contains("server 0 has no checkpoints"), "{words}");
    let other = Bench::new();
    let output = output_of(start(&mut other.train(&["train.examples=64"], &[])));
    assert!(output.status.success(), "{}", stderr(&output));
    as_if_interrupted(&other);
    let kept = |name: &str| fs::read_to_string(other.path("run").join(name)).unwrap();
    let (job, state) = (kept("job.toml"), kept("state.json"));
    let refused = other.run(&["train", "--resume", "run", "--set", "optimizer.lr=0.3"]);
    assert!(!refused.status.success());
    let words = stderr(&refused);
    assert!(words.contains("optimizer.lr = 0.3 instead of"), "{words}");
    assert_eq!(kept("job.toml"), job, "a refused command changes nothing");
    assert_eq!(kept("state.json"), state);
}

#[test]
fn a_run_that_goes_on_elsewhere_is_left_alone() {
    let bench = Bench::new();
    let sets = ["train.compute=10ms", "cluster.workers=2"];
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    let refused = bench.run(&["train", "--resume", "run"]);
    assert!(!refused.status.success());
    let words = stderr(&refused);
    let expected = format!("goes on in another process ({})", run.id());
    assert!(words.contains(&expected), "{words}");
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(bench.report()["status"], "done");
}
