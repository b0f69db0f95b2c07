//! Names and hyper-parameters as a job file gives them.

use thalweg_common::optimizer::{OPTIMIZERS, optimizer};
use toml::{Table, Value};

#[test]
fn every_entry_accepts_its_own_defaults() {
    for entry in OPTIMIZERS {
        let defaults: Table = entry.defaults.parse().unwrap();
        entry.check(&defaults).unwrap();
        entry.check(&Table::new()).unwrap();
    }
}

#[test]
fn every_hyper_parameter_refuses_minus_one_and_a_word() {
    for entry in OPTIMIZERS {
        let defaults: Table = entry.defaults.parse().unwrap();
        for (key, value) in &defaults {
            let bad = match value {
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
    for entry in OPTIMIZERS {
        let spec = super::support::one_group(3, 0.0);
        let mut store = super::support::build(entry, &spec);
        assert_eq!(
            store.columns().len(),
            1 + entry.slot_names.len(),
            "{}",
            entry.name
        );
    }
}
