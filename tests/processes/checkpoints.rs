//! Servers that are killed and return from their checkpoints, and workers that take their places again.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::by_hand::{listening, server};
use crate::support::{Bench, SMALL, output_of, signal, start, stderr, stdout, wait_for};

/// Slow enough to be killed in the middle, with a checkpoint every moment.
const SLOW: &[&str] = &[
    "train.compute=10ms",
    "cluster.workers=2",
    "checkpoint.every_seconds=0.2",
    "limits.heartbeat_seconds=0.2",
    "limits.gate_wait_seconds=1",
    "limits.stop_seconds=10",
];

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how long it waits"
)]
fn now() -> Instant {
    Instant::now()
}

/// Waits until a server has kept a checkpoint with arrays.
fn wait_for_checkpoint(checkpoints: &Path, server: u64) {
    let folder = checkpoints.join(format!("server-{server}"));
    wait_for("a checkpoint", || {
        let saves = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut saves = saves.map(|entry| entry.path());
        saves.any(|save| {
            let files = fs::read_dir(&save).into_iter().flatten().flatten();
            let mut files = files.map(|file| file.path());
            save.join("manifest.json").is_file()
                && files.any(|file| file.extension().is_some_and(|end| end == "safetensors"))
        })
    });
}

fn assert_trained(bench: &Bench, words: &str) {
    let report = bench.report();
    assert_eq!(report["status"], "done", "{words}");
    assert_eq!(report["examples"], 3_001, "{words}");
    assert_eq!(report["epochs_used"][0]["complete"], true, "{words}");
}

#[test]
fn a_server_that_is_killed_returns_and_the_run_ends_by_itself() {
    for (model, killed) in [
        ("consistency.model=asp", &[0][..]),
        ("consistency.model=asp", &[1]),
        ("consistency.model=bsp", &[0]),
        ("consistency.model=bsp", &[1]),
        ("consistency.model=ssp", &[0, 1]),
    ] {
        let bench = Bench::new();
        let lag = match model.ends_with("ssp") {
            true => &["consistency.lag=3"][..],
            false => &[],
        };
        let sets = [SLOW, &[model], lag].concat();
        let run = start(&mut bench.train(&sets, &[]));
        bench.wait_until_training();
        for server in [0, 1] {
            wait_for_checkpoint(&bench.path("run/checkpoints"), server);
        }
        for server in killed {
            signal(bench.pid("server", *server), Signal::SIGKILL);
        }
        let output = output_of(run);
        let words = format!("{model} {killed:?}: {}", stderr(&output));
        assert!(output.status.success(), "{words}");
        for server in killed {
            let told = format!("server {server} ended (signal: 9");
            assert!(words.contains(&told), "{words}");
            let told = format!("server {server} is back; of what it had");
            assert!(words.contains(&told), "{words}");
            let log = fs::read_to_string(bench.path(&format!("run/logs/server-{server}.log")));
            let log = log.unwrap();
            assert!(log.contains("returns (1 return) from"), "{log}");
        }
        assert!(words.contains("(1 of 3)"), "{words}");
        assert_trained(&bench, &words);
        let report = bench.report();
        let returns = report["server_returns"].as_array().unwrap();
        let mut back: Vec<_> = returns
            .iter()
            .map(|one| one["server"].as_u64().unwrap())
            .collect();
        back.sort_unstable();
        assert_eq!(back, killed, "{words}");
        let log = fs::read_to_string(bench.path("run/logs/worker-0.log")).unwrap();
        assert!(log.contains("takes its place again"), "{log}");
    }
}

#[test]
fn a_server_that_dies_too_often_ends_the_job_with_its_name() {
    let bench = Bench::new();
    let sets = [SLOW, &["checkpoint.restarts=1", "train.epochs=20"]].concat();
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    let first = bench.pid("server", 1);
    signal(first, Signal::SIGKILL);
    wait_for("another server 1", || bench.pid("server", 1) != first);
    signal(bench.pid("server", 1), Signal::SIGKILL);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = bench.report();
    let cause = report["cause"].as_str().unwrap();
    assert!(cause.contains("server 1 ended (signal: 9"), "{cause}");
}

#[test]
fn a_run_whose_workers_die_with_a_server_ends_instead_of_waiting_for_others() {
    let bench = Bench::new();
    let sets = [SLOW, &["train.epochs=20"]].concat();
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    wait_for_checkpoint(&bench.path("run/checkpoints"), 0);
    let workers = [0, 1].map(|worker| bench.pid("worker", worker));
    for pid in workers.into_iter().chain([bench.pid("server", 0)]) {
        signal(pid, Signal::SIGKILL);
    }
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = bench.report();
    let cause = report["cause"].as_str().unwrap();
    // By whichever is seen first: the servers are told of the last worker, or wait for it.
    assert!(
        cause.contains("all of these have ended") || cause.contains("it was the last worker"),
        "{cause}"
    );
}

