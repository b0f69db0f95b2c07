//! Feedback rules against the numbers of `torch.optim.lr_scheduler.ReduceLROnPlateau`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use thalweg_common::feedback::{FEEDBACKS, Feedback, feedback};
use toml::Table;

#[derive(Deserialize)]
struct File {
    base_lr: f64,
    plateau: Plateau,
}

#[derive(Deserialize)]
struct Plateau {
    metric: Vec<f64>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    hyper: serde_json::Map<String, Value>,
    lr_after_metric: Vec<f64>,
}

fn of(name: &str, settings: &str) -> Box<dyn Feedback> {
    let entry = feedback(name).expect("tests name rules that exist");
    let settings = settings.parse().expect("tests write valid TOML");
    entry.build(&settings).expect("tests give valid settings")
}

/// The rates after each of the losses, from `rate` on.
fn rates(rule: &mut dyn Feedback, rate: f64, losses: &[f64]) -> Vec<f64> {
    let mut rate = rate;
    let observe = |loss: &f64| {
        rate = rule.observe(rate, *loss);
        rate
    };
    losses.iter().map(observe).collect()
}

#[test]
fn a_plateau_lowers_the_rate_when_the_reference_does() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("THALWEG_GOLDEN").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("schedules_1.json")).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    assert!(!file.plateau.runs.is_empty());
    for run in &file.plateau.runs {
        let mut settings = String::new();
        for (key, value) in &run.hyper {
            match key.as_str() {
                "mode" => assert_eq!(value, "min", "losses are to fall"),
                _ => settings.push_str(&format!("{key} = {value}\n")),
            }
        }
        let mut rule = of("reduce_on_plateau", &settings);
        let found = rates(rule.as_mut(), file.base_lr, &file.plateau.metric);
        assert_eq!(found.len(), run.lr_after_metric.len());
        for (step, (found, expected)) in found.iter().zip(&run.lr_after_metric).enumerate() {
            assert!(
                (found - expected).abs() <= 1e-12,
                "{settings}{step}: {found}"
            );
        }
    }
}

#[test]
fn a_small_change_lowers_the_rate_and_a_large_one_does_not() {
    let mut rule = of("reduce_on_small_change", "threshold = 0.1\nmin_lr = 0.3");
    let found = rates(
        rule.as_mut(),
        1.0,
        &[5.0, 4.0, 3.95, f64::NAN, 6.0, 6.05, 6.0],
    );
    assert_eq!(found, [1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3]);
}

#[test]
fn a_rate_below_the_floor_is_not_raised() {
    for name in ["reduce_on_plateau", "reduce_on_small_change"] {
        let mut rule = of(name, "min_lr = 0.5");
        assert_eq!(rates(rule.as_mut(), 0.2, &[1.0; 40]), [0.2; 40], "{name}");
    }
}

#[test]
fn every_entry_accepts_its_defaults_and_refuses_minus_one() {
    for entry in FEEDBACKS {
        let defaults: Table = entry.defaults.parse().unwrap();
        entry.build(&defaults).unwrap();
        for key in defaults.keys() {
            let settings = Table::from_iter([(key.clone(), toml::Value::Float(-1.0))]);
            let text = entry.build(&settings).unwrap_err().to_string();
            let what = if key == "threshold_mode" {
                "variant"
            } else {
                "-1"
            };
            assert!(
                text.contains(what) || text.contains(key.as_str()),
                "{key}: {text}"
            );
        }
    }
}
