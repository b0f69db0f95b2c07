//! Running the binary, and small jobs for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A small job on the steady stream.
pub(crate) const SMALL: &[&str] = &[
    "data.name=steady",
    "data.rows=3001",
    "data.test_rows=500",
    "data.features=300",
    "data.nonzeros=7",
    "optimizer.name=sgd",
    "optimizer.lr=0.1",
    "train.batch_size=8",
    "train.epochs=1",
];

/// How long anything here may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, in a folder of its own.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `thalweg train -q --out run` with the small job's settings and `sets` after them.
    pub(crate) fn train(&self, sets: &[&str], further: &[&str]) -> Command {
        let mut command = self.command(&["train", "-q", "--out", "run"]);
        for set in SMALL.iter().chain(sets) {
            command.args(["--set", set]);
        }
        command.args(further);
        command
    }

    pub(crate) fn report(&self) -> Value {
        json(&self.path("run/report.json"))
    }

    /// The process id of a role, once the run has started it.
    pub(crate) fn pid(&self, role: &str, index: u64) -> i32 {
        let path = self.path("run/processes.json");
        wait_for("processes.json", || path.is_file());
        let processes = json(&path);
        let is_it = |p: &&Value| p["role"] == role && p["index"] == index;
        let process = processes.as_array().unwrap().iter().find(is_it).unwrap();
        i32::try_from(process["pid"].as_i64().unwrap()).unwrap()
    }

    /// The address of server 0, once the run has started it.
    pub(crate) fn addresses(&self) -> String {
        let path = self.path("run/processes.json");
        wait_for("processes.json", || path.is_file());
        let processes = json(&path);
        let addresses = processes
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|p| p["address"].as_str());
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Waits until the run's metrics show that examples are being committed.
    pub(crate) fn wait_until_training(&self) {
        let path = self.path("run/metrics.jsonl");
        wait_for("training", || {
            std::fs::read_to_string(&path)
                .unwrap_or_default()
                .lines()
                .any(|line| {
                    serde_json::from_str::<Value>(line)
                        .is_ok_and(|line| line["examples"].as_u64().is_some_and(|n| n > 0))
                })
        });
    }
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test of real processes waits for them"
)]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what} did not come within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The output of a child that must end by itself within [`PATIENCE`].
pub(crate) fn output_of(mut child: Child) -> Output {
    wait_for("the end of the process", || {
        child.try_wait().unwrap().is_some()
    });
    child.wait_with_output().unwrap()
}

/// Starts a command with its output kept.
pub(crate) fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn signal(pid: i32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}
