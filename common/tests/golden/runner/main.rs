//! The numbers of independent references: every golden file of a folder, by its format.
//!
//! A file is checked, or belongs to later work by [`ELSEWHERE`], or is a failure: one that cannot be
//! read, whose algorithm or setting the registry does not have, or that holds nothing to compare
//! counts as much as a wrong number.

mod asynchronous;
mod compress;
mod edge;
mod folder;
mod numbers;
mod path;
mod plateau;
mod run;
mod schedule;
mod strategies;
mod trajectory;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg_common::optimizer::OPTIMIZERS;

use self::folder::Folder;
use self::numbers::Findings;
use self::run::registry_name;

/// Formats that come with what they describe: none of their files is checked here.
const ELSEWHERE: &[(&str, &str)] = &[(
    "psgold-consistency/1",
    "checked in virtual time by the tests of thalweg: tests/traces",
)];

/// Parts of checked files that are checked elsewhere, or come with what they describe.
const PARTS_ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "psgold-compress/1",
        "fp16, rounding at random, one_bit, ef_sign, top_k",
        "come with the codecs that they describe",
    ),
    (
        "psgold-schedule/1",
        "gradient_noise",
        "checked by thalweg-worker, which adds the noise",
    ),
    (
        "psgold-async/1",
        "downpour, easgd_*, eamsgd_*, local_sgd, diloco, n_softsync",
        "take workers or rounds: driven over gRPC by the tests of thalweg, tests/traces",
    ),
    (
        "psgold-strategies/1",
        "hogwild_* (checked by thalweg-worker), batch_norm, dropout, stochastic_pooling, init, gradient_check_beale",
        "come with the models and methods that they describe",
    ),
];

/// Files in such a folder that hold no numbers.
const NO_GOLDEN_FILES: &[&str] = &["cases.json"];

/// Optimizers without a golden file, each with the reason.
const WITHOUT: &[(&str, &str)] = &[];

