//! Data that come through a pipe: whole, or as a stream that is trained on while it flows.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{Bench, json, stderr};

/// Rows that a straight line tells apart, as CSV.
fn table(rows: usize) -> String {
    let mut text = "x,z,y\n".to_owned();
    for row in 0..rows {
        let label = row % 2;
        writeln!(text, "{},{},{label}", label * 3 + row % 3, row % 7).unwrap();
    }
    text
}

/// Runs the binary with this text on standard input.
fn piped(bench: &Bench, text: &str, arguments: &[&str]) -> Output {
    let mut child = bench
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A command that refuses its arguments reads nothing.
    pipe.write_all(text.as_bytes()).ok();
    drop(pipe);
    child.wait_with_output().unwrap()
}

const TRAIN: [&str; 6] = ["train", "-q", "--out", "run", "--data", "-"];

#[test]
fn what_comes_through_a_pipe_trains_as_a_file_does() {
    let bench = Bench::new();
    let text = table(900);
    let output = piped(&bench, &text, &TRAIN);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(
        (&report["rows"], &report["status"]),
        (&900.into(), &"done".into())
    );
    assert!(report["final"]["train"]["accuracy"].as_f64().unwrap() > 0.9);
    assert_eq!(
        fs::read_to_string(bench.path("run/input/train")).unwrap(),
        text
    );
    let again = bench.run(&["train", "-q", "--out", "again", "run/job.toml"]);
    assert!(again.status.success(), "{}", stderr(&again));
}

#[test]
fn a_stream_is_trained_on_once_as_it_comes_and_leaves_no_segment_behind() {
    let bench = Bench::new();
    let stream = ["--stream", "--set", "data.window=250"];
    let output = piped(&bench, &table(6_100), &[&TRAIN[..], &stream].concat());
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("the stream has ended after 6,100 rows"),
        "{said}"
    );
    let report = bench.report();
    assert_eq!(
        (&report["examples"], &report["rows"]),
        (&6_100.into(), &250.into())
    );
    let windows = report["epochs_used"].as_array().unwrap();
    let whole = |window: &&Value| window["complete"] == true;
    assert_eq!(
        (windows.len(), windows.iter().filter(whole).count()),
        (25, 25)
    );
    let left = fs::read_dir(bench.path("run/stream")).unwrap();
    assert_eq!(
        left.map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>(),
        ["head"]
    );
    fs::write(bench.path("test.csv"), table(100)).unwrap();
    let judged = bench.run(&["evaluate", "run", "--data", "test.csv", "--json"]);
    assert!(judged.status.success(), "{}", stderr(&judged));
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert!(
        judged["scores"]["accuracy"].as_f64().unwrap() > 0.9,
        "{judged}"
    );
}

#[test]
fn a_stream_that_cannot_go_on_ends_the_job_with_the_place() {
    let bench = Bench::new();
    let stream = ["--stream", "--set", "data.window=250"];
    let text = format!("{}1,2\n", table(30_000));
    let output = piped(&bench, &text, &[&TRAIN[..], &stream].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = json(&bench.path("run/report.json"));
    let cause = report["cause"].as_str().unwrap();
    assert!(cause.contains("standard input:30002:"), "{cause}");
    assert_eq!(report["examples"], 30_000, "what came before is trained on");
    let held = ["--stream", "--batch-size", "20000", "--out", "held"];
    let output = piped(
        &bench,
        &table(2_000),
        &[&["train", "-q", "--data", "-"], &held[..]].concat(),
    );
    let said = stderr(&output);
    assert!(
        said.contains("ahead_rows: expected at least 160000"),
        "{said}"
    );
    let short = ["train", "-q", "--out", "short", "--data", "-", "--stream"];
    let output = piped(&bench, &table(20), &short);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("expected at least 1000 rows") && said.contains("found 21 lines"),
        "{said}"
    );
}

#[test]
fn workers_that_have_no_data_take_the_rows_from_server_0() {
    let bench = Bench::new();
    let elsewhere = Bench::new();
    fs::write(bench.path("a.csv"), table(3_000)).unwrap();
    let own = ["--data", "a.csv", "--holdout", "0.2", "--workers", "2"];
    let train = ["train", "-q", "--out", "run", "--data-from-server"];
    let output = bench.run(&[&train[..], &own].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["epochs_used"][0]["complete"], true, "{report}");
    for worker in ["worker-0", "worker-1"] {
        let log = fs::read_to_string(bench.path(&format!("run/logs/{worker}.log"))).unwrap();
        assert!(log.contains("of training rows from server 0"), "{log}");
    }
    // By hand, in a folder where the file is not.
    let listen = ["server", "run/job.toml", "--listen", "127.0.0.1:0"];
    let one = ["--set", "cluster.servers=1", "--set", "cluster.workers=1"];
    let mut server = bench
        .command(&[&listen[..], &one].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    let without = elsewhere.run(&["worker", "--join", &address]);
    assert_eq!(without.status.code(), Some(1));
    assert!(stderr(&without).contains("a.csv"), "{}", stderr(&without));
    let with = elsewhere.run(&["worker", "--join", &address, "--data-from-server"]);
    assert!(with.status.success(), "{}", stderr(&with));
    server.kill().unwrap();
    server.wait().unwrap();
}
