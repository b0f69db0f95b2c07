//! `thalweg list`: whatever a job may name can be found with all that there is to say of it.

use serde_json::Value;
use thalweg_common::optimizer::OPTIMIZERS;

use crate::support::{Bench, stderr, stdout};

/// What the command prints.
fn printed(arguments: &[&str]) -> String {
    let output = Bench::new().run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    stdout(&output)
}

#[test]
fn one_optimizer_is_shown_with_its_state_and_its_numbered_differences() {
    let text = printed(&["list", "optimizers", "adamw"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "adamw");
    assert_eq!(
        lines[1].trim(),
        "x ← (1 − lr·l2)·x, then adam's step, or amsgrad's"
    );
    let state = "state        exp_avg, exp_avg_sq; with the parameter 12 bytes; with amsgrad = true: \
                 exp_avg, exp_avg_sq, max_exp_avg_sq; with the parameter 16 bytes";
    assert_eq!(lines[2].trim(), state);
    for part in [
        "eps = 1e-8",
        "amsgrad = false",
        "Loshchilov, Hutter",
        "1. the weight decay",
    ] {
        assert!(text.contains(part), "no {part}: {text}");
    }
}

#[test]
fn every_optimizer_is_listed_with_formula_state_keys_and_source() {
    let text = printed(&["list", "optimizers"]);
    for entry in OPTIMIZERS {
        let about = &entry.about;
        for part in [about.formula, about.source] {
            assert!(text.contains(part), "{}: no {part}", entry.name);
        }
        for key in about.defaults.lines() {
            assert!(text.contains(key), "{}: no {key}", entry.name);
        }
    }
    assert_eq!(text.matches("  state: ").count(), OPTIMIZERS.len());
}

#[test]
fn programs_get_every_registry_with_all_that_there_is_to_say() {
    let all: Value = serde_json::from_str(&printed(&["list", "--json"])).unwrap();
    let kinds = [
        "jobs",
        "datasets",
        "models",
        "transforms",
        "methods",
        "optimizers",
        "schedules",
        "feedbacks",
        "regularizers",
    ];
    for kind in kinds {
        let entries = all[kind].as_array().unwrap();
        assert!(!entries.is_empty(), "{kind}");
        for entry in entries {
            assert!(
                entry["name"].is_string() && entry["about"].is_string(),
                "{entry}"
            );
        }
    }
    let one: Value =
        serde_json::from_str(&printed(&["list", "optimizers", "rmsprop", "--json"])).unwrap();
    let rmsprop = &one["optimizers"][0];
    assert_eq!(rmsprop["keys"]["alpha"], 0.99);
    assert_eq!(rmsprop["surveys"]["alpha"], 0.9);
    assert_eq!(rmsprop["state"]["slots"], serde_json::json!(["square_avg"]));
    assert_eq!(rmsprop["state"]["bytes_per_parameter"], 8);
    assert!(!rmsprop["differences"].as_array().unwrap().is_empty());
}

#[test]
fn a_name_that_is_not_there_is_refused_with_the_one_that_was_meant() {
    for (kind, name, meant) in [
        ("optimizers", "nadm", "nadam"),
        ("schedules", "cosin", "cosine"),
        ("regularizers", "simplx", "simplex"),
        ("transforms", "gausian_noise", "gaussian_noise"),
        ("feedbacks", "reduce_plateau", "reduce_on_plateau"),
        ("models", "logistic", "logistic_regression"),
    ] {
        let output = Bench::new().run(&["list", kind, name]);
        let complaint = stderr(&output);
        assert!(!output.status.success(), "{kind} {name}");
        assert!(
            complaint.contains(&format!("did you mean `{meant}`?")),
            "{complaint}"
        );
    }
}
