//! Processes started by hand, as on several hosts: servers, workers, a watcher.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use crate::support::{Bench, SMALL, output_of, start, stderr, stdout, wait_for};

/// Starts a server and returns its address.
pub(crate) fn server(bench: &Bench, index: &str, sets: &[&str]) -> (Child, String) {
    let mut command = bench.command(&["server", "--index", index, "--listen", "127.0.0.1:0"]);
    for set in SMALL.iter().chain(sets) {
        command.args(["--set", set]);
    }
    listening(&mut command)
}

/// Starts the command of a server and returns its address.
pub(crate) fn listening(command: &mut Command) -> (Child, String) {
    let mut child = start(command);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim().rsplit(' ').next().unwrap().to_owned())
}

#[test]
fn servers_workers_and_a_watcher_find_each_other_and_end_by_themselves() {
    let bench = Bench::new();
    let sets = [
        "cluster.workers=2",
        "train.compute=2ms",
        "limits.linger_seconds=20",
    ];
    let (first, a) = server(&bench, "0", &sets);
    let (second, b) = server(&bench, "1", &sets);
    let both = format!("{a},{b}");
    let status = bench.run(&["status", &both]);
    assert!(
        stdout(&status).contains("joining"),
        "{}{}",
        stdout(&status),
        stderr(&status)
    );
    let wrong = bench.run(&["worker", "--join", &a, "--patience", "2"]);
    assert!(!wrong.status.success(), "one of two servers is not enough");
    assert!(stderr(&wrong).contains('2'), "{}", stderr(&wrong));
    let watcher = start(&mut bench.command(&["train", "-q", "--out", "run", "--join", &both]));
    let workers: Vec<_> = (0..2)
        .map(|_| start(&mut bench.command(&["worker", "--join", &both])))
        .collect();
    for worker in workers {
        let output = output_of(worker);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let watched = output_of(watcher);
    assert!(watched.status.success(), "{}", stderr(&watched));
    assert_eq!(bench.report()["status"], "done");
    for server in [first, second] {
        let output = output_of(server);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn status_says_who_waits_for_whom() {
    let bench = Bench::new();
    let slow = [
        "train.compute=300ms",
        "consistency.model=bsp",
        "cluster.workers=2",
    ];
    let mut run = start(&mut bench.train(&slow, &[]));
    let addresses = bench.addresses();
    bench.wait_until_training();
    let json = bench.run(&["status", &addresses, "--json"]);
    assert!(json.status.success(), "{}", stderr(&json));
    let view: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(view["workers"].as_array().unwrap().len(), 2);
    let text = bench.run(&["status", &addresses]);
    assert!(stdout(&text).contains("training"), "{}", stdout(&text));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn a_server_that_is_started_anew_ends_the_job_for_everybody() {
    let bench = Bench::new();
    let sets = [
        "cluster.workers=2",
        "train.compute=50ms",
        "train.epochs=50",
        "limits.lease_seconds=2",
        "limits.heartbeat_seconds=0.5",
        "limits.linger_seconds=1",
    ];
    let (first, a) = server(&bench, "0", &sets);
    let (mut second, b) = server(&bench, "1", &sets);
    let both = format!("{a},{b}");
    let old = start(&mut bench.command(&["worker", "--join", &both]));
    wait_for("a first example", || {
        let status = bench.run(&["status", &both, "--json"]);
        let view: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        view["progress"].as_u64() > Some(0)
    });
    second.kill().unwrap();
    second.wait().unwrap();
    let (mut anew, c) = server(&bench, "1", &sets);
    let new = start(&mut bench.command(&["worker", "--join", &format!("{a},{c}")]));
    for child in [new, old, first] {
        let output = output_of(child);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("server 1 was started anew"), "{text}");
    }
    anew.kill().unwrap();
    anew.wait().unwrap();
}
