//! `thalweg train` under conditions: links that take time, slow machines, killed processes, late workers.

use serde_json::Value;

use crate::support::{Bench, output_of, start, stderr, stdout};

/// Some two seconds of training on four workers, so that things can happen in it.
const LONG: &[&str] = &[
    "cluster.servers=2",
    "cluster.workers=4",
    "train.compute=5ms",
    "train.epochs=2",
];

fn assert_books_are_whole(report: &Value) {
    let epochs = report["epochs_used"].as_array().unwrap();
    assert!(!epochs.is_empty());
    for epoch in epochs {
        assert_eq!(epoch["complete"], true, "{epoch}");
    }
}

#[test]
fn the_report_says_that_all_waited_for_the_straggler() {
    let bench = Bench::new();
    let sets = [LONG, &["method.name=synchronous", "train.epochs=0.5"]].concat();
    let output = output_of(start(&mut bench.train(&sets, &["--straggler", "1:10x"])));
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    let waits = report["waits"].as_array().unwrap();
    let of_others = |on: u64| -> f64 {
        let for_it = waits
            .iter()
            .filter(|wait| wait["on"] == on && wait["worker"] != on);
        for_it.map(|wait| wait["seconds"].as_f64().unwrap()).sum()
    };
    // 47 rounds, in each of which three workers wait for 45 ms.
    assert!(3.0 < of_others(1), "{waits:?}");
    for on in [0, 2, 3] {
        assert!(of_others(on) < 0.3 * of_others(1), "worker {on}: {waits:?}");
    }
    assert!(
        waits.iter().all(|wait| wait["worker"] != wait["on"]),
        "{waits:?}"
    );
    let words = stdout(&output);
    let line = words
        .lines()
        .find(|line| line.starts_with("waits"))
        .unwrap();
    assert!(line.contains("for worker 1"), "{line}");
}

#[test]
fn a_job_under_latency_with_a_slow_a_killed_and_a_late_worker_uses_every_row_once() {
    let bench = Bench::new();
    let conditions = [
        ["--latency", "lognormal:2ms:0.5"],
        ["--jitter", "uniform:0ms:1ms"],
        ["--bandwidth", "200mbit"],
        ["--loss", "0.1%"],
        ["--straggler", "1:4x"],
        ["--kill", "worker:2@600ms"],
        ["--join-late", "worker:3@300ms"],
        ["--kill", "worker:0@20min"],
    ];
    let mut command = bench.train(LONG, &conditions.concat());
    let output = output_of(start(&mut command));
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "done");
    assert_eq!(report["examples"], 6_002);
    assert_books_are_whole(&report);
    let lost = report["lost_workers"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{report}");
    assert_eq!(lost[0]["worker"], 2);
    assert!(
        lost[0]["why"].as_str().unwrap().contains("signal: 9"),
        "{report}"
    );
    let workers = report["per_worker"].as_array().unwrap();
    let of = |worker: usize, key: &str| workers[worker][key].as_f64().unwrap();
    assert!(0.0 < of(3, "examples"), "it came: {report}");
    // 5 ms four times over; what it last said may be one batch behind.
    let batches = of(1, "examples") / 8.0 - 2.0;
    assert!(0.020 * batches <= of(1, "compute_seconds"), "{report}");
    let told = &report["conditions"];
    assert_eq!(told["latency"], "lognormal:2ms:0.5");
    assert_eq!(told["jitter"], "uniform:0ms:1ms");
    assert_eq!(told["bandwidth"], "200mbit");
    assert_eq!(told["loss"], "0.1%");
    assert_eq!(told["stragglers"][0], "1:4x");
    assert_eq!(told["kills"][0], "worker:2@600ms");
    assert_eq!(told["joins"][0], "worker:3@300ms");
    let summary = stdout(&output);
    assert!(
        summary.contains("conditions latency lognormal:2ms:0.5, jitter"),
        "{summary}"
    );
    let words = stderr(&output);
    assert!(
        words.contains("--kill worker:0@20min did not happen"),
        "{words}"
    );
    assert!(
        words.contains("worker 3 comes, as asked: worker:3@300ms")
            && words.contains("killed, as asked: worker:2@600ms"),
        "{words}"
    );
    let processes = crate::support::json(&bench.path("run/processes.json"));
    assert_eq!(processes.as_array().unwrap().len(), 6, "the late one, too");
}

