//! `thalweg demo`: the race, as a new user runs it.

use serde_json::Value;

use crate::support::{Bench, stderr};

#[test]
fn the_race_ends_with_every_row_in_the_books_of_every_racer_once() {
    let bench = Bench::new();
    let output = bench.run(&["demo", "--json", "--out", "race"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let racers = found["racers"].as_array().unwrap();
    let names: Vec<_> = racers
        .iter()
        .map(|racer| racer["method"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["synchronous", "downpour", "adaptive_revision", "easgd"]
    );
    for racer in racers {
        assert_eq!(racer["failed"], Value::Null, "{racer}");
        assert_eq!(racer["every_row_once"], true, "{racer}");
        assert_eq!(racer["workers_lost"], 1, "{racer}");
        let curve = racer["curve"].as_array().unwrap();
        let loss = |point: &Value| point[1].as_f64().unwrap();
        assert!(loss(curve.last().unwrap()) < loss(&curve[0]), "{racer}");
    }
    let sentence = found["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("no acknowledged update lost: 4 workers were killed"),
        "{sentence}"
    );
    for file in ["demo.svg", "demo.html", "demo.json", "downpour/report.html"] {
        assert!(bench.path("race").join(file).is_file(), "{file}");
    }
    let svg = std::fs::read_to_string(bench.path("race/demo.svg")).unwrap();
    assert!(names.iter().all(|name| svg.contains(name)));
}
