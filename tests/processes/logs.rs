//! What a log line says of where it comes from: the spans of processes, sessions and iterations.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, output_of, start, stderr};

/// What a server says when it knows whose a stream is.
const SPEAKS: &str = "a session speaks on a stream";

/// Trains a small job with such logs, and returns those of server 0 and of worker 0.
fn logs(format: &str) -> [String; 2] {
    let bench = Bench::new();
    let mut run = bench.train(&["cluster.servers=1", "cluster.workers=1"], &[]);
    run.env("THALWEG_LOG", "info,thalweg_worker=debug")
        .env("THALWEG_LOG_FORMAT", format);
    let output = output_of(start(&mut run));
    assert!(output.status.success(), "{}", stderr(&output));
    ["server-0", "worker-0"].map(|member| {
        let path = bench.path(&format!("run/logs/{member}.log"));
        fs::read_to_string(path).unwrap()
    })
}

#[test]
fn a_line_of_a_log_says_whose_session_and_which_iteration_it_is_of() {
    let [server, worker] = logs("text");
    let of_worker = |line: &&str| {
        line.contains("process{role=\"server\" index=0}:session{session=")
            && line.contains("worker=0 role=\"worker\"}")
    };
    for words in [SPEAKS, "the stream of a session has ended"] {
        let mut lines = server.lines().filter(|line| line.contains(words));
        assert!(lines.any(|line| of_worker(&line)), "{words}: {server}");
    }
    let mut lines = worker
        .lines()
        .filter(|line| line.contains("a gradient is computed"));
    let of_process = "process{role=\"worker\" index=0}:iteration{epoch=0 start=";
    assert!(lines.all(|line| line.contains(of_process)), "{worker}");
    assert!(worker.contains(of_process), "{worker}");
}

#[test]
fn the_same_stands_in_a_log_of_json_as_fields() {
    let [server, _] = logs("json");
    let lines = server.lines().filter(|line| line.starts_with('{'));
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut spoken = events
        .iter()
        .filter(|event| event["fields"]["message"] == SPEAKS);
    let is_of_worker = |event: &Value| {
        let spans = event["spans"].as_array().unwrap();
        let [process, session] = &spans[..] else {
            return false;
        };
        let of_server = process["name"] == "process" && process["role"] == "server";
        let of_session = session["name"] == "session" && session["session"].is_u64();
        let of_worker = session["role"] == "worker" && session["worker"] == 0;
        of_server && process["index"] == 0 && of_session && of_worker
    };
    assert!(spoken.any(is_of_worker), "{server}");
}

#[test]
fn a_format_or_a_level_that_there_is_not_is_one_line() {
    let bench = Bench::new();
    let mut list = bench.command(&["list"]);
    let output = output_of(start(list.env("THALWEG_LOG_FORMAT", "yaml")));
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: THALWEG_LOG_FORMAT: expected `text` or `json`, found `yaml`\n";
    assert_eq!(stderr(&output), expected);
    let mut list = bench.command(&["list"]);
    let output = output_of(start(list.env("THALWEG_LOG", "wran")));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).ends_with("found `wran`\n"),
        "{}",
        stderr(&output)
    );
}
