//! A hang has a name: dead links and servers that hang, as `thalweg status` tells of them while they last and
//! afterwards.
//!
//! A proxy that is stopped is a link through which nothing gets any more, from that moment on: the connections
//! stand, and nobody is told.

use std::process::Child;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::by_hand::{listening, server};
use crate::support::{Bench, signal, start, stderr, stdout, wait_for};

/// Rounds of two workers for longer than any test, and a lease long enough to look at its end coming.
const ROUNDS: &[&str] = &[
    "cluster.workers=2",
    "consistency.model=bsp",
    "cluster.on_worker_loss=continue",
    "train.compute=10ms",
    "train.epochs=500",
    "limits.lease_seconds=4",
    "limits.heartbeat_seconds=0.5",
];

/// Two servers, worker 0 beside them, and worker 1 with a proxy before each of them.
struct Cluster {
    bench: Bench,
    addresses: [String; 2],
    proxies: [Child; 2],
    others: Vec<Child>,
}

impl Cluster {
    fn start(sets: &[&str]) -> Self {
        let bench = Bench::new();
        let (first, a) = server(&bench, "0", sets);
        let (second, b) = server(&bench, "1", sets);
        let proxy = |to: &String| listening(&mut bench.command(&["proxy", "--to", to]));
        let (proxy_a, to_a) = proxy(&a);
        let (proxy_b, to_b) = proxy(&b);
        let worker = |slot: &str, join: &str| {
            start(&mut bench.command(&["worker", "--join", join, "--worker", slot]))
        };
        let others = vec![
            first,
            second,
            worker("0", &format!("{a},{b}")),
            worker("1", &format!("{to_a},{to_b}")),
        ];
        let cluster = Self {
            bench,
            addresses: [a, b],
            proxies: [proxy_a, proxy_b],
            others,
        };
        wait_for("work of both workers", || {
            let view = cluster.view();
            let workers = view["workers"].as_array().unwrap().iter();
            let mut examples = workers.map(|row| row["examples"].as_u64().unwrap());
            examples.all(|examples| 0 < examples)
        });
        cluster
    }

    fn status(&self, further: &[&str]) -> String {
        let both = self.addresses.join(",");
        let output = self.bench.run(&[&["status", &both], further].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    }

    fn view(&self) -> Value {
        serde_json::from_str(&self.status(&["--json"])).unwrap()
    }

    /// The first page on which all of `words` stand.
    fn page_with(&self, words: &[&str]) -> String {
        let mut page = String::new();
        wait_for(&format!("{words:?}"), || {
            page = self.status(&[]);
            words.iter().all(|word| page.contains(word))
        });
        page
    }

    /// Nothing gets through to a server any more.
    fn cut(&self, server: usize) {
        signal(pid(&self.proxies[server]), Signal::SIGSTOP);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.proxies.iter_mut().chain(&mut self.others) {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

fn line_with<'a>(page: &'a str, words: &str) -> &'a str {
    page.lines()
        .find(|line| line.contains(words))
        .unwrap_or_else(|| panic!("{words}: {page}"))
}

#[test]
fn who_waits_for_a_worker_whose_link_is_dead_is_told_until_its_lease_ends_and_then_that_it_is_lost()
{
    let cluster = Cluster::start(ROUNDS);
    cluster.cut(0);
    cluster.cut(1);
    let page = cluster.page_with(&[
        "worker 0 waits for worker 1",
        "worker 1 has not been heard of for",
    ]);
    let wait = line_with(&page, "worker 0 waits for worker 1");
    assert!(
        wait.contains("worker 1 is at clock ") && wait.contains("(not heard of for "),
        "{page}"
    );
    assert!(wait.contains("; its lease ends in "), "{page}");
    let gone = line_with(&page, "worker 1 has not been heard of for");
    assert!(gone.contains(", and its lease ends in "), "{page}");
    let page = cluster.page_with(&["worker 1 is lost: gave no sign of life for "]);
    assert!(
        line_with(&page, "is lost").contains("(the lease is 4.0 s)"),
        "{page}"
    );
    // Each server ends the lease by itself, one a moment after the other.
    wait_for("nobody waits for worker 1", || {
        !cluster.status(&[]).contains("waits for worker 1")
    });
    // The other goes on alone.
    let progress = |view: Value| view["progress"].as_u64().unwrap();
    let then = progress(cluster.view());
    wait_for("more work", || then < progress(cluster.view()));
}

#[test]
fn a_worker_whose_link_to_one_server_is_dead_is_named_with_that_server_and_with_what_it_waits_for()
{
    let cluster = Cluster::start(ROUNDS);
    cluster.cut(1);
    let unheard = "worker 1 has not been heard of at server 1 for";
    let page = cluster.page_with(&[unheard, "worker 0 waits for worker 1"]);
    assert!(
        line_with(&page, unheard).contains(", and its lease ends in "),
        "{page}"
    );
    let view = cluster.view();
    let silent = &view["workers"][1]["unheard"][0];
    assert_eq!(silent["server"], 1, "{view}");
    // It says so itself, to the server that hears it.
    let wait = "worker 0 waits for worker 1";
    let page = cluster.page_with(&["worker 1 is lost at server 1; it says: waiting for ", wait]);
    let says = line_with(&page, wait);
    assert!(
        says.contains("; worker 1 says: waiting for ") && says.contains(" server 1 at 127.0.0.1:"),
        "{page}"
    );
}

#[test]
fn a_server_that_hangs_is_named_with_those_who_wait_for_it() {
    let mut sets = ROUNDS.to_vec();
    sets[1] = "consistency.model=asp";
    let cluster = Cluster::start(&sets);
    signal(pid(&cluster.others[1]), Signal::SIGSTOP);
    let silent = format!("no answer: {}", cluster.addresses[1]);
    // No gate holds anybody, and yet nothing goes on.
    let page = cluster.page_with(&[&silent, "worker 0 says: ", "nobody waits at a gate"]);
    let says = line_with(&page, "worker 0 says: ");
    assert!(
        says.contains(&format!("server 1 at {}", cluster.addresses[1])),
        "{page}"
    );
}
