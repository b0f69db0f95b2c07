//! `thalweg proxy` between processes that were started by hand, and acknowledgements that get lost: every
//! part is applied exactly once.

use std::process::Child;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::by_hand::{listening, server};
use crate::support::{Bench, output_of, signal, start, stderr, stdout};

/// One worker whose every step waits for the one before it, so that a run has one history.
const ONE_HISTORY: &[&str] = &[
    "cluster.servers=2",
    "cluster.workers=1",
    "data.rows=800",
    "data.features=24",
    "data.nonzeros=12",
    "method.overlap=off",
    "limits.gate_wait_seconds=0.1",
    "limits.request_seconds=0.2",
    "limits.linger_seconds=20",
];

fn ctrl_c(child: Child) -> String {
    signal(i32::try_from(child.id()).unwrap(), Signal::SIGINT);
    let output = output_of(child);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// Runs servers, a watcher and workers with `further` arguments, each of which goes through what `between`
/// makes of the servers' addresses; answers with the report.
fn run(
    bench: &Bench,
    sets: &[&str],
    (workers, further): (u32, &[&str]),
    between: impl FnOnce(&[String]) -> Vec<String>,
) -> Value {
    let (first, a) = server(bench, "0", sets);
    let (second, b) = server(bench, "1", sets);
    let both = [a, b];
    let join = between(&both).join(",");
    let direct = both.join(",");
    let watcher = ["train", "-q", "--out", "run", "--join", &direct];
    let watcher = start(&mut bench.command(&watcher));
    let worker = [&["worker", "--join", &join], further].concat();
    let workers: Vec<Child> = (0..workers)
        .map(|_| start(&mut bench.command(&worker)))
        .collect();
    for child in workers.into_iter().chain([watcher, first, second]) {
        let output = output_of(child);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    bench.report()
}

/// The final parameters of a run of these processes without anything between them.
fn undisturbed(sets: &[&str]) -> Vec<u8> {
    let bench = Bench::new();
    run(&bench, sets, (1, &[]), <[String]>::to_vec);
    parameters(&bench)
}

fn parameters(bench: &Bench) -> Vec<u8> {
    std::fs::read(bench.path("run/parameters.safetensors")).unwrap()
}

fn sum(report: &Value, key: &str) -> u64 {
    let workers = report["per_worker"].as_array().unwrap();
    workers.iter().map(|row| row[key].as_u64().unwrap()).sum()
}

/// Parts that were applied, and shards. Rows have half of all features, so that no part of a batch is empty, which would
/// not be counted.
fn parts_and_shards(report: &Value) -> (u64, u64) {
    assert_eq!(report["status"], "done");
    assert_eq!(report["epochs_used"][0]["complete"], true, "{report}");
    let counts = report["staleness"]["counts"].as_array().unwrap();
    let parts = counts
        .iter()
        .map(|bucket| bucket["parts"].as_u64().unwrap());
    (parts.sum(), 4 * report["servers"].as_u64().unwrap())
}

/// Every push of one worker sent a part to every shard, and each part was applied once.
fn assert_applied_once(report: &Value) {
    let (parts, shards) = parts_and_shards(report);
    assert_eq!(parts, shards * sum(report, "clock"), "{report}");
}

#[test]
fn parts_whose_acknowledgements_are_lost_come_again_and_are_applied_once() {
    let bench = Bench::new();
    let lossy = ["--drop-acks", "30%"];
    let report = run(&bench, ONE_HISTORY, (1, &lossy), <[String]>::to_vec);
    assert_applied_once(&report);
    let duplicates = sum(&report, "duplicates");
    assert!(20 <= duplicates, "of some 240 lost: {report}");
    assert!(
        parameters(&bench) == undisturbed(ONE_HISTORY),
        "every step was taken once: the model is the same, bit for bit"
    );
}

#[test]
fn workers_that_lose_acknowledgements_side_by_side_still_count_once() {
    let bench = Bench::new();
    let sets = [
        "cluster.servers=2",
        "cluster.workers=3",
        "data.rows=2000",
        "data.features=24",
        "data.nonzeros=12",
        "limits.gate_wait_seconds=0.1",
        "limits.request_seconds=0.2",
        "limits.linger_seconds=20",
    ];
    let lossy = ["--drop-acks", "20%"];
    let report = run(&bench, &sets, (3, &lossy), <[String]>::to_vec);
    let (parts, shards) = parts_and_shards(&report);
    // The clock of a worker that comes after another begins at the other's: here it does not count pushes.
    assert_eq!(parts, shards * 250, "2000 rows in batches of 8: {report}");
    assert!(40 <= sum(&report, "duplicates"), "of some 400: {report}");
}

#[test]
fn connections_that_are_reset_again_and_again_change_nothing_in_the_model() {
    let bench = Bench::new();
    let mut proxies = Vec::new();
    let report = run(&bench, ONE_HISTORY, (1, &[]), |servers| {
        let mut addresses = Vec::new();
        for server in servers {
            let flags = [
                "--latency",
                "200us",
                "--seed",
                "3",
                "--reset-after",
                "40000",
            ];
            let arguments = [&["proxy", "--to", server, "--json"], &flags[..]].concat();
            let mut child = start(&mut bench.command(&arguments));
            let line = first_line(&mut child);
            let told: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(told["to"], server.as_str());
            addresses.push(told["listens"].as_str().unwrap().to_owned());
            proxies.push(child);
        }
        addresses
    });
    assert_applied_once(&report);
    for proxy in proxies {
        let told: Value = serde_json::from_str(ctrl_c(proxy).trim()).unwrap();
        assert!(1 <= told["resets"].as_u64().unwrap(), "{told}");
        assert!(10_000 < told["bytes_there"].as_u64().unwrap(), "{told}");
    }
    assert!(parameters(&bench) == undisturbed(ONE_HISTORY));
}

fn first_line(child: &mut Child) -> String {
    use std::io::BufRead;
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.as_mut().unwrap());
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_proxy_says_where_it_listens_and_what_went_through() {
    let bench = Bench::new();
    let (server, address) = server(&bench, "0", &["cluster.servers=1"]);
    let (proxy, listens) = listening(&mut bench.command(&["proxy", "--to", &address]));
    let status = bench.run(&["status", &listens]);
    assert!(status.status.success(), "{}", stderr(&status));
    let words = ctrl_c(proxy);
    assert!(words.starts_with("1 connection, "), "{words}");
    assert!(
        words.contains(" there, ") && words.contains(" back"),
        "{words}"
    );
    signal(i32::try_from(server.id()).unwrap(), Signal::SIGTERM);
    output_of(server);
}

#[test]
fn what_a_proxy_cannot_do_is_refused_in_one_line() {
    let bench = Bench::new();
    for (arguments, code, why) in [
        (&["--to", "nowhere"][..], 1, "expected HOST:PORT"),
        (
            &["--to", "127.0.0.1:1", "--listen", "0.0.0.0:0"],
            1,
            "--insecure-listen i-accept",
        ),
        (
            &["--to", "127.0.0.1:1", "--blackhole", "10s"],
            2,
            "such as 10s:5s",
        ),
        (
            &["--to", "127.0.0.1:1", "--half-open", "10s"],
            2,
            "such as back@10s",
        ),
        (&["--to", "127.0.0.1:1", "--window", "1"], 2, "65536"),
    ] {
        let output = bench.run(&[&["proxy"], arguments].concat());
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert!(words.contains(why), "{words}");
    }
}
