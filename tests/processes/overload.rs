//! `thalweg bench overload`: too much for a server, and floods, judged by the command and again by what it prints.

use std::io::BufRead as _;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, output_of, signal, start, stderr};

const FLOODS: [&str; 12] = [
    "random-bytes",
    "tls-bytes",
    "rapid-reset",
    "pings",
    "settings",
    "empty-data",
    "continuation",
    "slow-loris",
    "open-streams",
    "zero-window",
    "large-message",
    "half-handshakes",
];

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn too_much_is_refused_with_a_hint_and_floods_keep_nobody_out() {
    let bench = Bench::new();
    let output = bench.run(&["bench", "overload", "--quick", "--quiet", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(output.status.success(), "{}{found:#}", stderr(&output));
    assert_eq!(found["passed"], true);
    assert_eq!(found["extent"], "quick");
    // The same again without the command's own verdict.
    let limit = count(&found["memory_bytes_max"]);
    let sessions = count(&found["peak"]["sessions"]);
    assert!(0.0 < found["peak"]["rate"]["applied"].as_f64().unwrap());
    let presses = found["presses"].as_array().unwrap();
    let names: Vec<_> = presses.iter().map(|press| &press["name"]).collect();
    assert_eq!(names, ["overload", "overload-rude"]);
    for press in presses {
        assert_eq!(count(&press["sessions"]), 10 * sessions);
        assert!(0 < count(&press["refusals_hinted"]), "{press:#}");
        assert_eq!(press["refusals_bare"], 0);
        assert!(0.0 < press["rate"]["refused"].as_f64().unwrap());
        assert!(0 < count(&press["acknowledged"]), "{press:#}");
        assert_eq!(press["applied"], press["acknowledged"]);
        if cfg!(target_os = "linux") {
            let peak = count(&press["memory"]["peak"]);
            assert!(1 << 20 < peak && peak <= limit, "{press:#}");
        }
    }
    let floods = found["floods"].as_array().unwrap();
    let names: Vec<_> = floods.iter().map(|flood| &flood["name"]).collect();
    assert_eq!(names, FLOODS);
    for flood in floods {
        let did = &flood["did"];
        for what in ["bytes", "past_opening", "connections"] {
            assert!(
                count(&flood["least"][what]) <= count(&did[what]),
                "{flood:#}"
            );
        }
        assert!(0.0 < flood["beside"]["applied"].as_f64().unwrap());
        assert!(flood["newcomer_seconds"].is_number(), "{flood:#}");
        assert!(0 < count(&flood["acknowledged"]));
        assert_eq!(flood["applied"], flood["acknowledged"], "{flood:#}");
        if cfg!(target_os = "linux") {
            assert!(count(&flood["memory"]["peak"]) <= limit, "{flood:#}");
        }
    }
    let flood = |name: &str| floods.iter().find(|flood| flood["name"] == name).unwrap();
    for broken in ["random-bytes", "tls-bytes", "rapid-reset", "continuation"] {
        assert!(
            0 < count(&flood(broken)["did"]["cut"]),
            "{:#}",
            flood(broken)
        );
    }
}

#[test]
fn a_part_that_there_is_not_is_refused_and_an_interrupted_run_ends_in_order() {
    let bench = Bench::new();
    let output = bench.run(&["bench", "overload", "--only", "pongs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--only pongs: there is no such part"));
    let mut command = bench.command(&["bench", "overload", "--only", "pings", "--json"]);
    let mut child = start(&mut command);
    // Its first words come once it listens to signals, or just before.
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let first = said.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("peak: ")));
    assert!(first.is_some(), "the first try of the peak is told");
    signal(i32::try_from(child.id()).unwrap(), Signal::SIGINT);
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(130));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["interrupted"], true);
    assert_eq!(found["passed"], false);
}
