//! `thalweg compare`: methods side by side.

use serde_json::Value;

use crate::support::{Bench, SMALL, stderr};

fn compare(bench: &Bench, further: &[&str]) -> std::process::Output {
    let mut command = bench.command(&["compare", "-q", "--json"]);
    for set in SMALL {
        command.args(["--set", set]);
    }
    command.args(["--set", "cluster.workers=2", "--set", "cluster.servers=2"]);
    command.args(further).output().unwrap()
}

fn json(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn methods_are_compared_at_their_best_rates_and_refused_ones_are_listed() {
    let bench = Bench::new();
    let arguments = [
        "--simulate",
        "--methods",
        "synchronous,downpour,easgd,hogwild",
        "--latencies",
        "0ms,20ms",
        "--straggler",
        "1:4x",
    ];
    let first = json(&compare(
        &bench,
        &[&arguments[..], &["--out", "first"]].concat(),
    ));
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|entry| entry["method"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&first["methods"]),
        ["synchronous", "downpour", "easgd"]
    );
    assert_eq!(names(&first["refused"]), ["hogwild"]);
    assert_eq!(first["places"][1]["latency"], "20ms");
    for method in first["methods"].as_array().unwrap() {
        for at in method["at"].as_array().unwrap() {
            let (tuned, untuned) = (&at["tuned"], &at["untuned"]);
            let loss = tuned["loss"].as_f64().unwrap();
            assert!(loss < 0.69, "{method}");
            assert!(
                loss <= untuned["loss"].as_f64().unwrap_or(f64::INFINITY),
                "{method}"
            );
            assert_eq!(untuned["lr"], method["undelayed_lr"]);
        }
    }
    // With one worker and no delay, rounds are the steps of one thread.
    let plain = first["plain"]["loss"].as_f64().unwrap();
    let alone = first["methods"][0]["undelayed_loss"].as_f64().unwrap();
    assert!((plain / alone - 1.0).abs() < 1e-6, "{plain} beside {alone}");
    // Whoever waits for a straggler over a slow link takes longer than who does not.
    let seconds = |method: usize| first["methods"][method]["at"][1]["tuned"]["seconds"].as_f64();
    assert!(seconds(1).unwrap() < seconds(0).unwrap());

    let again = json(&compare(
        &bench,
        &[&arguments[..], &["--out", "again"]].concat(),
    ));
    let timeless = |mut value: Value| {
        value.as_object_mut().unwrap().remove("seconds");
        value
    };
    assert_eq!(timeless(first), timeless(again));
    let page = std::fs::read_to_string(bench.path("first/report.html")).unwrap();
    for word in ["<svg", "one thread, no network", "hogwild", "loss there"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(
        !page
            .replace("http://www.w3.org/2000/svg", "")
            .contains("http")
    );
    for plot in ["loss-time-1.svg", "loss-bytes-0.svg", "delay-untuned.svg"] {
        assert!(bench.path("first").join(plot).is_file(), "{plot}");
    }
}

#[test]
fn final_runs_are_processes_unless_all_is_to_be_simulated() {
    let bench = Bench::new();
    let found = json(&compare(
        &bench,
        &["--methods", "downpour", "--out", "real"],
    ));
    assert_eq!(found["simulated"], false);
    let tuned = &found["methods"][0]["at"][0]["tuned"];
    assert!(tuned["loss"].as_f64().unwrap() < 0.69);
    let own = std::fs::read_to_string(bench.path("real/downpour-0-tuned/report.json")).unwrap();
    let own: Value = serde_json::from_str(&own).unwrap();
    assert_eq!(own["train_seconds"], tuned["seconds"]);
    assert_eq!(own["final"]["test"]["loss"], tuned["loss"]);
}

/// The Python that has torch, if one does; says loudly that there is none.
#[expect(clippy::print_stderr, reason = "a test that does not run says why")]
fn torch() -> Option<String> {
    let python = std::env::var("THALWEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut asked = std::process::Command::new(&python);
    asked.args(["-c", "import torch.distributed"]);
    let has = asked.output().is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: `{python}` has no torch; THALWEG_PYTHON names one that has");
    }
    has.then_some(python)
}

#[test]
fn a_python_without_torch_is_a_refused_row_and_takes_nothing_else_along() {
    let bench = Bench::new();
    let arguments = ["--methods", "synchronous", "--python", "no-such-python"];
    let found = json(&compare(&bench, &arguments));
    assert_eq!(found["peers"], Value::Array(vec![]));
    assert_eq!(found["refused"][0]["method"], "torch DDP, gloo");
    let why = found["refused"][0]["why"].as_str().unwrap();
    assert!(why.contains("`no-such-python` cannot be started"), "{why}");
    assert!(found["methods"][0]["at"][0]["tuned"]["loss"].is_f64());
    let without = json(&compare(
        &bench,
        &["--methods", "synchronous", "--no-peers"],
    ));
    assert_eq!(without["refused"], Value::Array(vec![]));
}

#[test]
fn torch_on_the_same_rows_comes_to_the_same_loss() {
    let Some(python) = torch() else {
        return;
    };
    let bench = Bench::new();
    let arguments = ["--methods", "synchronous,local_sgd", "--python", &python];
    let further = ["--set", "model.name=mlp", "--set", "model.hidden=[8]"];
    let found = json(&compare(&bench, &[&arguments[..], &further].concat()));
    for (place, peer) in ["torch DDP, gloo", "torch local SGD, gloo"]
        .iter()
        .enumerate()
    {
        assert_eq!(found["peers"][place]["peer"], *peer);
        let loss = |run: &Value| run["loss"].as_f64().unwrap();
        let theirs = loss(&found["peers"][place]["at"][0]);
        let ours = loss(&found["methods"][place]["at"][0]["tuned"]);
        assert!(
            (theirs / ours - 1.0).abs() < 0.01,
            "{peer}: {theirs} beside {ours}"
        );
    }
}

#[test]
fn a_method_that_fails_is_not_said_to_diverge_and_no_other_rate_is_tried() {
    let arguments = ["--simulate", "--methods", "synchronous,downpour", "--kill"];
    let arguments = [&arguments[..], &["worker:0@10ms", "--out", "x"]].concat();
    let found = json(&compare(&Bench::new(), &arguments));
    let [rounds, free] = [0, 1].map(|method| &found["methods"][method]["at"][0]["tuned"]);
    assert_eq!(rounds["diverged"], false);
    assert_eq!(rounds["failed"], "worker 0 failed: its process was killed");
    assert_eq!(
        (&free["failed"], &free["diverged"]),
        (&Value::Null, &false.into())
    );
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    for (arguments, words) in [
        (&["--methods", "sgdd"][..], "sgdd"),
        (
            &["--methods", "hogwild"],
            "no method is left to compare: hogwild (it runs on threads",
        ),
        (
            &["--straggler", "7:2x"],
            "`7:2x` names worker 7, but the job has workers 0 to 1",
        ),
        (&["--latencies", "fast"], "is no delay"),
        (&["--latencies", "-5ms"], "`-5ms` is no length of time"),
        (&["--methods", ""], "--methods names no method"),
        (&["--methods", ","], "--methods names no method"),
        (
            &["--kill", "server:0@1s"],
            "--kill server:0@1s: no job goes on without one of its servers",
        ),
        (&["--workers", "0"], "0"),
    ] {
        let bench = Bench::new();
        let output = compare(&bench, &[arguments, &["--simulate", "--out", "x"]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!bench.path("x").try_exists().unwrap(), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(said.lines().count() <= 4, "{said}");
    }
}
