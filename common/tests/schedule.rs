//! What every schedule of the registry is held to, beside the numbers of its reference.

use thalweg_common::schedule::{Lengths, Moment, SCHEDULES, Schedule, Unit, schedule};
use toml::{Table, Value};

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