#[test]
fn pulls_over_a_slow_link_wait_for_it() {
    let bench = Bench::new();
    let sets = [
        "cluster.servers=1",
        "cluster.workers=1",
        "data.rows=80",
        "method.overlap=off",
    ];
    let mut command = bench.train(&sets, &["--latency", "10ms"]);
    let output = output_of(start(&mut command));
    assert!(output.status.success(), "{}", stderr(&output));
    let report = bench.report();
    let worker = &report["per_worker"][0];
    let batches = worker["clock"].as_f64().unwrap();
    assert!(10.0 <= batches, "{report}");
    // A pull of each batch goes there and back; the last may not have been told of.
    let waited = worker["waited_seconds"].as_f64().unwrap();
    assert!(0.020 * (batches - 1.0) <= waited, "{report}");
    assert!(0.040 * (batches - 1.0) <= report["train_seconds"].as_f64().unwrap());
}

#[test]
fn a_server_that_is_killed_ends_the_job_and_is_named() {
    let bench = Bench::new();
    let never = [LONG, &["checkpoint.restarts=0"]].concat();
    let mut command = bench.train(&never, &["--kill", "server:1@200ms"]);
    let output = output_of(start(&mut command));
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let report = bench.report();
    assert_eq!(report["status"], "failed");
    let cause = report["cause"].as_str().unwrap();
    assert!(
        cause.contains("server 1 ended (signal: 9 (SIGKILL))"),
        "{cause}"
    );
    assert_eq!(report["conditions"]["kills"][0], "server:1@200ms");
}

#[test]
fn a_specification_that_does_not_parse_is_refused_with_its_grammar() {
    let bench = Bench::new();
    for (flag, spec, grammar) in [
        ("--latency", "fast", "pareto:20ms:2.5"),
        ("--jitter", "gamma:1ms:2", "uniform:10ms:30ms"),
        ("--bandwidth", "1gb", "kbit, mbit or gbit"),
        ("--loss", "2", "1% or 0.01"),
        ("--straggler", "1:0.5x", "rotating:10x:5s"),
        ("--kill", "worker:2", "worker:2@30s"),
        ("--join-late", "late", "worker:2@30s"),
    ] {
        let output = bench.run(&["train", "-q", flag, spec]);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{flag}: {words}");
        assert!(words.contains(flag) && words.contains(spec), "{words}");
        assert!(words.contains(grammar), "{flag}: {words}");
    }
    assert!(!bench.path("runs").try_exists().unwrap());
}

#[test]
fn conditions_that_do_not_fit_the_job_are_refused_before_anything_starts() {
    let bench = Bench::new();
    for (sets, conditions, why) in [
        (
            &["cluster.workers=2"][..],
            &["--straggler", "2:2x"][..],
            "the job has workers 0 to 1",
        ),
        (
            &["cluster.servers=2"],
            &["--kill", "server:2@1s"],
            "the job has servers 0 to 1",
        ),
        (&[], &["--join-late", "server:0@1s"], "name a worker"),
        (
            &["cluster.workers=1"],
            &["--join-late", "worker:0@1s"],
            "let one of them be there",
        ),
        (
            &["method.name=hogwild", "train.batch_size=1"],
            &["--latency", "1ms"],
            "threads of one process",
        ),
    ] {
        let output = bench.train(sets, conditions).output().unwrap();
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(why), "{conditions:?}: {words}");
        let errors = words.lines().filter(|line| !line.starts_with("note: "));
        assert_eq!(errors.count(), 1, "{words}");
        assert!(!bench.path("run").try_exists().unwrap());
    }
    let output = bench.run(&["train", "--join", "127.0.0.1:1", "--latency", "1ms"]);
    assert!(
        stderr(&output).contains("`thalweg proxy`"),
        "{}",
        stderr(&output)
    );
}
