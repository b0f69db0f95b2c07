//! Schedules against the numbers of `torch.optim.lr_scheduler`, one scheduler step being one epoch.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thalweg_common::schedule::{Lengths, Moment, SCHEDULES, Schedule, Unit, schedule};
use toml::{Table, Value};

#[derive(Deserialize)]
struct File {
    base_lr: f64,
    epochs: u64,
    schedules: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    schedule: String,
    hyper: serde_json::Map<String, serde_json::Value>,
    lr: Vec<f64>,
}

/// Rows of an epoch, and examples of a step: a step of the reference is an epoch of ours.
const ROWS: u64 = 977;

/// The file's word for a schedule or a setting, in the registry's words.
fn word(word: &str) -> &str {
    match word {
        "k" => "decay_rate",
        "total" => "total_iters",
        "cosine_torch_periodic" => "cosine_periodic",
        "linear_warmup_then_constant" => "linear_warmup",
        word => word,
    }
}

/// The schedule of a case.
fn build(case: &Case) -> Box<dyn Schedule> {
    if case.schedule == "linear_warmup_then_cosine" {
        let warmup = case.hyper["warmup"].as_f64().expect("warmup is a number");
        let settings = format!(
            "milestones = [{warmup:.1}]
             phases = [{{ name = 'linear_warmup', warmup = {warmup:.1} }}, {{ name = 'cosine' }}]"
        );
        return of("sequence", &settings);
    }
    let settings = case.hyper.iter().filter(|(key, _)| *key != "note");
    let settings = settings.map(|(key, value)| (word(key).to_owned(), to_toml(value)));
    let entry =
        schedule(word(&case.schedule)).expect("every schedule of the file is in the registry");
    entry
        .build(&settings.collect())
        .expect("the file's settings are valid")
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
    let lengths = Lengths {
        epoch: ROWS,
        step: ROWS,
        job: ROWS * file.epochs,
    };
    for case in &file.schedules {
        let schedule = build(case);
        for (epoch, expected) in (0..).zip(&case.lr) {
            let moment = Moment::new(epoch * ROWS, Unit::Epochs, &lengths);
            let rate = schedule.value(file.base_lr, &moment);
            assert!(
                (rate - expected).abs() <= 1e-12,
                "{} epoch {epoch}: {rate}, expected {expected}",
                case.schedule
            );
        }
    }
    println!(
        "golden: checked {0} of {0} schedules in {1}",
        file.schedules.len(),
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
            let settings = Table::from_iter([(key.clone(), bad)]);
            let text = entry.build(&settings).unwrap_err().to_string();
            let what = if text.contains("expected a map") {
                "map"
            } else {
                key
            };
            assert!(text.contains(what), "{} {key}: {text}", entry.name);
        }
    }
}

#[test]
fn every_schedule_is_finite_and_not_negative_to_the_end_and_past_it() {
    for entry in SCHEDULES {
        let schedule = entry.build(&Table::new()).unwrap();
        for progress in 0..700 {
            let value = value(schedule.as_ref(), 0.1, progress);
            assert!(value.is_finite() && 0.0 <= value, "{}: {value}", entry.name);
        }
    }
}

#[test]
fn an_interval_may_end_inside_an_epoch() {
    let halves = of("step", "step_size = 0.25\ngamma = 0.5");
    let rates = [0, 24, 25, 49, 50, 100].map(|n| value(halves.as_ref(), 1.0, n));
    assert_eq!(rates.to_vec(), [1.0, 1.0, 0.5, 0.5, 0.25, 0.0625]);
}

#[test]
fn time_may_run_in_steps() {
    let step = of("step", "step_size = 3.0\ngamma = 0.5");
    let rate = |progress| step.value(1.0, &Moment::new(progress, Unit::Steps, &LENGTHS));
    assert_eq!([0, 29, 30, 60].map(rate).to_vec(), [1.0, 1.0, 0.5, 0.25]);
}

#[test]
fn a_phase_sees_its_own_time_and_its_own_length() {
    let phases = of(
        "sequence",
        "milestones = [1.0, 3.0]
         phases = [{ name = 'constant' }, { name = 'polynomial' }, { name = 'polynomial' }]",
    );
    let rates = [0, 99, 100, 200, 299, 300, 450].map(|n| value(phases.as_ref(), 8.0, n));
    assert_eq!(rates[..4], [8.0, 8.0, 8.0, 4.0]);
    assert!((rates[4] - 0.04).abs() < 1e-12);
    assert_eq!(rates[5..], [8.0, 4.0]);
}

#[test]
fn factors_act_at_once() {
    let both = of(
        "product",
        "factors = [{ name = 'linear_warmup', warmup = 2.0 }, { name = 'exponential', gamma = 0.5 }]",
    );
    let warm = of("linear_warmup", "warmup = 2.0");
    let falling = of("exponential", "gamma = 0.5");
    for progress in (0..600).step_by(7) {
        let product = value(warm.as_ref(), 0.5, progress) * value(falling.as_ref(), 1.0, progress);
        let found = value(both.as_ref(), 0.5, progress);
        assert!((found - product).abs() < 1e-15, "{progress}: {found}");
    }
}

#[test]
fn one_cycle_passes_its_three_heights() {
    let cycle = of("one_cycle", "");
    for (progress, expected) in [(0, 0.04), (180, 1.0), (600, 0.04 / 1e4), (900, 0.04 / 1e4)] {
        let rate = value(cycle.as_ref(), 1.0, progress);
        assert!((rate - expected).abs() < 1e-15, "{progress}: {rate}");
    }
}

#[test]
fn a_ramp_ends_where_it_was_sent() {
    let ramp = of("ramp", "to = 0.9\nover = 3.0");
    let momenta = [0, 150, 300, 500].map(|n| value(ramp.as_ref(), 0.5, n));
    assert_eq!(momenta.to_vec(), [0.5, 0.7, 0.9, 0.9]);
}

#[test]
fn a_wrong_phase_is_named_with_the_one_that_was_meant() {
    let phases = "phases = [{ name = 'cosin' }]\nmilestones = []";
    let entry = schedule("sequence").unwrap();
    let text = entry
        .build(&phases.parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(text.contains("did you mean `cosine`?"), "{text}");
    let short = "phases = [{ name = 'cosine' }]\nmilestones = [1.0]";
    let text = entry
        .build(&short.parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(text.contains("one fewer than `phases`"), "{text}");
}

/// A job of six epochs of ten steps of ten examples.
const LENGTHS: Lengths = Lengths {
    epoch: 100,
    step: 10,
    job: 600,
};

fn of(name: &str, settings: &str) -> Box<dyn Schedule> {
    let entry = schedule(name).expect("tests name schedules that exist");
    let settings = settings.parse().expect("tests write valid TOML");
    entry.build(&settings).expect("tests give valid settings")
}

fn value(schedule: &dyn Schedule, base: f64, progress: u64) -> f64 {
    schedule.value(base, &Moment::new(progress, Unit::Epochs, &LENGTHS))
}
