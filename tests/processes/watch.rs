//! `thalweg status --watch`: page after page until the job ends, and what is shown of servers that are silent.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::by_hand::server;
use crate::support::{Bench, output_of, signal, start, stderr, stdout};

/// A job for longer than any test.
const LONG: &[&str] = &[
    "cluster.servers=1",
    "cluster.workers=1",
    "train.compute=10ms",
    "train.epochs=500",
];

/// One server and one worker.
struct Cluster {
    bench: Bench,
    address: String,
    server: Child,
    worker: Child,
}

impl Cluster {
    fn start(sets: &[&str]) -> Self {
        let bench = Bench::new();
        let (server, address) = server(&bench, "0", sets);
        let worker = start(&mut bench.command(&["worker", "--join", &address]));
        Self {
            bench,
            address,
            server,
            worker,
        }
    }

    fn watch(&self, further: &[&str]) -> Child {
        let watch = ["status", &self.address, "--watch", "0.1"];
        start(&mut self.bench.command(&[&watch, further].concat()))
    }

    fn signal_server(&self, what: Signal) {
        signal(pid(&self.server), what);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.worker] {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

type Pages = Lines<BufReader<ChildStdout>>;

fn pages(watch: &mut Child) -> Pages {
    BufReader::new(watch.stdout.take().unwrap()).lines()
}

/// The next document that is as wanted.
fn next(pages: &mut Pages, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut documents = pages.map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    documents.find(is_wanted).expect("the watch goes on")
}

fn answers(view: &Value) -> bool {
    !view["servers"].as_array().unwrap().is_empty()
}

/// The parts in a staleness histogram.
fn parts(of: &Value) -> u64 {
    let counts = of["staleness"]["counts"].as_array().unwrap();
    let parts = counts
        .iter()
        .map(|bucket| bucket["parts"].as_u64().unwrap());
    parts.sum()
}

#[test]
fn a_watch_goes_on_until_the_job_ends_and_ends_with_it() {
    let sets = [
        "cluster.servers=1",
        "cluster.workers=1",
        "train.compute=2ms",
        "limits.linger_seconds=20",
    ];
    let cluster = Cluster::start(&sets);
    let watches = [&["--json"][..], &[], &["--history", "3"]].map(|further| cluster.watch(further));
    let [documents, text, history] = watches.map(|watch| {
        let output = output_of(watch);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    });
    let views: Vec<Value> = stdout(&documents)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(1 < views.len());
    let progress: Vec<_> = views.iter().map(|view| view["progress"].as_u64()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    let last = views.last().unwrap();
    assert_eq!(last["phase"], "done");
    assert_eq!(parts(&last["workers"][0]), parts(last));
    let shards = last["servers"][0]["shards"].as_array().unwrap();
    assert_eq!(shards.iter().map(parts).sum::<u64>(), parts(last));
    assert_eq!(
        stderr(&documents),
        "the job is done: 3,001 of 3,001 examples are committed\n"
    );
    for (output, head) in [(text, "job steady: "), (history, "time ")] {
        let words = stdout(&output);
        assert!(words.contains("\n---\n"), "{words}");
        assert!(!words.contains('\u{1b}'), "no terminal, no codes of one");
        for page in words.split("---\n") {
            // The first look may come before the first event.
            let is_page = page.trim_start().starts_with(head);
            assert!(
                is_page || page.starts_with("nothing is remembered"),
                "{head}: {page}"
            );
        }
        let last = words.lines().last().unwrap();
        assert!(
            last.starts_with("the job is done: 3,001 of 3,001"),
            "{last}"
        );
    }
}

#[test]
fn a_server_that_stops_answering_is_shown_as_such_and_ends_the_watch_at_the_bound() {
    let mut cluster = Cluster::start(LONG);
    let mut watch = cluster.watch(&["--json", "--patience", "20"]);
    let mut seen = pages(&mut watch);
    let before = next(&mut seen, |view| {
        answers(view) && 0 < view["progress"].as_u64().unwrap()
    });
    cluster.signal_server(Signal::SIGSTOP);
    let silent = next(&mut seen, |view| !answers(view));
    assert!(
        before["progress"].as_u64() <= silent["progress"].as_u64(),
        "{silent}"
    );
    assert_eq!(silent["phase"], "training");
    let words = silent["unreachable"].as_array().unwrap();
    assert!(
        words[0].as_str().unwrap().starts_with("every server, for "),
        "{silent}"
    );
    assert!(
        words[1].as_str().unwrap().contains(&cluster.address),
        "{silent}"
    );
    cluster.signal_server(Signal::SIGCONT);
    next(&mut seen, answers);
    signal(pid(&watch), Signal::SIGINT);
    assert_eq!(output_of(watch).status.code(), Some(130));

    let watch = cluster.watch(&["--patience", "0.5"]);
    cluster.server.kill().unwrap();
    cluster.server.wait().unwrap();
    let output = output_of(watch);
    let words = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.starts_with("error: no server has answered for "),
        "{words}"
    );
    assert!(
        words.contains(&cluster.address) && words.contains("--patience"),
        "{words}"
    );
}

#[test]
fn a_watch_without_measure_is_refused() {
    let bench = Bench::new();
    for interval in ["0", "0.05", "1e9", "127.0.0.1:7700"] {
        let output = bench.run(&["status", "--watch", interval]);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(
            words.contains("0.1 to 3600") && words.contains("before --watch"),
            "{words}"
        );
    }
    let alone = bench.run(&["status", "--patience", "3"]);
    assert!(stderr(&alone).contains("--watch"), "{}", stderr(&alone));
}
