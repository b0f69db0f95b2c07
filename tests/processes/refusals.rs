//! What a job cannot mean is refused by `thalweg check` and `thalweg train`, with the key, the value,
//! what is permitted and why, before anything starts.

use thalweg_common::feedback::FEEDBACKS;
use thalweg_common::optimizer::OPTIMIZERS;
use thalweg_common::regularizer::REGULARIZERS;
use thalweg_common::schedule::SCHEDULES;
use thalweg_worker::transform::TRANSFORMS;
use toml::{Table, Value};

use crate::support::{Bench, stderr};

/// What the command says of the job with these settings.
fn refused(bench: &Bench, command: &str, job: &str, sets: &[String]) -> String {
    let mut arguments = vec![command, job];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    let output = bench.run(&arguments);
    let complaint = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{sets:?}: {complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    assert!(
        !bench.path("runs").try_exists().unwrap(),
        "{sets:?} left a run folder"
    );
    complaint
}

/// A number that no setting permits, in the place of this default; `None` for a word or a flag.
fn bad(default: &Value) -> Option<String> {
    match default {
        Value::Float(number) if *number < 0.0 => Some("1".to_owned()),
        Value::Float(_) => Some("-1".to_owned()),
        Value::Array(values) => {
            let bad: Option<Vec<String>> = values.iter().map(bad).collect();
            Some(format!("[{}]", bad?.join(", ")))
        }
        _ => None,
    }
}

#[test]
fn every_setting_of_every_registry_is_refused_with_its_range_and_the_reason() {
    let bench = Bench::new();
    // A job that sets nothing of its own.
    let plain = "[data]\nname = \"libsvm\"\ntrain = \"plain.svm\"\n[optimizer]\nlr = 0.1\n";
    std::fs::write(bench.path("plain.toml"), plain).unwrap();
    let all = [
        (
            "optimizer",
            OPTIMIZERS
                .iter()
                .map(|e| (e.name, e.about.defaults))
                .collect(),
        ),
        (
            "schedule",
            SCHEDULES.iter().map(|e| (e.name, e.defaults)).collect(),
        ),
        (
            "feedback",
            FEEDBACKS.iter().map(|e| (e.name, e.defaults)).collect(),
        ),
        (
            "regularizer",
            REGULARIZERS.iter().map(|e| (e.name, e.defaults)).collect(),
        ),
        (
            "gradient",
            TRANSFORMS.iter().map(|e| (e.name, e.defaults)).collect(),
        ),
    ] as [(&str, Vec<(&str, &str)>); 5];
    for (section, entries) in all {
        for (name, defaults) in entries {
            for (key, default) in defaults.parse::<Table>().unwrap() {
                let Some(bad) = bad(&default) else { continue };
                let table = format!("{{ name = '{name}', {key} = {bad} }}");
                let sets = match section {
                    "regularizer" => vec![format!("regularizer.terms=[{table}]")],
                    "gradient" => vec![format!("gradient.transforms=[{table}]")],
                    _ => vec![
                        format!("{section}.name={name}"),
                        format!("{section}.{key}={bad}"),
                    ],
                };
                let complaint = refused(&bench, "check", "plain.toml", &sets);
                let (_, behind) = complaint
                    .split_once(", but must be ")
                    .unwrap_or_else(|| panic!("{sets:?}: no range in: {complaint}"));
                assert!(complaint.contains(&key), "{sets:?}: {complaint}");
                assert!(behind.contains(": "), "{sets:?}: no reason in: {complaint}");
            }
        }
    }
}

/// Settings that cannot be, and what is said of them.
const CANNOT_BE: &[(&[&str], &[&str])] = &[
    (
        &["optimizer.name=adam", "optimizer.eps=nan"],
        &["`eps` is NaN", "above 0"],
    ),
    (
        &["optimizer.name=adam", "optimizer.eps='tiny'"],
        &["eps", "string"],
    ),
    (
        &["optimizer.name=adam", "optimizer.betas=[0.9]"],
        &["betas", "2"],
    ),
    (
        &["optimizer.name=adam", "optimizer.beta1=0.9"],
        &["beta1", "did you mean `betas`?"],
    ),
    (
        &["optimizer.lr=inf"],
        &["optimizer.lr", "above 0", "found inf"],
    ),
    (&["optimizer.name=lam"], &["did you mean `lamb`?"]),
    (&["schedule.name=cosin"], &["did you mean `cosine`?"]),
    (
        &["feedback.name=reduce_on_plato"],
        &["did you mean `reduce_on_plateau`?"],
    ),
    (
        &["gradient.transforms=[{ name = 'clip' }]"],
        &["clip_by_value"],
    ),
    (
        &["regularizer.terms=[{ name = 'simplx' }]"],
        &["did you mean `simplex`?"],
    ),
    (
        &["optimizer.name=lamb", "cluster.servers=7"],
        &[
            "7 servers for 2 tensors",
            "whole tensors",
            "[cluster] servers to at most 2",
        ],
    ),
    (
        &["optimizer.name=lars", "regularizer.l1=0.1"],
        &[
            "`l1_proximal` cannot go with",
            "lars",
            "norms of the whole tensor",
        ],
    ),
    (
        &[
            "optimizer.name=ftrl",
            "regularizer.terms=[{ name = 'decoupled_decay' }]",
        ],
        &["`decoupled_decay` cannot go with", "ftrl", "lambda1"],
    ),
    (
        &[
            "optimizer.name=asgd",
            "regularizer.terms=[{ name = 'simplex' }]",
        ],
        &["`simplex` cannot go with", "asgd"],
    ),
    (
        &["method.name=hogwild", "cluster.servers=2"],
        &[
            "hogwild",
            "`cluster.servers` = 2",
            "network",
            "set `cluster.servers` = 1",
        ],
    ),
    (
        &["method.name=hogwild", "optimizer.name=adam"],
        &[
            "hogwild",
            "`optimizer.name` = \"adam\"",
            "use sgd or adagrad",
        ],
    ),
    (
        &["method.name=tiered_replicas", "train.epochs=1.5"],
        &["tiered_replicas", "`train.epochs` = 1.5", "whole number"],
    ),
    (
        &["method.name=hogwild", "method.n_push=4"],
        &["hogwild", "`method.n_push` = 4", "remove it"],
    ),
    (
        &["method.name=hogwild", "regularizer.l1=0.1"],
        &["hogwild", "l1_proximal", "`regularizer.l2` alone"],
    ),
    (
        &["method.name=hogwild", "model.name=mlp"],
        &[
            "sum of sparse terms",
            "`model.name` = \"mlp\"",
            "linear_svm",
        ],
    ),
    (
        &[
            "method.name=hogwild",
            "model.name=linear_svm",
            "model.loss=squared_hinge",
        ],
        &["`model.loss` = \"squared_hinge\"", "\"hinge\" alone"],
    ),
    (
        &["method.name=hogwild", "optimizer.eps=1"],
        &["hogwild", "`optimizer.eps` = 1", "1e-10"],
    ),
    (
        &["method.name=hogwild", "method.overlap=off"],
        &["hogwild", "`method.overlap` = \"off\""],
    ),
    (
        &["method.name=tiered_replicas", "method.updates=lossy"],
        &["tiered_replicas", "`method.updates` = \"lossy\""],
    ),
    (
        &["method.name=hogwild", "method.push_format=int8"],
        &[
            "hogwild",
            "`method.push_format` = \"int8\"",
            "nothing to push",
        ],
    ),
    (
        &["method.updates=lossy"],
        &["downpour", "`method.updates` = \"lossy\"", "hogwild"],
    ),
    (
        &["method.name=hogwild", "method.updates=sloppy"],
        &["method.updates", "\"exact\" or \"lossy\"", "sloppy"],
    ),
    (
        &["method.push_format=int8"],
        &[
            "`method.name` = \"downpour\" cannot go with `method.push_format` = \"int8\"",
            "push gradients",
            "`method.push_format` = \"f32\"",
            "local_sgd",
        ],
    ),
    (
        &["method.name=synchronous", "method.push_format=bf16"],
        &["\"synchronous\" cannot go with", "\"bf16\""],
    ),
    (
        &["method.name=local_sgd", "method.push_format=int4"],
        &["push_format", "int4", "\"f32\" or \"bf16\" or \"int8\""],
    ),
];

#[test]
fn what_cannot_be_is_refused_by_check_and_by_train() {
    let bench = Bench::new();
    for (sets, words) in CANNOT_BE {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        for command in ["check", "train"] {
            let complaint = refused(&bench, command, "flights", &sets);
            for word in *words {
                assert!(
                    complaint.contains(word),
                    "{sets:?}: no `{word}` in: {complaint}"
                );
            }
        }
    }
}
