//! Names and hyper-parameters as a job file gives them.

use thalweg_common::optimizer::{OPTIMIZERS, optimizer};
use toml::{Table, Value};

use super::support::{Gradient, Subject, bits, one_group, seeded, subjects, values};

#[test]
fn every_entry_accepts_its_own_defaults() {
    for entry in OPTIMIZERS {
        let defaults: Table = entry.about.defaults.parse().unwrap();
        entry.check(&defaults).unwrap();
        entry.check(&Table::new()).unwrap();
    }
}

#[test]
fn every_hyper_parameter_refuses_minus_one_and_a_word() {
    for entry in OPTIMIZERS {
        let defaults: Table = entry.about.defaults.parse().unwrap();
        for (key, value) in &defaults {
            // What may be −1 must not be 1.
            let is_below_zero = value.as_float().is_some_and(|value| value < 0.0);
            let bad = match value {
                _ if is_below_zero => Value::Float(1.0),
                Value::Array(values) => Value::Array(vec![Value::Float(-1.0); values.len()]),
                _ => Value::Float(-1.0),
            };
            let error = entry
                .check(&Table::from_iter([(key.clone(), bad)]))
                .unwrap_err();
            assert!(
                error.to_string().contains(key.as_str()),
                "{}: {error}",
                entry.name
            );
            let word = Table::from_iter([(key.clone(), Value::String("much".into()))]);
            let error = entry.check(&word).unwrap_err();
            assert!(
                error.to_string().contains(key.as_str()),
                "{}: {error}",
                entry.name
            );
        }
    }
}

#[test]
fn every_hyper_parameter_refuses_what_is_no_finite_number_and_a_list_of_another_length() {
    for entry in OPTIMIZERS {
        let refusal = |key: &str, value: Value| {
            let settings = Table::from_iter([(key.to_owned(), value)]);
            let error = entry.check(&settings).unwrap_err().to_string();
            assert!(error.contains(key), "{}: {error}", entry.name);
            error
        };
        let defaults: Table = entry.about.defaults.parse().unwrap();
        for (key, value) in &defaults {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                match value {
                    Value::Float(_) => drop(refusal(key, bad.into())),
                    Value::Array(values) => {
                        let mut values = values.clone();
                        *values.last_mut().unwrap() = bad.into();
                        refusal(key, Value::Array(values));
                    }
                    _ => {}
                }
            }
            // AggMo has as many velocities as its list says.
            if value.is_array() && entry.name != "aggmo" {
                refusal(key, Value::Array(vec![Value::Float(0.5); 3]));
                refusal(key, Value::Array(vec![Value::Float(0.5)]));
            }
        }
    }
}

#[test]
fn an_unknown_key_is_refused_by_every_entry() {
    for entry in OPTIMIZERS {
        let table = Table::from_iter([("learning_rate".to_owned(), Value::Float(0.1))]);
        let error = entry.check(&table).unwrap_err().to_string();
        assert!(
            error.contains(entry.name) && error.contains("`learning_rate`"),
            "{error}"
        );
    }
}

#[test]
fn an_unknown_optimizer_names_the_one_that_was_meant() {
    let error = optimizer("adagard").unwrap_err().to_string();
    assert!(
        error.starts_with("no optimizer is called `adagard` (did you mean `adagrad`?)"),
        "{error}"
    );
}

#[test]
fn names_are_unique_and_slots_are_named() {
    let mut names: Vec<_> = OPTIMIZERS.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPTIMIZERS.len());
    for subject in subjects() {
        let facts = subject.entry.facts(&subject.settings).unwrap();
        let mut store = subject.build(&one_group(3, 0.0));
        assert_eq!(store.slot_names(), facts.slot_names, "{subject}");
        assert_eq!(
            store.columns().len(),
            1 + facts.slot_names.len(),
            "{subject}"
        );
    }
}

#[test]
fn each_table_of_defaults_is_permitted_and_the_surveys_is_another() {
    for entry in OPTIMIZERS {
        let torch: Table = "defaults = 'torch'".parse().unwrap();
        entry.check(&torch).unwrap();
        let defaults: Table = entry.about.defaults.parse().unwrap();
        let Some(survey) = entry.about.survey else {
            continue;
        };
        entry
            .check(&"defaults = 'survey'".parse().unwrap())
            .unwrap();
        for (key, value) in survey.parse::<Table>().unwrap() {
            assert!(defaults.contains_key(&key), "{}: {key}", entry.name);
            assert_ne!(defaults[&key], value, "{}: {key}", entry.name);
        }
    }
}