#[test]
fn every_golden_file_has_the_numbers_of_its_reference() {
    let path = std::env::var_os("THALWEG_GOLDEN").map_or_else(own_folder, PathBuf::from);
    let folder = Folder::judge(&path);
    for line in folder.summary() {
        say(&line);
    }
    let failures = folder.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_optimizer_has_a_golden_file_or_a_reason() {
    let algorithms = Folder::judge(&own_folder()).algorithms();
    for entry in OPTIMIZERS {
        let has_file = algorithms
            .iter()
            .any(|algorithm| registry_name(algorithm) == entry.name);
        let has_reason = WITHOUT.iter().any(|(name, _)| *name == entry.name);
        assert!(
            has_file != has_reason,
            "`{}` needs a golden file or a reason",
            entry.name
        );
    }
}

#[test]
fn a_golden_file_with_a_flaw_is_a_failure() {
    let flaws: &[(&str, &str, Value)] = &[
        ("adam_1", "/params/float64/24/12", (-1.0).into()),
        ("adam_1", "/params/float32/0", Value::Array(Vec::new())),
        ("adam_1", "/params/float32", Value::Array(Vec::new())),
        ("adam_1", "/algorithm", "adamant".into()),
        (
            "adam_1",
            "/hyper",
            serde_json::json!({"betas": [0.9, 0.999]}),
        ),
        ("adam_1", "/hyper/eps", "small".into()),
        ("adam_1", "/format", "psgold-tea/1".into()),
        ("adam_1", "/format", Value::Null),
        ("adam_1", "/grads", "none".into()),
        ("adam_1", "/grads", Value::Array(Vec::new())),
        ("adam_1", "/grads/3", serde_json::json!([1.0])),
        (
            "momentum_3_lr_schedule",
            "/hyper/lr_schedule",
            serde_json::json!([0.1, 0.2]),
        ),
        (
            "sparse_adam_1",
            "/updates/0/rows",
            serde_json::json!([99, 99, 99, 99]),
        ),
        ("sparse_adam_1", "/params/float32/7/2", 4.0.into()),
        ("edge_values", "/runs/3/params/float32/2/1", "NaN".into()),
        ("edge_values", "/runs", Value::Array(Vec::new())),
        ("nag_lookahead_1", "/v/20/1", 0.0.into()),
        ("surface_beale", "/runs/14/path/199/1", 0.0.into()),
        ("surface_beale", "/surface", "table".into()),
        ("adarev_3_random", "/events/81/w/2", 0.25.into()),
        ("adarev_4_random_sparse", "/events/82/gbar/0", 0.25.into()),
        ("ftrl_adarev_1", "/hyper/beta", 2.0.into()),
        ("gap_aware_1", "/events/47/avg_step/3", 0.25.into()),
        ("dc_asgd_a_2_per_worker", "/hyper/lambda0", 0.21.into()),
        ("staleness_aware_1", "/events/30/tau", 9.into()),
        (
            "strategies_1",
            "/simplex_projection/cases/7/x/0",
            0.4.into(),
        ),
        ("strategies_1", "/prox/lazy_elastic_stepwise/0", 0.0.into()),
        ("schedules_1", "/schedules/12/lr/59", 0.0.into()),
        ("compression_1", "/half/bf16_bits/7", 0.into()),
        ("compression_1", "/int8/q_nearest_even/9", 126.into()),
        ("compression_1", "/int8/scale/2", 0.97.into()),
        ("schedules_1", "/schedules/12/schedule", "moan".into()),
        (
            "schedules_1",
            "/plateau/runs/1/lr_after_metric/40",
            0.0.into(),
        ),
    ];
    for (name, place, value) in flaws {
        let text = fs::read_to_string(own_folder().join(format!("{name}.json"))).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        let failures = |file: &Value| check(file).unwrap().failures;
        assert_eq!(failures(&file), Vec::<String>::new(), "{name}");
        *file.pointer_mut(place).expect(place) = value.clone();
        assert_ne!(
            failures(&file),
            Vec::<String>::new(),
            "{name}{place} is {value}"
        );
    }
}

#[test]
fn a_golden_folder_that_is_not_there_or_holds_nothing_is_a_failure() {
    let nowhere = own_folder().join("nowhere");
    let failures = Folder::judge(&nowhere).failures();
    assert!(failures[0].contains("nowhere"), "{failures:?}");
    // The runner's own folder has no golden files in it.
    let failures = Folder::judge(&own_folder().join("runner")).failures();
    assert!(failures[0].contains("no golden file"), "{failures:?}");
}

fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[expect(
    clippy::print_stdout,
    reason = "the count is the answer to how much was checked"
)]
fn say(line: &str) {
    println!("golden: {line}");
}

/// Whether a file's numbers need workers that do more than to push a gradient.
fn is_with_workers(file: &Value) -> bool {
    let algorithm = file.get("algorithm").and_then(Value::as_str);
    algorithm.is_some_and(|algorithm| asynchronous::WITH_WORKERS.contains(&algorithm))
}

/// Checks one file; `None` if it is checked elsewhere.
fn check(file: &Value) -> Option<Findings> {
    let format = file.get("format").and_then(Value::as_str);
    let findings = match format {
        Some("psgold/1") => trajectory::dense(file),
        Some("psgold-sparse/1") => trajectory::sparse(file),
        Some("psgold-trace/1") => asynchronous::trace(file),
        Some("psgold-async/1") if is_with_workers(file) => return None,
        Some("psgold-async/1") => asynchronous::run(file),
        Some("psgold-edge/1") => edge::runs(file),
        Some("psgold-strategies/1") => strategies::parts(file),
        Some("psgold-surface/1") => path::surface(file),
        Some("psgold-objective/1") => path::objective(file),
        Some("psgold-schedule/1") => schedule::parts(file),
        Some("psgold-compress/1") => compress::parts(file),
        Some(other) if ELSEWHERE.iter().any(|(format, _)| *format == other) => return None,
        Some(other) => Err(format!("no reader for the format `{other}`")),
        None => Err("it states no `format`".to_owned()),
    };
    Some(findings.unwrap_or_else(Findings::unreadable).of_something())
}
