//! `thalweg simulate`: a job in virtual time from the command line, its files, and its mistakes.

use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, SMALL, json, output_of, signal, start, stderr, stdout, wait_for};

/// `thalweg simulate --out run` with the small job's settings.
fn simulate(bench: &Bench, further: &[&str]) -> Command {
    let mut command = bench.command(&["simulate", "--out", "run"]);
    for set in SMALL {
        command.args(["--set", set]);
    }
    command.args(further);
    command
}

/// What a simulation that ends as it should prints, and its report.
fn simulated(further: &[&str]) -> (Bench, Output, Value) {
    let bench = Bench::new();
    let output = simulate(&bench, further).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "done");
    (bench, output, report)
}

fn trace(report: &Value) -> &str {
    report["simulation"]["trace_hash"].as_str().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn a_simulation_leaves_a_run_folder_and_says_what_it_takes_before_it_starts() {
    let (bench, output, report) = simulated(&["--latency", "exponential:2ms", "--loss", "1%"]);
    let (said, told) = (stdout(&output), stderr(&output));
    assert!(
        told.contains("4 workers and 2 servers in virtual time, at most about"),
        "{told}"
    );
    for words in [
        "of virtual time, simulated in",
        "every row exactly once in 1 epoch",
        "workers compute",
        "sent again",
        trace(&report),
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    for file in [
        "job.toml",
        "state.json",
        "report.json",
        "report.html",
        "curves.svg",
        "parameters.safetensors",
    ] {
        let size = bench.path("run").join(file).metadata().unwrap().len();
        assert!(0 < size, "{file}");
    }
    assert_eq!(json(&bench.path("run/state.json"))["state"], "done");
    assert_eq!(report["examples"], 3_001);
    let simulation = &report["simulation"];
    assert!(number(&report["train_seconds"]) <= number(&simulation["virtual_seconds"]));
    assert_eq!(simulation["compute"], "1ms");
    assert_eq!(simulation["serve"], "20us");
    assert!(0 < simulation["usage"]["retransmissions"].as_u64().unwrap());
}

#[test]
fn the_same_seed_prints_the_same_hash_and_another_seed_another() {
    let flags = [
        "-q",
        "--latency",
        "lognormal:2ms:0.5",
        "--straggler",
        "any:5x:10%",
    ];
    let hash = |further: &[&str]| {
        let (_, _, report) = simulated(&[&flags, further].concat());
        trace(&report).to_owned()
    };
    let first = hash(&[]);
    assert_eq!(hash(&[]), first);
    assert_ne!(hash(&["--set", "seed=2"]), first);
    assert_ne!(hash(&["--set", "optimizer.lr=0.10000001"]), first);
    assert_ne!(hash(&["--workers", "5"]), first);
}

#[test]
fn a_simulation_counts_the_bytes_of_real_processes() {
    let real = Bench::new();
    let output = output_of(start(&mut real.train(&[], &[])));
    assert!(output.status.success(), "{}", stderr(&output));
    let real = real.report();
    let (_, _, simulated) = simulated(&["-q", "--latency", "1ms"]);
    for key in ["bytes_pushed", "bytes_pulled"] {
        let (found, expected) = (number(&simulated[key]), number(&real[key]));
        assert!(
            (found / expected - 1.0).abs() < 0.05,
            "{key}: {found} simulated, {expected} at sockets"
        );
    }
}

#[test]
fn a_killed_worker_is_named_and_the_books_are_whole() {
    let (_, output, report) = simulated(&["-q", "--kill", "worker:1@0.05s"]);
    let lost = report["lost_workers"].as_array().unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0]["worker"], 1);
    assert!(lost[0]["why"].as_str().unwrap().contains("killed"));
    assert_eq!(report["epochs_used"][0]["complete"], true);
    assert!(stdout(&output).contains("lost       worker 1"));
}

#[test]
fn a_worker_that_comes_late_trains_and_one_that_comes_too_late_does_not() {
    let (_, _, report) = simulated(&["-q", "--join-late", "worker:2@0.05s"]);
    let late = &report["per_worker"][2];
    let first = &report["per_worker"][0];
    assert!(0.0 < number(&late["examples"]));
    assert!(number(&late["examples"]) < number(&first["examples"]));
    let (_, _, report) = simulated(&["-q", "--join-late", "worker:2@60s"]);
    assert_eq!(report["per_worker"][2]["examples"], 0);
    // Who was never there has no time that it could have used.
    assert!(0.5 < number(&report["simulation"]["usage"]["computing"]));
}

