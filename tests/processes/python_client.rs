//! The client in plain Python (`examples/python/client.py`) as a worker of real servers: alone and
//! beside a Rust worker it does what a Rust worker does, so nothing of the wire is ours alone.
//!
//! It needs an interpreter with numpy and grpcio: the one that `THALWEG_PYTHON` names, or else
//! `python3`. Without one the tests say that they skip.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use thalweg_common::seed::{mix, normal, unit};

use crate::by_hand::listening;
use crate::support::{Bench, json, output_of, start, stderr, stdout};

const ROWS: u64 = 500;
const FEATURES: u64 = 12;
const EPOCHS: u64 = 3;

/// Every run of it with as many workers takes the same steps, up to the rounding of sums.
const JOB: &str = r#"
name = "neutral"
[data]
name = "libsvm"
train = "train.svm"
[optimizer]
name = "sgd"
lr = 0.5
[consistency]
model = "bsp"
aggregation = "round"
[train]
batch_size = 8
epochs = 3
[method]
overlap = "off"
[cluster]
servers = 2
"#;

/// How far the mean losses of two runs may lie apart that differ in nothing but rounding: parameters
/// are f32, with 24 bits, and a few hundred steps are taken.
const ROUNDING: f64 = 1e-5;

#[test]
fn alone_it_trains_as_a_rust_worker_does() {
    let Some(python) = interpreter() else { return };
    let examples = trains_like_rust(&python, 0);
    assert_eq!(examples, ROWS * EPOCHS);
}

#[test]
fn beside_a_rust_worker_it_keeps_the_rounds() {
    let Some(python) = interpreter() else { return };
    let examples = trains_like_rust(&python, 1);
    // Rounds are dealt evenly, so that it did about half.
    let half = ROWS * EPOCHS / 2;
    assert!(half.abs_diff(examples) <= 8 * EPOCHS, "{examples}");
}

#[test]
fn data_of_another_job_are_refused_before_a_session_is_opened() {
    let Some(python) = interpreter() else { return };
    let bench = bench(1);
    let (mut server, address) = listening(&mut server(&bench, "0", &["cluster.servers=1"]));
    fs::write(bench.path("other.svm"), "1 1:0.5\n-1 2:1\n").unwrap();
    let output = output_of(start(&mut client(&bench, &python, &address, "other.svm")));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("found") && text.contains("(rows, features) (2, 2)"),
        "{text}"
    );
    let status = bench.run(&["status", &address, "--json"]);
    let view: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(view["phase"], "joining", "{view}");
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Trains the job on the client and so many Rust workers, and on Rust workers alone; answers the
/// examples that the client did.
fn trains_like_rust(python: &Path, rust_workers: usize) -> u64 {
    let bench = bench(rust_workers + 1);
    let (first, a) = listening(&mut server(&bench, "0", &[]));
    let (second, b) = listening(&mut server(&bench, "1", &[]));
    let both = format!("{a},{b}");
    let watcher = start(&mut bench.command(&["train", "-q", "--out", "run", "--join", &both]));
    let workers: Vec<_> = (0..rust_workers)
        .map(|_| start(&mut bench.command(&["worker", "--join", &both])))
        .collect();
    // In the other order: each server says which it is.
    let turned = format!("{b},{a}");
    let python = output_of(start(&mut client(&bench, python, &turned, "train.svm")));
    assert!(python.status.success(), "{}", stderr(&python));
    for child in workers.into_iter().chain([watcher, first, second]) {
        let output = output_of(child);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let rust = bench.run(&["train", "job.toml", "-q", "--out", "rust"]);
    assert!(rust.status.success(), "{}", stderr(&rust));

    let (mixed, rust) = (bench.report(), json(&bench.path("rust/report.json")));
    for report in [&mixed, &rust] {
        assert_eq!(report["status"], "done");
        assert_eq!(report["examples"], ROWS * EPOCHS);
        let epochs = report["epochs_used"].as_array().unwrap();
        assert_eq!(epochs.len() as u64, EPOCHS);
        assert!(epochs.iter().all(|epoch| epoch["complete"] == true));
    }
    let loss = |report: &Value| report["final"]["train"]["log_loss"].as_f64().unwrap();
    let (found, expected) = (loss(&mixed), loss(&rust));
    assert!(
        (found - expected).abs() < ROUNDING,
        "loss {found} with Python, {expected} without"
    );
    examples_of(&stdout(&python))
}

/// The number in `done: N examples, last loss L`.
fn examples_of(line: &str) -> u64 {
    let number = line
        .strip_prefix("done: ")
        .and_then(|rest| rest.split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("expected `done: N examples`, found {line:?}"))
}

/// A folder with the job for so many workers and its data.
fn bench(workers: usize) -> Bench {
    let bench = Bench::new();
    fs::write(
        bench.path("job.toml"),
        format!("{JOB}workers = {workers}\n"),
    )
    .unwrap();
    fs::write(bench.path("train.svm"), rows()).unwrap();
    bench
}

/// Rows that a logistic regression can learn but not tell apart for certain.
fn rows() -> String {
    let mut text = String::new();
    for row in 0..ROWS {
        let mut score = 0.0;
        let mut features = String::new();
        for feature in
            (0..FEATURES).filter(|feature| mix(row * FEATURES + feature).is_multiple_of(2))
        {
            let value = normal(1.0, mix(mix(row) + feature));
            score += value * normal(1.5, mix(feature));
            write!(features, " {}:{value:.3}", feature + 1).unwrap();
        }
        let is_positive = unit(mix(mix(row) ^ FEATURES)) < 1.0 / (1.0 + f64::exp(-score));
        let label = if is_positive { "+1" } else { "-1" };
        writeln!(text, "{label}{features}").unwrap();
    }
    text
}

fn server(bench: &Bench, index: &str, sets: &[&str]) -> Command {
    let arguments = ["server", "job.toml", "--index", index];
    let mut command = bench.command(&arguments);
    command.args(["--listen", "127.0.0.1:0"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

fn client(bench: &Bench, python: &Path, join: &str, data: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/client.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .args(["--join", join, "--data"])
        .arg(bench.path(data))
        .stdin(Stdio::null());
    command
}

/// An interpreter that can run the client; `None`, with a line that says why, if there is none.
fn interpreter() -> Option<PathBuf> {
    let python = env::var_os("THALWEG_PYTHON").unwrap_or_else(|| "python3".into());
    let tried = Command::new(&python)
        .args(["-c", "import grpc, numpy, tomllib"])
        .stdin(Stdio::null())
        .output();
    let why = match tried {
        Ok(output) if output.status.success() => return Some(python.into()),
        Ok(output) => stderr(&output)
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned(),
        Err(error) => error.to_string(),
    };
    // Past the capture of tests that pass: what was not tested is always seen.
    writeln!(
        io::stderr(),
        "SKIPPED the Python client: {}: {why} (set THALWEG_PYTHON to a Python 3.11 with numpy and grpcio)",
        Path::new(&python).display()
    )
    .expect("stderr can be written");
    None
}
