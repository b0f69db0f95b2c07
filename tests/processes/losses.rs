//! Processes that are killed: the stated behaviour, within its bound, with a named cause.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{Bench, json, output_of, signal, start, stderr, stdout};

/// Slow enough to be killed in the middle.
const SLOW: &[&str] = &[
    "train.compute=10ms",
    "cluster.workers=3",
    "limits.stop_seconds=5",
];

#[test]
fn a_killed_worker_is_reported_and_the_others_go_on() {
    let bench = Bench::new();
    let run = start(&mut bench.train(SLOW, &[]));
    bench.wait_until_training();
    signal(bench.pid("worker", 1), Signal::SIGKILL);
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("worker 1 ended (signal: 9"),
        "{}",
        stderr(&output)
    );
    let report = bench.report();
    assert_eq!(report["lost_workers"][0]["worker"], 1);
    assert_eq!(
        report["epochs_used"][0]["complete"], true,
        "its data went to the others"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test of real processes measures them"
)]
fn the_end_does_not_wait_for_a_worker_that_was_lost_long_ago() {
    let bench = Bench::new();
    let sets = [
        "train.compute=10ms",
        "cluster.workers=3",
        "limits.lease_seconds=1.5",
        "limits.heartbeat_seconds=0.3",
        "limits.stop_seconds=40",
    ];
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    signal(bench.pid("worker", 1), Signal::SIGSTOP);
    let begun = Instant::now();
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(bench.report()["lost_workers"][0]["worker"], 1);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_killed_worker_ends_a_job_that_says_so() {
    let bench = Bench::new();
    let run = start(&mut bench.train(SLOW, &["--on-worker-loss", "stop"]));
    bench.wait_until_training();
    signal(bench.pid("worker", 2), Signal::SIGKILL);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(1));
    let report = bench.report();
    assert_eq!(report["status"], "failed");
    assert!(
        report["cause"].as_str().unwrap().contains("worker 2"),
        "{}",
        report["cause"]
    );
}

#[test]
fn a_killed_server_ends_the_job_with_its_name() {
    for index in [0, 1] {
        let bench = Bench::new();
        let never = [SLOW, &["checkpoint.restarts=0"]].concat();
        let run = start(&mut bench.train(&never, &[]));
        bench.wait_until_training();
        signal(bench.pid("server", index), Signal::SIGKILL);
        let output = output_of(run);
        assert_eq!(output.status.code(), Some(1));
        let report = bench.report();
        let cause = report["cause"].as_str().unwrap();
        assert!(
            cause.contains(&format!("server {index} ended (signal: 9")),
            "{cause}"
        );
        assert!(stdout(&output).contains("failed"), "{}", stdout(&output));
    }
}

#[test]
fn ctrl_c_ends_in_order_and_keeps_what_was_learnt() {
    let bench = Bench::new();
    let run = start(&mut bench.train(SLOW, &[]));
    bench.wait_until_training();
    let pids: Vec<_> = (0..3).map(|worker| bench.pid("worker", worker)).collect();
    signal(i32::try_from(run.id()).unwrap(), Signal::SIGINT);
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(bench.report()["status"], "interrupted");
    assert!(bench.path("run/parameters.safetensors").is_file());
    for pid in pids {
        assert!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_err());
    }
}

#[test]
fn a_run_ends_in_order_with_whoever_started_it() {
    let bench = Bench::new();
    let mut command = bench.train(SLOW, &["--exit-with-parent"]);
    let mut run = start(command.stdin(std::process::Stdio::piped()));
    bench.wait_until_training();
    drop(run.stdin.take());
    let output = output_of(run);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(bench.report()["status"], "interrupted");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test of real processes measures them"
)]
fn beside_hung_workers_ctrl_c_keeps_the_model_and_the_second_one_ends_at_once() {
    let hung = &["cluster.workers=3", "train.compute=10ms"];
    let lease = &["limits.lease_seconds=2", "limits.stop_seconds=4"];
    for (sets, twice) in [([hung, &lease[..]].concat(), false), (hung.to_vec(), true)] {
        let bench = Bench::new();
        let run = start(&mut bench.train(&sets, &[]));
        bench.wait_until_training();
        for worker in 0..3 {
            signal(bench.pid("worker", worker), Signal::SIGSTOP);
        }
        let launcher = i32::try_from(run.id()).unwrap();
        signal(launcher, Signal::SIGINT);
        let begun = Instant::now();
        if twice {
            std::thread::sleep(Duration::from_millis(700));
            signal(launcher, Signal::SIGINT);
        }
        let output = output_of(run);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(
            bench.path("run/parameters.safetensors").is_file(),
            "{}",
            stderr(&output)
        );
        // One Ctrl-C waits for the workers, `stop_seconds` long.
        assert!(!twice || begun.elapsed() < Duration::from_secs(6));
    }
}

#[test]
fn children_do_not_outlive_a_killed_launcher() {
    let bench = Bench::new();
    let mut run = start(&mut bench.train(SLOW, &[]));
    bench.wait_until_training();
    let pids = [
        bench.pid("worker", 0),
        bench.pid("server", 0),
        bench.pid("server", 1),
    ];
    run.kill().unwrap();
    run.wait().unwrap();
    crate::support::wait_for("the end of the children", || {
        pids.iter()
            .all(|pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), None).is_err())
    });
    let state = json(&bench.path("run/state.json"));
    assert_eq!(
        state["state"], "running",
        "nobody was left to write its end"
    );
    assert_eq!(state["pid"], run.id());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a pause is not an event: it has to last longer than the lease"
)]
fn a_launcher_that_was_paused_past_its_lease_still_reads_the_model() {
    let bench = Bench::new();
    let sets = [
        "train.compute=20ms",
        "cluster.workers=2",
        "limits.lease_seconds=1",
        "limits.heartbeat_seconds=0.3",
        "limits.linger_seconds=0",
        "train.epochs=6",
    ];
    let run = start(&mut bench.train(&sets, &[]));
    bench.wait_until_training();
    let launcher = i32::try_from(run.id()).unwrap();
    signal(launcher, Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(2));
    signal(launcher, Signal::SIGCONT);
    let output = output_of(run);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(bench.report()["status"], "done", "{}", stderr(&output));
    assert!(bench.path("run/parameters.safetensors").is_file());
}
