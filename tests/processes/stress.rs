//! `thalweg stress`: a real cluster under faults, judged by what its result file says.

use std::process::Output;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, output_of, signal, start, stderr, wait_for};

fn result(bench: &Bench, out: &str) -> Value {
    let text = std::fs::read(bench.path(out).join("result.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn check<'a>(cell: &'a Value, name: &str) -> &'a Value {
    let mut checks = cell["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap()
}

fn sum(cell: &Value, key: &str) -> u64 {
    let workers = cell["workers"].as_array().unwrap();
    workers
        .iter()
        .map(|tally| tally[key].as_u64().unwrap())
        .sum()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    stderr(output)
}

#[test]
fn under_latency_loss_and_dropped_acknowledgements_every_promise_holds() {
    let bench = Bench::new();
    let output = bench.run(&["stress", "--quick", "-q", "--json", "--out", "s"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = result(&bench, "s");
    assert_eq!(told, found);
    assert!(output.status.success(), "{found:#}");
    assert_eq!(found["passed"], true);
    let cells = found["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 4);
    let pairs: Vec<_> = cells
        .iter()
        .map(|cell| cell["consistency"].as_str().unwrap())
        .collect();
    assert_eq!(pairs, ["bsp", "asp", "bsp", "asp"]);
    for cell in cells {
        // The same again without the command's own verdict.
        let workers = cell["workers"].as_array().unwrap();
        assert_eq!(workers.len(), 4);
        for tally in workers {
            assert!(200 <= tally["iterations"].as_u64().unwrap(), "{cell:#}");
        }
        let pushes = sum(cell, "iterations");
        let counters = &cell["counters"];
        assert_eq!(counters["expected"], pushes);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let exact = Some(pushes as f64);
        assert_eq!(counters["least"].as_f64(), exact);
        assert_eq!(counters["most"].as_f64(), exact);
        assert!(0 < cell["bytes_delayed"].as_u64().unwrap());
        assert!(cell["loss"].as_f64().unwrap() < 0.69, "{cell:#}");
        assert!(0.0 < cell["predicted"]["examples_per_second"].as_f64().unwrap());
        for name in [
            "no hang",
            "clock lead",
            "staleness",
            "counted once",
            "memory",
            "faults",
        ] {
            assert_eq!(check(cell, name)["holds"], true, "{cell:#}");
        }
        if cell["consistency"] == "bsp" {
            assert_eq!(cell["lead"]["max"], 0, "{cell:#}");
            assert!(cell["staleness_max"].as_u64().unwrap() <= 3, "{cell:#}");
        }
    }
    for cell in &cells[2..] {
        assert!(100 <= sum(cell, "acks_dropped"), "of some 320: {cell:#}");
        assert!(100 <= cell["duplicates"].as_u64().unwrap(), "{cell:#}");
        assert!(0 < cell["retransmissions"].as_u64().unwrap(), "{cell:#}");
    }
    for name in [
        "report.html",
        "throughput.svg",
        "staleness.svg",
        "errors.svg",
    ] {
        assert!(bench.path("s").join(name).is_file(), "{name}");
    }
}

#[test]
fn pairs_that_cannot_be_are_listed_and_not_counted_and_cells_without_time_fail_the_run() {
    let bench = Bench::new();
    let arguments = [
        "stress",
        "-q",
        "--latency",
        "0ms",
        "--methods",
        "synchronous,hogwild",
        "--consistency",
        "ssp",
        "--duration",
        "1",
        "--out",
        "s",
    ];
    let output = bench.run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = result(&bench, "s");
    assert_eq!(found["passed"], false);
    let names = |key: &str| -> Vec<String> {
        let left = found[key].as_array().unwrap().iter();
        left.map(|pair| {
            format!(
                "{} {}",
                pair["method"].as_str().unwrap(),
                pair["consistency"].as_str().unwrap()
            )
        })
        .collect()
    };
    assert_eq!(names("refused"), ["synchronous ssp", "hogwild ssp"]);
    // It was added, since neither of the others counts pushes there.
    assert_eq!(names("not_run"), ["downpour ssp"]);
    assert!(found["cells"].as_array().unwrap().is_empty());
}

#[test]
fn an_interruption_keeps_what_is_whole() {
    let bench = Bench::new();
    let arguments = [
        "stress",
        "--latency",
        "0ms,5s",
        "--methods",
        "downpour",
        "--consistency",
        "asp",
        // So long that a worker that starts late on a busy machine still makes its share.
        "--compute",
        "10ms",
        "--duration",
        "100000",
        "--out",
        "s",
    ];
    let child = start(&mut bench.command(&arguments));
    // The first cell takes no time but its processes', the second a quarter of an hour.
    for (cell, name) in [("the first cell", "001"), ("the second cell", "002")] {
        let begun = bench.path(&format!("s/{name}-downpour-asp/processes.json"));
        wait_for(cell, || begun.is_file());
    }
    signal(i32::try_from(child.id()).unwrap(), Signal::SIGINT);
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(130));
    let found = result(&bench, "s");
    assert_eq!(found["interrupted"], true);
    assert_eq!(found["cells"].as_array().unwrap().len(), 1);
    assert_eq!(found["cells"][0]["passed"], true, "{found:#}");
}

#[test]
fn what_cannot_be_run_is_refused_in_one_line() {
    let bench = Bench::new();
    let words = refusal(&bench.run(&["stress", "--methods", "downpuor"]));
    assert!(words.contains("downpuor"), "{words}");
    let words = refusal(&bench.run(&["stress", "--duration", "0"]));
    assert!(words.contains("--duration 0"), "{words}");
    let words = refusal(&bench.run(&["stress", "--only", "nothing-like-this"]));
    assert!(words.contains("--only nothing-like-this"), "{words}");
    let words = refusal(&bench.run(&[
        "stress",
        "-q",
        "--latency",
        "0ms",
        "--straggler",
        "9:4x",
        "--methods",
        "downpour",
    ]));
    assert!(words.contains("worker 9"), "{words}");
    let output = bench.run(&["stress", "--consistency", "eventual"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("bsp, ssp or asp"),
        "{}",
        stderr(&output)
    );
}