#[test]
fn a_stop_rule_ends_a_simulated_job_early() {
    let (_, output, report) = simulated(&[
        "-q",
        "--set",
        "stop.target=0.68",
        "--set",
        "evaluate.every=0.1",
    ]);
    assert!(number(&report["examples"]) < 2_500.0);
    let why = report["stopped"].as_str().unwrap();
    assert!(why.contains("target 0.68"), "{why}");
    assert!(stdout(&output).contains("stopped    the test loss"));
}

#[test]
fn a_slow_server_is_seen_in_the_report() {
    let usage = |further: &[&str]| {
        let (_, output, report) = simulated(&[&["-q"], further].concat());
        (report["simulation"]["usage"].clone(), stdout(&output))
    };
    let (even, _) = usage(&[]);
    let (slow, said) = usage(&["--slow-server", "1:10x"]);
    assert_eq!(slow["busiest_server"], 1);
    let (busiest, mean) = (number(&slow["busiest_serving"]), number(&slow["serving"]));
    assert!(1.5 * mean < busiest, "{busiest}, {mean}");
    assert!(number(&even["busiest_serving"]) < 0.5 * busiest);
    assert!(said.contains("(server 1 "), "{said}");
}

#[test]
fn who_waits_for_whom_is_told() {
    let flags = [
        "-q",
        "--json",
        "--straggler",
        "2:10x",
        "--method",
        "synchronous",
    ];
    let (_, output, report) = simulated(&flags);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, report);
    let waits = report["simulation"]["waits"].as_array().unwrap();
    let others: Vec<_> = waits.iter().filter(|wait| wait["worker"] != 2).collect();
    assert_eq!(others.len(), 3);
    for wait in others {
        assert_eq!(wait["on"], 2, "{wait}");
        assert!(number(&wait["longest_seconds"]) <= number(&wait["seconds"]));
    }
    let usage = &report["simulation"]["usage"];
    let (computing, at_gates) = (number(&usage["computing"]), number(&usage["at_gates"]));
    assert!(0.5 < at_gates && computing + at_gates <= 1.0, "{usage}");
}

