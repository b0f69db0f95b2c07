//! What ends a job before its last example, with real processes.

use serde_json::Value;

use crate::support::{Bench, output_of, start, stderr, stdout};

/// A job that would go on for a minute, and what its report and its terminal said.
fn stopped(sets: &[&str]) -> (Value, String) {
    let bench = Bench::new();
    let long = [
        "train.epochs=1000",
        "train.compute=2ms",
        "evaluate.every=0.1",
    ];
    let output = output_of(start(&mut bench.train(&[&long[..], sets].concat(), &[])));
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "done");
    assert!(report["cause"].is_null(), "{report}");
    let best = bench.path("run/best.safetensors");
    assert!(best.is_file(), "the best parameters are kept");
    (report, stdout(&output))
}

#[test]
fn a_target_ends_the_job_as_done_and_the_report_says_which() {
    let (report, said) = stopped(&["stop.metric=accuracy", "stop.target=0.6"]);
    let why = report["stopped"].as_str().unwrap();
    assert!(
        why.starts_with("the test accuracy is 0.") && why.ends_with("the target 0.6"),
        "{why}"
    );
    assert!(said.contains(&format!("stopped    {why}")), "{said}");
    assert!(0.6 <= report["best"]["test"]["accuracy"].as_f64().unwrap());
    let curve = report["curve"].as_array().unwrap();
    assert!(curve.len() < 1_000, "it ended long before its last example");
}

#[test]
fn a_gradient_that_is_small_enough_ends_the_job_also_under_bsp() {
    let (report, _) = stopped(&["stop.gradient_norm=0.4", "consistency.model=bsp"]);
    let why = report["stopped"].as_str().unwrap();
    assert!(why.starts_with("the gradient's norm is "), "{why}");
    let last = report["curve"].as_array().unwrap();
    let norms = last
        .iter()
        .filter_map(|point| point["gradient_norm"].as_f64());
    assert!(norms.fold(f64::INFINITY, f64::min) <= 0.4);
}

#[test]
fn time_and_examples_end_a_job_too() {
    let (report, _) = stopped(&["train.seconds=0.5"]);
    assert_eq!(report["stopped"], "[train] seconds = 0.5 are over");
    let (report, _) = stopped(&["train.examples=500"]);
    assert_eq!(
        (&report["examples"], &report["stopped"]),
        (&500.into(), &Value::Null)
    );
}

#[test]
fn a_full_batch_is_every_row_in_one_step() {
    let (report, _) = stopped(&[
        "train.batch_size=full",
        "train.epochs=3",
        "consistency.model=bsp",
    ]);
    assert_eq!(report["examples"], 9_003);
    // Three rounds of four workers are three steps: nothing is staler than 0.
    assert_eq!(report["staleness"]["max"], 0, "{report}");
}

#[test]
fn a_metric_that_the_model_does_not_have_is_refused_before_anything_starts() {
    let bench = Bench::new();
    let output = output_of(start(&mut bench.train(&["stop.metric=rmse"], &[])));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains(
            "[stop] metric = \"rmse\": this model has no such score on these data; it has: loss, log_loss, accuracy"
        ),
        "{said}"
    );
    assert!(!bench.path("run").try_exists().unwrap());
}
