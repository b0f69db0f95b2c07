//! What happened is told afterwards: joins, a loss, a fence, a successor and the pushes between them.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::by_hand::server;
use crate::support::{Bench, signal, start, stderr, stdout, wait_for};

/// Two workers who have enough to do until everything has happened, and a lease that ends soon.
const SETS: &[&str] = &[
    "cluster.workers=2",
    "train.compute=10ms",
    "train.epochs=500",
    "limits.lease_seconds=1.5",
    "limits.heartbeat_seconds=0.3",
];

/// A cluster by hand, and what it says of its past.
struct Watched {
    bench: Bench,
    addresses: String,
}

impl Watched {
    fn worker(&self, slot: &str) -> std::process::Child {
        let join = ["worker", "--join", &self.addresses, "--worker", slot];
        start(&mut self.bench.command(&join))
    }

    fn view(&self) -> Value {
        self.last(1024)
    }

    fn last(&self, events: u32) -> Value {
        let events = events.to_string();
        let json = ["status", &self.addresses, "--history", &events, "--json"];
        let output = self.bench.run(&json);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until something has happened to a worker `times` over all servers, and says to which
    /// sessions.
    fn wait_for(&self, worker: u64, event: &str, times: usize) -> Vec<u64> {
        let mut sessions = Vec::new();
        wait_for(event, || {
            let view = self.view();
            let of_it = events(&view).filter(|it| it["worker"] == worker && it["event"] == event);
            sessions = of_it.filter_map(|it| it["session"].as_u64()).collect();
            times <= sessions.len()
        });
        sessions
    }

    fn lines(&self, further: &[&str]) -> String {
        let history = ["status", &self.addresses, "--history", "1024"];
        let output = self.bench.run(&[&history, further].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    }
}

fn events(view: &Value) -> impl Iterator<Item = &Value> {
    view["history"].as_array().unwrap().iter()
}

#[test]
fn a_worker_that_hangs_is_lost_replaced_and_fenced_and_the_history_tells_it_in_order() {
    let bench = Bench::new();
    let (mut first, a) = server(&bench, "0", SETS);
    let (mut second, b) = server(&bench, "1", SETS);
    let cluster = Watched {
        bench,
        addresses: format!("{a},{b}"),
    };
    let (mut steady, mut hung) = (cluster.worker("0"), cluster.worker("1"));
    let old = cluster.wait_for(1, "pushed", 8)[0];
    let pid = i32::try_from(hung.id()).unwrap();
    signal(pid, Signal::SIGSTOP);
    assert_eq!(cluster.wait_for(1, "lost", 2), [old, old]);
    let mut successor = cluster.worker("1");
    let sessions = cluster.wait_for(1, "joined", 4);
    let new = *sessions.iter().max().unwrap();
    assert!(old < new, "{sessions:?}");
    signal(pid, Signal::SIGCONT);
    assert!(cluster.wait_for(1, "fenced", 1).iter().all(|it| *it == old));
    // A worker that is killed and started again takes its slot at once.
    steady.kill().unwrap();
    steady.wait().unwrap();
    let mut again = cluster.worker("0");
    cluster.wait_for(0, "joined", 4);

    let text = cluster.lines(&["--worker", "1"]);
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    };
    let lost = place(&format!("(the lease is 1.5 s); session {old} is over"));
    let joined = place(&format!("joined as session {new} at clock "));
    let fenced = place(&format!(
        "of session {old}, which is over; session {new} holds the slot"
    ));
    assert!(place("joined as session") < lost && lost < joined && joined < fenced);
    place(": applied on 4 shards");
    place(&format!("; session {old} held the slot before"));
    let of_another = |line: &&str| line.split_whitespace().nth(3) == Some("0");
    assert_eq!(text.lines().find(of_another), None, "only of worker 1");
    assert!(cluster.lines(&[]).lines().any(|line| of_another(&line)));

    let none = cluster
        .bench
        .run(&["status", &cluster.addresses, "--history", "--worker", "7"]);
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(
        stderr(&none),
        "error: --worker 7: the job has 2 workers, numbered from 0\n"
    );
    let few = cluster.last(8);
    let joins = events(&few).filter(|it| it["event"] == "joined").count();
    let pushes = events(&few).filter(|it| it["event"] == "pushed").count();
    assert!(
        0 < joins && 0 < pushes && events(&few).count() == 8,
        "{few}"
    );

    judge(&cluster.view());
    for child in [
        &mut hung,
        &mut successor,
        &mut again,
        &mut first,
        &mut second,
    ] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Every push says what became of each of its parts, in the order of time, and the tallies add up.
fn judge(view: &Value) {
    let times: Vec<_> = events(view)
        .map(|it| it["at_seconds"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let pushes: Vec<_> = events(view).filter(|it| it["event"] == "pushed").collect();
    assert!(!pushes.is_empty());
    let number = |value: &Value| value.as_u64().unwrap();
    for push in pushes.iter().map(|it| &it["push"]) {
        let fates = ["applied", "kept", "left_out", "duplicates", "refused"];
        let parts: u64 = fates.iter().map(|fate| number(&push[fate])).sum();
        assert_eq!(parts, 4, "{push}");
    }
    for worker in view["workers"].as_array().unwrap() {
        let parts = &worker["parts"];
        let refusals = parts["refusals"].as_object().unwrap().values();
        let fates = ["applied", "waiting", "left_out", "duplicates"];
        let sum: u64 = fates.iter().map(|fate| number(&parts[fate])).sum();
        assert_eq!(
            number(&parts["came"]),
            sum + refusals.map(number).sum::<u64>()
        );
        assert!(0 < number(&parts["applied"]), "{parts}");
    }
}

#[test]
fn a_history_is_asked_for_in_words_that_cannot_be_mistaken() {
    let bench = Bench::new();
    let named_late = bench.run(&["status", "--history", "127.0.0.1:7700"]);
    let text = stderr(&named_late);
    assert!(text.contains("name servers before --history"), "{text}");
    let alone = bench.run(&["status", "--worker", "1"]);
    assert!(stderr(&alone).contains("--history"), "{}", stderr(&alone));
}