#[test]
fn a_server_that_is_killed_fails_the_run_with_its_name() {
    let bench = Bench::new();
    let output = simulate(&bench, &["-q", "--kill", "server:1@0.05s"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("server 1 was killed after 50ms of virtual time"),
        "{told}"
    );
    assert_eq!(json(&bench.path("run/state.json"))["state"], "failed");
}

#[test]
fn a_real_run_is_recorded_and_played_again_with_more_workers_and_another_latency() {
    let bench = Bench::new();
    let mut train = bench.train(&["cluster.workers=2"], &["--record", "real.jsonl"]);
    let output = output_of(start(&mut train));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!bench.path("run/records").try_exists().unwrap());
    let text = std::fs::read_to_string(bench.path("real.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["workers"], 2);
    assert_eq!(lines[0]["fingerprint"], bench.report()["fingerprint"]);
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    // 3,001 rows in batches of 8 and less; each is pushed to 2 servers.
    assert!(375 < of("gradient"), "{}", of("gradient"));
    assert!(2 * 375 < of("request"), "{}", of("request"));
    let replay = |further: &[&str]| {
        let path = bench.path("real.jsonl");
        let path = path.to_str().unwrap().to_owned();
        simulated(&[&["--replay", &path], further].concat())
    };
    let (_, output, first) = replay(&["--workers", "2"]);
    assert!(
        stderr(&output).contains("take what they took in job steady on 2 workers and 2 servers"),
        "{}",
        stderr(&output)
    );
    assert_eq!(first["simulation"]["compute"], "as recorded");
    let (_, _, again) = replay(&["--workers", "2"]);
    assert_eq!(trace(&first), trace(&again));
    let (_, _, more) = replay(&["--workers", "40", "--latency", "80ms"]);
    assert_eq!(more["workers"], 40);
    assert!(0.16 < number(&more["train_seconds"]));
    let (_, _, own) = replay(&["--workers", "2", "--compute", "5ms"]);
    assert_eq!(own["simulation"]["compute"], "5ms");
}

/// Commands that are refused, and what is said.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "simulate --method hogwild",
        &["`method.name` = \"hogwild\"", "thalweg train"],
    ),
    (
        "simulate --data rows.csv --stream --test rows.csv",
        &["stream"],
    ),
    (
        "simulate --straggler 7:10x",
        &["`7:10x` names worker 7", "workers 0 to 3"],
    ),
    (
        "simulate --slow-server 2:10x",
        &["`2:10x` names server 2", "servers 0 to 1"],
    ),
    (
        "simulate --kill worker:4@1s",
        &["`worker:4@1s` names worker 4"],
    ),
    (
        "simulate --kill server:2@1s",
        &["`server:2@1s` names server 2"],
    ),
    ("simulate --join-late server:1@1s", &["name a worker"]),
    (
        "simulate --latency gamma:1ms",
        &["`gamma:1ms` is no delay", "pareto:20ms:2.5"],
    ),
    (
        "simulate --bandwidth 100",
        &["`100` is no bandwidth", "100mbit"],
    ),
    ("simulate --loss 200%", &["`200%` is no share", "1%"]),
    (
        "simulate --straggler 1:fast",
        &["`1:fast` is no straggler", "rotating:10x:5s"],
    ),
    (
        "simulate --kill worker:1",
        &["`worker:1` is no fault", "@TIME"],
    ),
    ("simulate --workers 0", &["--workers", "0 is not in 1"]),
    (
        "simulate steady --workers 100000 --method easgd --set data.features=4000000000",
        &["100000 workers", "available", "simulate fewer workers"],
    ),
    (
        "simulate --replay nowhere.jsonl",
        &["cannot read the recording nowhere.jsonl"],
    ),
    (
        "simulate --replay no.jsonl",
        &["no.jsonl:1", "thalweg train --record"],
    ),
    (
        "train --method hogwild --record r.jsonl",
        &["--record cannot go with"],
    ),
    ("train --record nowhere/r.jsonl", &["nowhere/r.jsonl"]),
];

#[test]
fn ctrl_c_ends_a_simulation_with_what_there_is_by_then() {
    let bench = Bench::new();
    let mut command = simulate(&bench, &["--set", "train.epochs=100000"]);
    let run = start(&mut command);
    // A simulation listens before it makes its folder.
    wait_for("a run folder", || bench.path("run/job.toml").is_file());
    signal(i32::try_from(run.id()).unwrap(), Signal::SIGINT);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "interrupted");
    let cause = report["cause"].as_str().unwrap();
    assert!(cause.starts_with("interrupted after "), "{cause}");
    assert!(bench.path("run/parameters.safetensors").is_file());
}

#[test]
fn what_is_asked_for_too_late_is_told_and_did_not_happen() {
    let (_, output, report) = simulated(&["--kill", "worker:1@2h", "--slow-server", "1:2x"]);
    let note = "note: worker:1@2h did not happen: the job had ended before";
    assert!(stderr(&output).contains(note), "{}", stderr(&output));
    assert_eq!(report["conditions"]["slow_servers"][0], "1:2x");
    let line = "conditions kill worker:1@2h, slow server 1:2x";
    assert!(stdout(&output).contains(line), "{}", stdout(&output));
}

#[test]
fn what_cannot_be_simulated_is_refused_in_one_line_and_leaves_nothing() {
    let bench = Bench::new();
    std::fs::write(bench.path("rows.csv"), "a,label\n1,0\n2,1\n3,0\n4,1\n").unwrap();
    std::fs::write(bench.path("no.jsonl"), "{}\n").unwrap();
    for (arguments, words) in REFUSED {
        let words_of: Vec<&str> = arguments.split(' ').collect();
        let output = bench.run(&words_of);
        let told = stderr(&output);
        assert!(!output.status.success(), "{arguments}");
        assert!(!told.contains("panicked"), "{told}");
        for word in *words {
            assert!(told.contains(word), "{arguments}: no `{word}` in {told}");
        }
        let errors = told.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(errors.count(), 1, "{told}");
        assert!(!bench.path("runs").try_exists().unwrap(), "{arguments}");
    }
}
