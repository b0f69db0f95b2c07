//! What every feedback rule of the registry is held to, beside the numbers of its reference.

use thalweg_common::feedback::{FEEDBACKS, Feedback, feedback};
use toml::Table;

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

#[test]
fn a_rule_that_recalls_its_memory_goes_on_as_if_it_had_never_stopped() {
    let losses = [5.0, 4.0, 4.0, 4.0, f64::NAN, 4.0, 3.0, 3.0, 3.0, 3.0, 2.0];
    for entry in FEEDBACKS {
        let settings = match entry.name {
            "reduce_on_plateau" => "patience = 1\ncooldown = 1",
            _ => "",
        };
        for cut in 0..losses.len() {
            let mut whole = of(entry.name, settings);
            let rate = *rates(whole.as_mut(), 1.0, &losses[..cut])
                .last()
                .unwrap_or(&1.0);
            let mut later = of(entry.name, settings);
            assert!(later.recall(&whole.memory()), "{}", entry.name);
            let rest = &losses[cut..];
            let expected = rates(whole.as_mut(), rate, rest);
            assert_eq!(
                rates(later.as_mut(), rate, rest),
                expected,
                "{}",
                entry.name
            );
        }
        let mut rule = of(entry.name, settings);
        assert!(!rule.recall(&[1.0, 2.0]), "{}", entry.name);
    }
}