#[test]
fn a_worker_that_was_paused_past_its_lease_takes_its_place_again_by_itself() {
    let bench = Bench::new();
    let sets = [
        SLOW,
        &[
            "train.epochs=3",
            "limits.lease_seconds=1",
            "consistency.model=asp",
        ],
    ]
    .concat();
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    let paused = bench.pid("worker", 1);
    signal(paused, Signal::SIGSTOP);
    let addresses = bench.addresses();
    wait_for("the end of its lease", || {
        let status = bench.run(&["status", &addresses, "--json"]);
        let view: Value = serde_json::from_slice(&status.stdout).unwrap();
        view["workers"][1]["state"] == "lost"
    });
    signal(paused, Signal::SIGCONT);
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["lost_workers"].as_array().unwrap().len(), 0);
    let log = fs::read_to_string(bench.path("run/logs/worker-1.log")).unwrap();
    assert!(log.contains("takes its place again (try 1 of 8)"), "{log}");
}

#[test]
fn a_worker_whose_slot_was_taken_while_it_was_away_takes_another_one() {
    let bench = Bench::new();
    let sets = [
        "cluster.workers=2",
        "consistency.model=asp",
        "train.compute=20ms",
        "train.epochs=4",
        "limits.lease_seconds=1",
        "limits.heartbeat_seconds=0.2",
        "limits.linger_seconds=0.2",
    ];
    let (server, address) = server(&bench, "0", &[&["cluster.servers=1"][..], &sets].concat());
    let worker = || start(&mut bench.command(&["worker", "--join", &address]));
    let state_of_slot = |slot: usize| {
        let status = bench.run(&["status", &address, "--json"]);
        let view: Value = serde_json::from_slice(&status.stdout).unwrap();
        view["workers"][slot]["state"].clone()
    };
    let paused = worker();
    wait_for("the first worker", || state_of_slot(0) == "active");
    let pid = i32::try_from(paused.id()).unwrap();
    signal(pid, Signal::SIGSTOP);
    wait_for("the end of its lease", || state_of_slot(0) == "lost");
    let newcomer = worker();
    wait_for("another one in its slot", || state_of_slot(0) == "active");
    signal(pid, Signal::SIGCONT);
    wait_for("the first one elsewhere", || state_of_slot(1) == "active");
    let paused = output_of(paused);
    assert!(paused.status.success(), "{}", stderr(&paused));
    let words = stdout(&paused);
    assert!(words.contains("worker 1 of job steady\n"), "{words}");
    for child in [newcomer, server] {
        let output = output_of(child);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

/// The command of a server that keeps checkpoints.
fn keeping(bench: &Bench, index: &str, listen: &str, sets: &[&str]) -> Command {
    keeping_with(bench, (index, listen), &[SMALL, sets].concat())
}

/// A server that keeps checkpoints, of a job with these settings alone.
fn keeping_with(bench: &Bench, (index, listen): (&str, &str), sets: &[&str]) -> Command {
    let mut command = bench.command(&["server", "--index", index, "--listen", listen]);
    command.args(["--checkpoints", "kept"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_started_by_hand_returns_with_the_same_command_and_its_worker_goes_on() {
    for killed in [0, 1] {
        let bench = Bench::new();
        let sets = [SLOW, &["cluster.workers=1", "limits.linger_seconds=0.2"]].concat();
        let (first, a) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &sets));
        let (second, b) = listening(&mut keeping(&bench, "1", "127.0.0.1:0", &sets));
        let worker = start(&mut bench.command(&["worker", "--join", &format!("{a},{b}")]));
        let watcher = ["train", "-q", "--out", "run", "--join", &format!("{a},{b}")];
        let watcher = start(&mut bench.command(&watcher));
        bench.wait_until_training();
        let asked = bench.run(&["checkpoint", "--join", &format!("{a},{b}")]);
        assert!(asked.status.success(), "{}", stderr(&asked));
        assert!(
            stdout(&asked).starts_with(&format!("{a}: save-0000")),
            "{}",
            stdout(&asked)
        );
        let servers = [(first, a), (second, b)];
        let mut left = Vec::new();
        for (number, (server, address)) in (0..).zip(servers) {
            if number == killed {
                kill(server);
                let index = number.to_string();
                let (again, place) = listening(&mut keeping(&bench, &index, &address, &sets));
                assert_eq!(place, address);
                left.push(again);
            } else {
                left.push(server);
            }
        }
        let output = output_of(worker);
        assert!(output.status.success(), "{}", stderr(&output));
        let words = stderr(&output);
        assert!(words.contains("takes its place again"), "{words}");
        let watched = output_of(watcher);
        let words = stderr(&watched);
        assert!(watched.status.success(), "{words}");
        assert!(words.contains("is waited for"), "{words}");
        assert_trained(&bench, &words);
        for server in left {
            let output = output_of(server);
            assert!(output.status.success(), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_server_killed_between_the_end_of_the_job_and_the_reading_of_its_model_is_waited_for_by_all() {
    let bench = Bench::new();
    // One iteration, within which the trainer is stopped.
    let sets = [
        "train.compute=2s",
        "train.batch_size=3001",
        "cluster.workers=1",
        "checkpoint.every_seconds=0.2",
        "limits.lease_seconds=5",
        "limits.heartbeat_seconds=0.5",
        "limits.linger_seconds=0.2",
    ];
    let (first, a) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &sets));
    let (second, b) = listening(&mut keeping(&bench, "1", "127.0.0.1:0", &sets));
    let both = format!("{a},{b}");
    let trainer = start(&mut bench.command(&["train", "--out", "run", "--join", &both]));
    let pid = i32::try_from(trainer.id()).unwrap();
    let worker = start(&mut bench.command(&["worker", "--join", &both]));
    let status = || -> Value {
        let status = bench.run(&["status", &a, "--json"]);
        serde_json::from_slice(&status.stdout).unwrap()
    };
    wait_for("a gradient under way", || {
        let doing = status()["workers"][0]["doing"].clone();
        doing.as_str().unwrap().starts_with("comput")
    });
    signal(pid, Signal::SIGSTOP);
    let output = output_of(worker);
    assert!(output.status.success(), "{}", stderr(&output));
    kill(second);
    signal(pid, Signal::SIGCONT);
    // Longer than a lease and the time for which a server lingers: the trainer keeps server 0.
    let killed = now();
    wait_for("eight seconds", || Duration::from_secs(8) < now() - killed);
    assert_eq!(status()["phase"], "done");
    let (again, _) = listening(&mut keeping(&bench, "1", &b, &sets));
    let output = output_of(trainer);
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    assert!(
        words.contains("is waited for 120 s to come back"),
        "{words}"
    );
    assert!(!words.contains(" 1 s longer"), "{words}");
    assert_eq!(bench.report()["status"], "done");
    assert!(bench.path("run/parameters.safetensors").is_file());
    // The one that has met no worker hears from the trainer that the job is done.
    for server in [first, again] {
        let output = output_of(server);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

/// A job of one server that ends with the first worker that is lost, and does not end before.
const STRICT: &[&str] = &[
    "cluster.servers=1",
    "cluster.on_worker_loss=stop",
    "train.epochs=50",
    "limits.lease_seconds=2",
    "limits.linger_seconds=0.2",
];

/// Starts a server and the two workers of its job; answers when both have trained.
fn strict(bench: &Bench, sets: &[&str]) -> (Child, String, [Child; 2]) {
    let (server, address) = listening(&mut keeping(bench, "0", "127.0.0.1:0", sets));
    let workers = two_that_train(bench, &address);
    (server, address, workers)
}

/// Starts two workers; answers when both have trained.
fn two_that_train(bench: &Bench, servers: &str) -> [Child; 2] {
    let workers = [(), ()].map(|()| start(&mut bench.command(&["worker", "--join", servers])));
    wait_for("two workers that train", || {
        let status = bench.run(&["status", servers, "--json"]);
        let view: Value = serde_json::from_slice(&status.stdout).unwrap();
        let mut workers = view["workers"].as_array().unwrap().iter();
        workers.all(|worker| worker["examples"].as_u64() > Some(0))
    });
    workers
}

/// Starts a server that does not serve; answers with what it says.
fn refuses_to_serve(command: &mut Command) -> String {
    let refused = output_of(start(command));
    let words = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert_eq!(stdout(&refused), "", "it does not listen");
    words
}

#[test]
fn a_job_whose_training_diverges_ends_at_once_for_all_and_stays_failed_at_every_server() {
    let bench = Bench::new();
    fs::write(
        bench.path("steep.svm"),
        "1 1:1e30\n2 1:2e30 2:1\n3 2:1e30\n4 1:3e30\n".repeat(50),
    )
    .unwrap();
    let sets = [
        "data.name=libsvm",
        "data.train=steep.svm",
        "data.task=real",
        "model.name=linear_regression",
        "optimizer.name=sgd",
        "optimizer.lr=1.0",
        "train.batch_size=4",
        "train.non_finite=reject",
        "cluster.workers=2",
        "limits.lease_seconds=300",
        "limits.join_seconds=300",
        "limits.linger_seconds=1",
    ];
    let servers = ["0", "1"].map(|index| keeping_with(&bench, (index, "127.0.0.1:0"), &sets));
    let [(first, a), (second, b)] = servers.map(|mut command| listening(&mut command));
    let both = format!("{a},{b}");
    let trainer = start(&mut bench.command(&["train", "-q", "--out", "run", "--join", &both]));
    // The other slot stays free: nobody waits until somebody takes it.
    let worker = output_of(start(&mut bench.command(&["worker", "--join", &both])));
    assert_eq!(worker.status.code(), Some(3), "{}", stderr(&worker));
    let trainer = output_of(trainer);
    assert_eq!(trainer.status.code(), Some(3), "{}", stderr(&trainer));
    let report = bench.report();
    assert_eq!(report["status"], "diverged");
    let cause = report["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("worker 0 failed: the gradient of iteration "),
        "{cause}"
    );
    for (index, server) in ["0", "1"].into_iter().zip([first, second]) {
        let ended = output_of(server);
        let words = stderr(&ended);
        assert_eq!(ended.status.code(), Some(1), "{words}");
        assert!(words.contains(cause), "{words}");
        let words = refuses_to_serve(&mut keeping_with(&bench, (index, "127.0.0.1:0"), &sets));
        let what = format!("error: the job of kept/server-{index} has failed: {cause}");
        assert!(words.contains(&what), "{words}");
    }
}

#[test]
fn a_server_whose_job_has_failed_does_not_serve_it_again_until_its_checkpoints_are_forgotten() {
    let bench = Bench::new();
    let sets = [SLOW, STRICT].concat();
    let (server, address, [killed, left]) = strict(&bench, &sets);
    kill(killed);
    for child in [left, server] {
        let output = output_of(child);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    }
    for _ in 0..2 {
        let words = refuses_to_serve(&mut keeping(&bench, "0", &address, &sets));
        let what = "error: the job of kept/server-0 has failed: worker ";
        assert!(words.contains(what), "{words}");
        let ways = "; --despite-failure, or thalweg train --resume, goes on with it all the same, thalweg \
                    checkpoint --forget kept removes it";
        assert!(words.contains(ways), "{words}");
    }
    let mut resting = keeping(&bench, "0", &address, &sets);
    let resting = output_of(start(resting.arg("--rest-if-failed")));
    assert!(resting.status.success(), "{}", stderr(&resting));
    assert!(stderr(&resting).contains("the job of kept/server-0 has failed"));
    let forgotten = bench.run(&["checkpoint", "--forget", "kept"]);
    assert!(forgotten.status.success(), "{}", stderr(&forgotten));
    let (anew, place) = listening(&mut keeping(&bench, "0", &address, &sets));
    assert_eq!(place, address);
    kill(anew);
}

#[test]
fn a_server_that_was_told_to_stop_serves_its_job_again() {
    let bench = Bench::new();
    let sets = [SLOW, STRICT].concat();
    let (server, address, [a, b]) = strict(&bench, &sets);
    signal(i32::try_from(server.id()).unwrap(), Signal::SIGTERM);
    for child in [server, a, b] {
        let output = output_of(child);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    }
    let (again, place) = listening(&mut keeping(&bench, "0", &address, &sets));
    assert_eq!(place, address);
    kill(again);
}

#[test]
fn a_job_of_which_one_server_was_told_to_stop_is_served_again_by_all() {
    let bench = Bench::new();
    let sets = [SLOW, STRICT, &["cluster.servers=2"]].concat();
    let servers = ["0", "1"].map(|index| keeping(&bench, index, "127.0.0.1:0", &sets));
    let [(first, a), (second, b)] = servers.map(|mut command| listening(&mut command));
    let both = format!("{a},{b}");
    let workers = two_that_train(&bench, &both);
    signal(i32::try_from(second.id()).unwrap(), Signal::SIGTERM);
    for child in workers.into_iter().chain([second, first]) {
        let output = output_of(child);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("told to stop by SIGTERM"), "{words}");
    }
    for (index, address) in [("0", &a), ("1", &b)] {
        let (again, place) = listening(&mut keeping(&bench, index, address, &sets));
        assert_eq!(&place, address);
        kill(again);
    }
}

#[test]
fn a_server_that_does_not_come_back_is_named_with_how_long_it_was_waited_for() {
    let bench = Bench::new();
    let short = [
        "cluster.workers=1",
        "train.epochs=50",
        "limits.request_seconds=2",
        "limits.retry_total_seconds=3",
    ];
    let sets = [SLOW, &short].concat();
    let (first, a) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &sets));
    let (second, b) = listening(&mut keeping(&bench, "1", "127.0.0.1:0", &sets));
    let worker = start(&mut bench.command(&["worker", "--join", &format!("{a},{b}")]));
    let watcher = ["train", "-q", "--out", "run", "--join", &format!("{a},{b}")];
    let watcher = start(&mut bench.command(&watcher));
    bench.wait_until_training();
    kill(first);
    let watched = output_of(watcher);
    assert_eq!(watched.status.code(), Some(1), "{}", stderr(&watched));
    let report = bench.report();
    let cause = report["cause"].as_str().unwrap();
    let told = format!("server 0 ({a}) did not come back within 3 s: server 0 at {a} ");
    assert!(cause.starts_with(&told), "{cause}");
    kill(worker);
    kill(second);
}

#[test]
fn a_server_without_checkpoints_says_so_when_one_is_asked_for() {
    let bench = Bench::new();
    let (server, address) = server(&bench, "0", &["cluster.servers=1"]);
    let asked = bench.run(&["checkpoint", "--join", &address]);
    assert_eq!(asked.status.code(), Some(1));
    let words = stderr(&asked);
    assert!(words.contains("start it with --checkpoints DIR"), "{words}");
    kill(server);
}

#[test]
fn a_server_never_starts_blank_beside_checkpoints_that_are_broken_or_of_another_job() {
    let bench = Bench::new();
    let one = ["cluster.servers=1"];
    let (server, _) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &one));
    let second = keeping(&bench, "0", "127.0.0.1:0", &one).output().unwrap();
    assert!(!second.status.success());
    let words = stderr(&second);
    assert!(words.contains("is in use by another process"), "{words}");
    kill(server);
    let other = ["cluster.servers=1", "optimizer.lr=0.2"];
    let refused = keeping(&bench, "0", "127.0.0.1:0", &other)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let words = stderr(&refused);
    assert!(
        words.contains("of job `") && words.contains("expected server 0 of 1"),
        "{words}"
    );
    for save in fs::read_dir(bench.path("kept/server-0")).unwrap() {
        let manifest = save.unwrap().path().join("manifest.json");
        if let Ok(mut bytes) = fs::read(&manifest) {
            bytes[100] ^= 1;
            fs::write(&manifest, bytes).unwrap();
        }
    }
    let refused = keeping(&bench, "0", "127.0.0.1:0", &one).output().unwrap();
    assert!(!refused.status.success());
    let words = stderr(&refused);
    assert!(
        words.contains("does not start blank beside them"),
        "{words}"
    );
}

#[test]
fn checkpoints_of_jobs_that_are_over_are_forgotten_on_request_and_those_in_use_are_not() {
    let bench = Bench::new();
    let one = ["cluster.servers=1"];
    let other = ["cluster.servers=1", "optimizer.lr=0.2"];
    let (server, _) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &one));
    let forget = || bench.run(&["checkpoint", "--forget", "kept"]);
    let asked = forget();
    assert!(asked.status.success(), "{}", stderr(&asked));
    assert!(
        stdout(&asked).contains("stays, as a server of its job runs"),
        "{}",
        stdout(&asked)
    );
    kill(server);

    let mut command = keeping(&bench, "0", "127.0.0.1:0", &other);
    command.arg("--forget-other-jobs").stderr(Stdio::piped());
    let (mut server, _) = listening(&mut command);
    server.kill().unwrap();
    let words = stderr(&server.wait_with_output().unwrap());
    assert!(words.contains("this one begins anew"), "{words}");

    let inside = bench.run(&["checkpoint", "--forget", "kept/server-0"]);
    assert!(!inside.status.success());
    assert!(
        stderr(&inside).contains("which is kept"),
        "{}",
        stderr(&inside)
    );
    let asked = forget();
    assert!(
        stdout(&asked).contains("1 checkpoint removed"),
        "{}",
        stdout(&asked)
    );
    // Those of `other` are gone: nothing is in the way of the first job.
    let (server, _) = listening(&mut keeping(&bench, "0", "127.0.0.1:0", &one));
    kill(server);
}