#[test]
fn the_surveys_defaults_are_a_start_that_own_settings_change() {
    let spec = one_group(40, 0.0);
    let run = |settings: &str| {
        let subject = Subject {
            entry: optimizer("rmsprop").unwrap(),
            settings: settings.parse().unwrap(),
        };
        let mut store = subject.build(&spec);
        let values = values(&mut seeded(1), 40);
        for count in 1..=3 {
            let dense = Gradient::Dense {
                start: 0,
                values: values.clone(),
            };
            dense.apply(store.as_mut(), count);
        }
        bits(store.as_mut())
    };
    assert_eq!(run("defaults = 'survey'"), run("alpha = 0.9"));
    assert_ne!(run("defaults = 'survey'"), run(""));
    assert_eq!(run("defaults = 'survey'\nalpha = 0.99"), run(""));
    assert_eq!(run("defaults = 'torch'"), run(""));
}

#[test]
fn a_table_of_defaults_that_is_not_there_is_refused() {
    let refusal = |name: &str, settings: &str| {
        let entry = optimizer(name).unwrap();
        entry
            .check(&settings.parse().unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal("rmsprop", "defaults = 'keras'"),
        "`rmsprop`: `defaults` is \"keras\", but must be \"torch\" or \"survey\""
    );
    // Where the surveys have no values of their own, both tables are the same.
    let entry = optimizer("adam_survey").unwrap();
    let survey = entry.complete(&"defaults = 'survey'".parse().unwrap());
    assert_eq!(survey, entry.complete(&Table::new()));
}

/// A setting out of its range for each bound of each kind, and what the refusal says.
const OUT_OF_RANGE: &[(&str, &str, &str)] = &[
    (
        "momentum",
        "momentum = 1.0",
        "`momentum` is 1, but must be at least 0 and below 1: it is the share of itself that a velocity keeps; one that keeps all never comes to rest",
    ),
    (
        "momentum",
        "dampening = 1.5",
        "`dampening` is 1.5, but must be at least 0 and below 1: it is the share of a gradient that the velocity leaves out; at 1 it would take in nothing",
    ),
    (
        "qhm",
        "nu = 1.1",
        "`nu` is 1.1, but must be from 0 to 1: a step is a weighted mean of gradient and velocity",
    ),
    (
        "qhadam",
        "nus = [0.5, 2.0]",
        "`nus[1]` is 2, but must be from 0 to 1: the denominator is a weighted mean of the squared gradient and its mean",
    ),
    (
        "aggmo",
        "betas = []",
        "`number of betas` is 0, but must be at least 1: the step is the mean of the velocities, one \
         for each",
    ),
    (
        "aggmo",
        "betas = [0.5, 1.0]",
        "`betas` is 1, but must be at least 0 and below 1: it is the share of itself that a velocity keeps; one that keeps all never comes to rest",
    ),
    (
        "adagrad",
        "eps = 0.0",
        "`eps` is 0, but must be a finite number above 0, or 0 beside an `initial_accumulator_value` above 0: one of the two keeps steps finite where there was no gradient",
    ),
    (
        "adagrad",
        "lr_decay = inf",
        "`lr_decay` is inf, but must be a finite number of at least 0: below 0, the rate would grow and pass through infinity",
    ),
    (
        "adam",
        "betas = [0.9, 1.0]",
        "`betas[1]` is 1, but must be at least 0 and below 1: it is the share of itself that a mean keeps; one that keeps all never takes in a gradient",
    ),
    (
        "adam",
        "eps = nan",
        "`eps` is NaN, but must be a finite number above 0: it keeps steps finite where gradients are zero, or next to it",
    ),
    (
        "nadam",
        "momentum_decay = -0.1",
        "`momentum_decay` is -0.1, but must be a finite number of at least 0: below 0, the momentum would fall and become negative",
    ),
    (
        "ftrl",
        "lambda1 = -2.0",
        "`lambda1` is -2, but must be a finite number of at least 0: it is how far z must go before a parameter leaves zero",
    ),
    (
        "asgd",
        "t0 = -1.0",
        "`t0` is -1, but must be a finite number of at least 0: it is the number of steps before the average begins",
    ),
];

#[test]
fn a_value_out_of_range_is_refused_with_its_range_and_the_reason() {
    for (name, settings, refusal) in OUT_OF_RANGE {
        let entry = optimizer(name).unwrap();
        let error = entry.check(&settings.parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), *refusal, "{name}: {settings}");
    }
    let entry = optimizer("nadamax").unwrap();
    let error = entry
        .check(&"eps_mode = 'most'".parse().unwrap())
        .unwrap_err();
    assert!(
        error.to_string().contains("`none`, `max`, `add`"),
        "{error}"
    );
}

#[test]
fn every_entry_says_what_it_is() {
    for entry in OPTIMIZERS {
        assert!(!entry.about.formula.is_empty(), "{}", entry.name);
        assert!(!entry.about.source.is_empty(), "{}", entry.name);
        assert!(!entry.about.differences.is_empty(), "{}", entry.name);
    }
}
