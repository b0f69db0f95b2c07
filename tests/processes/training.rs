//! A job on separate processes: done, every row once, bytes those of the sockets, bits those of
//! virtual time.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use thalweg::job::{REGISTRIES, draft_with, resolve};
use thalweg::simulate::{Physics, Simulation};

use crate::support::{Bench, SMALL, json, output_of, start, stderr, stdout};

fn parameters(path: &Path) -> Vec<u32> {
    let bytes = std::fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut bits = Vec::new();
    for name in ["weight", "bias"] {
        let data = tensors.tensor(name).unwrap().data().to_vec();
        bits.extend(
            data.as_chunks::<4>()
                .0
                .iter()
                .map(|value| u32::from_le_bytes(*value)),
        );
    }
    bits
}

fn simulated(sets: &[&str]) -> Vec<u32> {
    let sets: Vec<String> = SMALL
        .iter()
        .chain(sets)
        .map(|set| (*set).to_owned())
        .collect();
    let (draft, _) = draft_with(None, &sets).unwrap();
    let job = resolve(draft.check(&REGISTRIES).unwrap(), Path::new(".")).unwrap();
    let physics = Physics::constant(Duration::from_millis(1), Duration::ZERO);
    let history = Simulation::new(&job, physics).unwrap().run().unwrap();
    history.parameters.iter().map(|x| x.to_bits()).collect()
}

fn train(sets: &[&str], further: &[&str]) -> (Bench, Value) {
    let bench = Bench::new();
    let output = output_of(start(&mut bench.train(sets, further)));
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "done");
    (bench, report)
}

#[test]
fn a_job_is_done_and_leaves_a_whole_run_folder() {
    let bench = Bench::new();
    let more = bench.path("copy.json");
    let output = output_of(start(&mut bench.train(
        &["train.epochs=2", "evaluate.every=0.5"],
        &[
            "--servers",
            "2",
            "--workers",
            "3",
            "--report",
            more.to_str().unwrap(),
        ],
    )));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("every row exactly once"),
        "{}",
        stdout(&output)
    );
    let report = bench.report();
    assert_eq!(report, json(&more));
    assert_eq!(report["examples"], 6_002);
    for epoch in report["epochs_used"].as_array().unwrap() {
        assert_eq!(epoch["complete"], true, "{epoch}");
    }
    assert_eq!(report["per_worker"].as_array().unwrap().len(), 3);
    assert!(report["final"]["test"]["log_loss"].as_f64().unwrap() < 0.69);
    assert!(!report["curve"].as_array().unwrap().is_empty());
    for file in [
        "job.toml",
        "metrics.jsonl",
        "parameters.safetensors",
        "processes.json",
        "state.json",
        "logs",
    ] {
        assert!(bench.path("run").join(file).metadata().is_ok(), "{file}");
    }
    for server in ["server-0.log", "server-1.log"] {
        let log = bench.path("run/logs").join(server);
        assert_eq!(std::fs::read_to_string(log).unwrap(), "", "{server}");
    }
}

#[test]
fn a_job_that_diverges_says_so_and_its_report_can_be_read() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("real.svm"),
        "1 1:1e30\n2 1:2e30 2:1\n3 2:1e30\n4 1:3e30\n".repeat(50),
    )
    .unwrap();
    let mut command = bench.command(&["train", "-q", "--out", "run"]);
    for set in [
        "data.name=libsvm",
        "data.train=real.svm",
        "data.task=real",
        "model.name=linear_regression",
        "optimizer.name=sgd",
        "optimizer.lr=1.0",
        "train.batch_size=4",
        "train.non_finite=propagate",
    ] {
        command.args(["--set", set]);
    }
    let output = output_of(start(&mut command));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("job real: diverged: the training loss is no finite number since"),
        "{}",
        stdout(&output)
    );
    let report = bench.report();
    assert_eq!(report["status"], "diverged");
    assert_eq!(report["divergence"]["what"], "train_loss");
    assert!(report["divergence"]["since_epoch"].is_number());
    assert!(report["final"]["train"]["loss"].is_null());
    assert!(report["cause"].as_str().unwrap().contains("lr below 1"));
    let state = json(&bench.path("run/state.json"));
    assert_eq!(state["state"], "diverged");
}

#[test]
fn byte_counters_are_those_of_the_sockets() {
    let (_bench, report) = train(&["train.batch_size=32", "train.epochs=4"], &[]);
    let number = |value: &Value| value.as_f64().unwrap();
    let workers = report["per_worker"].as_array().unwrap();
    let at_workers: f64 = workers
        .iter()
        .map(|w| number(&w["bytes_sent"]) + number(&w["bytes_received"]))
        .sum();
    let counted = number(&report["bytes_pushed"]) + number(&report["bytes_pulled"]);
    let socket = number(&report["socket"]["sent"]) + number(&report["socket"]["received"]);
    assert!(
        (counted / at_workers - 1.0).abs() < 0.02,
        "{counted} counted, {at_workers} at sockets"
    );
    assert!(at_workers < socket, "the observer's bytes are on top");
}

#[test]
fn processes_give_the_bits_of_virtual_time() {
    for sets in [
        &[
            "cluster.workers=1",
            "cluster.servers=3",
            "method.overlap=off",
        ][..],
        &[
            "cluster.workers=3",
            "cluster.servers=2",
            "consistency.model=bsp",
        ],
        &[
            "cluster.workers=1",
            "optimizer.name=adagrad",
            "regularizer.l2=0.01",
            "method.overlap=off",
        ],
        &[
            "cluster.workers=3",
            "cluster.servers=2",
            "method.name=local_sgd",
            "method.push_format=int8",
        ],
        &[
            "cluster.workers=1",
            "method.name=easgd",
            "method.push_format=bf16",
            "method.overlap=off",
        ],
        // What is judged and saved is an average, not the point where gradients are taken.
        &[
            "cluster.workers=1",
            "optimizer.name=asgd",
            "optimizer.t0=10",
            "method.overlap=off",
        ],
    ] {
        let (bench, _) = train(sets, &[]);
        assert_eq!(
            parameters(&bench.path("run/parameters.safetensors")),
            simulated(sets),
            "{sets:?}"
        );
    }
}

#[test]
fn the_gradient_of_every_shipped_jobs_model_is_found_right() {
    for job in ["flights", "steady"] {
        let output = Bench::new().run(&["check", job, "--gradient", "--rows", "16"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        assert_eq!(text.matches("  right  ").count(), 2, "{text}");
    }
}
