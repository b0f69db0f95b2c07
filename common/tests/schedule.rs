//! Schedules against the numbers of `torch.optim.lr_scheduler`, one scheduler step being one epoch.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thalweg_common::schedule::{SCHEDULES, schedule};
use toml::{Table, Value};

#[derive(Deserialize)]
struct File {
    base_lr: f64,
    schedules: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    schedule: String,
    hyper: serde_json::Map<String, serde_json::Value>,
    lr: Vec<f64>,
}

/// The file's word for a setting, in the registry's words.
fn key(word: &str) -> String {
    (if word == "k" { "decay_rate" } else { word }).to_owned()
}

fn to_toml(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Array(values) => Value::Array(values.iter().map(to_toml).collect()),
        value => Value::Float(value.as_f64().expect("settings are numbers")),
    }
}

#[test]
fn golden_rates_are_those_of_the_reference() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("THALWEG_GOLDEN").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("schedules_1.json")).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    let rows = 977;
    for entry in SCHEDULES {
        let case = file
            .schedules
            .iter()
            .find(|case| case.schedule == entry.name);
        let case = case.unwrap_or_else(|| panic!("`{}` has no golden rates", entry.name));
        let settings = case
            .hyper
            .iter()
            .map(|(word, value)| (key(word), to_toml(value)));
        let schedule = entry.build(&settings.collect()).unwrap();
        for (epoch, expected) in (0..).zip(&case.lr) {
            let rate = schedule.rate(file.base_lr, epoch * rows, rows);
            assert!(
                (rate - expected).abs() <= 1e-12,
                "{} epoch {epoch}: {rate}",
                entry.name
            );
        }
    }
    println!(
        "golden: checked {0} of {0} schedules in {1}",
        SCHEDULES.len(),
        folder.display()
    );
}

#[test]
fn every_entry_accepts_its_defaults_and_refuses_minus_one() {
    for entry in SCHEDULES {
        let defaults: Table = entry.defaults.parse().unwrap();
        entry.build(&defaults).unwrap();
        for (key, value) in &defaults {
            let bad = match value {
                Value::Array(_) => Value::Array(vec![Value::Float(-1.0)]),
                _ => Value::Float(-1.0),
            };
            let error = entry
                .build(&Table::from_iter([(key.clone(), bad)]))
                .unwrap_err();
            assert!(error.to_string().contains(key.as_str()), "{error}");
        }
    }
}

#[test]
fn an_interval_may_end_inside_an_epoch() {
    let settings: Table = "step_size = 0.25\ngamma = 0.5".parse().unwrap();
    let halves = schedule("step").unwrap().build(&settings).unwrap();
    let rates: Vec<f64> = [0, 24, 25, 49, 50, 100]
        .map(|n| halves.rate(1.0, n, 100))
        .to_vec();
    assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.25, 0.0625]);
}
