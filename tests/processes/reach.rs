//! Servers that cannot be reached: who says so, how soon, and with which end.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::by_hand::server;
use crate::support::{Bench, output_of, signal, start, stderr, stdout, wait_for};

/// Long enough to lose a server in the middle, with bounds that a test can wait for.
const SLOW: &[&str] = &[
    "train.compute=20ms",
    "train.epochs=50",
    "cluster.workers=1",
    "limits.linger_seconds=0.2",
    "limits.gate_wait_seconds=1",
    "limits.request_seconds=3",
    "limits.retry_total_seconds=4",
    "limits.stop_seconds=20",
];

/// Two servers and a worker that trains, all started by hand.
struct ByHand {
    bench: Bench,
    servers: [Child; 2],
    addresses: [String; 2],
    worker: Child,
}

impl ByHand {
    fn start(sets: &[&str]) -> Self {
        let bench = Bench::new();
        let sets = [SLOW, sets].concat();
        let (first, a) = server(&bench, "0", &sets);
        let (second, b) = server(&bench, "1", &sets);
        let both = format!("{a},{b}");
        let worker = start(&mut bench.command(&["worker", "--join", &both]));
        wait_for("training", || {
            let status = bench.run(&["status", &both, "--json"]);
            let view: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
            view["progress"].as_u64().unwrap() > 0
        });
        Self {
            bench,
            servers: [first, second],
            addresses: [a, b],
            worker,
        }
    }

    fn kill(&mut self, server: usize) {
        self.servers[server].kill().unwrap();
        self.servers[server].wait().unwrap();
    }
}

fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how long it waits"
)]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_worker_names_the_server_that_died_and_gives_up_at_the_bound() {
    let mut cluster = ByHand::start(&[]);
    cluster.kill(1);
    let killed = now();
    let name = format!("server 1 at {}", cluster.addresses[1]);
    let mut lines = BufReader::new(cluster.worker.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(
        now() - killed < Duration::from_secs(3),
        "said too late: {first}"
    );
    assert!(
        first.contains(&format!("{name} cannot be reached")),
        "{first}"
    );
    assert!(
        first.contains("gives up in 3 s") || first.contains("gives up in 2 s"),
        "{first}"
    );
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let output = output_of(cluster.worker);
    assert_eq!(output.status.code(), Some(1));
    assert!(now() - killed < Duration::from_secs(10));
    let last = rest.last().unwrap();
    assert!(
        last.starts_with(&format!("error: {name} did not answer for 4 s")),
        "{last}"
    );
    let [first, _] = cluster.servers;
    let output = output_of(first);
    assert_eq!(output.status.code(), Some(1), "the job is not done");
    assert!(
        stderr(&output).contains(&format!("worker 0 left: {name}")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_worker_that_is_told_to_stop_beside_a_dead_server_ends_promptly_and_fails() {
    let mut cluster = ByHand::start(&["limits.retry_total_seconds=100"]);
    cluster.kill(1);
    signal(pid(&cluster.worker), Signal::SIGTERM);
    let told = now();
    let output = output_of(cluster.worker);
    assert!(
        now() - told < Duration::from_secs(5),
        "of 20 s that it may take at most"
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let name = format!("server 1 at {}", cluster.addresses[1]);
    let words = stderr(&output);
    assert!(words.contains("told to stop by SIGTERM"), "{words}");
    assert!(
        words.contains("error: ") && words.contains(&name),
        "{words}"
    );
    let [first, _] = cluster.servers;
    let output = output_of(first);
    assert_eq!(output.status.code(), Some(1), "the job is not done");
    assert!(
        stderr(&output).contains("no worker is left: worker 0 left: pushes not acknowledged"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn servers_that_everybody_left_before_the_job_was_done_say_so() {
    let cluster = ByHand::start(&[]);
    signal(pid(&cluster.worker), Signal::SIGINT);
    let output = output_of(cluster.worker);
    assert!(
        output.status.success(),
        "all is acknowledged: {}",
        stderr(&output)
    );
    let [first, second] = cluster.servers.map(output_of);
    assert_eq!(
        (first.status.code(), second.status.code()),
        (Some(1), Some(1))
    );
    let words = stderr(&first);
    assert!(
        words.contains(" of 150050 examples are committed"),
        "{words}"
    );
    assert!(words.contains("worker 0 was told to stop"), "{words}");
}

#[test]
fn status_shows_the_servers_that_answer_and_names_the_others() {
    let mut cluster = ByHand::start(&["limits.retry_total_seconds=100"]);
    let both = cluster.addresses.join(",");
    let one = cluster.bench.run(&["status", &cluster.addresses[0]]);
    assert!(one.status.success(), "{}", stderr(&one));
    assert!(
        stdout(&one).contains("server 1 was not asked"),
        "{}",
        stdout(&one)
    );
    for dead in [1, 0] {
        cluster.kill(dead);
        let status = cluster.bench.run(&["status", &both]);
        let (page, address) = (stdout(&status), &cluster.addresses[dead]);
        if dead == 1 {
            assert_eq!(status.status.code(), Some(0), "{}", stderr(&status));
            assert!(
                page.contains("job steady: training") || page.contains(": training"),
                "{page}"
            );
            assert!(
                page.contains(&format!("no answer: cannot reach a server at {address}")),
                "{page}"
            );
            let says = format!("worker 0 says: cannot reach server 1 at {address} for ");
            wait_for(&says, || {
                stdout(&cluster.bench.run(&["status", &both])).contains(&says)
            });
        } else {
            assert_eq!(status.status.code(), Some(1));
            let words = stderr(&status);
            assert!(
                words.contains(address) && words.contains(&cluster.addresses[1]),
                "{words}"
            );
        }
    }
    cluster.worker.kill().unwrap();
    cluster.worker.wait().unwrap();
}

#[test]
fn status_finds_the_run_that_was_started_here() {
    let bench = Bench::new();
    let lost = bench.run(&["status"]);
    // Somebody may serve at the usual port of the machine that tests this.
    if !lost.status.success() {
        let words = stderr(&lost);
        assert!(words.contains("runs/latest lists no servers"), "{words}");
        assert!(
            words.contains("127.0.0.1:7700") && words.contains("HOST:PORT"),
            "{words}"
        );
    }
    let mut command = bench.command(&["train", "-q"]);
    for set in crate::support::SMALL.iter().chain(SLOW) {
        command.args(["--set", set]);
    }
    let mut run = start(&mut command);
    wait_for("processes.json", || {
        bench.path("runs/latest/processes.json").is_file()
    });
    let status = bench.run(&["status", "--json"]);
    assert!(status.status.success(), "{}", stderr(&status));
    let view: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(view["servers"].as_array().unwrap().len(), 2);
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn whoever_joins_waits_for_servers_that_come_late_and_says_for_whom() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let sets = [
        "cluster.servers=1",
        "cluster.workers=1",
        "limits.linger_seconds=20",
    ];
    let mut watcher =
        start(&mut bench.command(&["train", "-q", "--out", "run", "--join", &address]));
    let mut words = BufReader::new(watcher.stderr.take().unwrap());
    let mut line = String::new();
    words.read_line(&mut line).unwrap();
    assert!(
        line.contains(&address) && line.contains("waiting for it"),
        "{line}"
    );
    let mut command = bench.command(&["server", "--listen", &address]);
    for set in crate::support::SMALL.iter().chain(&sets) {
        command.args(["--set", set]);
    }
    let server = start(&mut command);
    let worker = start(&mut bench.command(&["worker", "--join", &address]));
    for (who, child) in [("worker", worker), ("watcher", watcher), ("server", server)] {
        let output = output_of(child);
        assert!(output.status.success(), "{who}: {}", stderr(&output));
    }
    let report = bench.report();
    let seconds = |key: &str| report[key].as_f64().unwrap();
    assert!(
        seconds("train_seconds") <= seconds("wall_seconds"),
        "{report}"
    );
}

#[test]
fn a_port_that_speaks_otherwise_is_named_in_one_line() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            stream.unwrap().write_all(answer).ok();
        }
    });
    for arguments in [
        ["status", &address].as_slice(),
        &["worker", "--join", &address],
    ] {
        let begun = now();
        let output = bench.run(arguments);
        let words = stderr(&output);
        assert!(!output.status.success());
        assert!(
            words.contains(&format!("{address} does not speak gRPC (HTTP/2)")),
            "{words}"
        );
        assert_eq!(words.lines().count(), 1, "{words}");
        assert!(now() - begun < Duration::from_secs(10));
    }
}

#[test]
fn a_server_that_hangs_at_the_end_of_the_job_is_waited_for_and_has_the_last_push() {
    let bench = Bench::new();
    // One iteration, in whose middle server 1 stops.
    let sets = [
        "train.compute=2s",
        "train.batch_size=3001",
        "cluster.workers=1",
        "limits.linger_seconds=0.2",
    ];
    let (first, a) = server(&bench, "0", &sets);
    let (second, b) = server(&bench, "1", &sets);
    let worker = start(&mut bench.command(&["worker", "--join", &format!("{a},{b}")]));
    let shown = |path: &str| {
        let status = bench.run(&["status", &a, "--json"]);
        let view: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        view.pointer(path).unwrap().clone()
    };
    wait_for("a gradient under way", || {
        shown("/workers/0/doing")
            .as_str()
            .unwrap()
            .starts_with("comput")
    });
    signal(pid(&second), Signal::SIGSTOP);
    wait_for("the end of the job", || shown("/phase") == "done");
    // Longer than a worker that is told to end waits for anybody.
    let over = now();
    wait_for("seven seconds more", || {
        Duration::from_secs(7) < now() - over
    });
    signal(pid(&second), Signal::SIGCONT);
    for child in [worker, first, second] {
        let output = output_of(child);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}
