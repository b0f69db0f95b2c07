//! The numbers of independent references.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thalweg_common::optimizer::{
    GradientView, GroupSpan, Initial, OPTIMIZERS, OptimizerEntry, Real, StepContext, Store,
    StoreSpec,
};
use toml::{Table, Value};

/// Optimizers without a golden file, each with the reason.
const WITHOUT: &[(&str, &str)] = &[];

#[derive(Deserialize)]
struct File {
    format: String,
    #[serde(default)]
    algorithm: String,
    #[serde(default)]
    hyper: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    steps: u64,
    #[serde(default)]
    cols: usize,
    #[serde(default)]
    init: serde_json::Value,
    #[serde(default)]
    grads: serde_json::Value,
    #[serde(default)]
    updates: serde_json::Value,
    #[serde(default)]
    params: serde_json::Value,
    #[serde(default)]
    tolerance: serde_json::Value,
}

#[derive(Deserialize)]
struct Update {
    rows: Vec<usize>,
    values: Vec<Vec<f32>>,
}

/// One trajectory, in the words of the registry.
struct Case {
    name: String,
    entry: &'static OptimizerEntry,
    settings: Table,
    lr: Vec<f64>,
    l2: f64,
    init: Vec<f32>,
    gradients: Vec<BTreeMap<u32, f32>>,
    sparse: bool,
    params: serde_json::Value,
    tolerance: serde_json::Value,
}

#[test]
fn trajectories_are_those_of_the_references() {
    let folder = std::env::var_os("THALWEG_GOLDEN").map_or_else(own_folder, PathBuf::from);
    let (cases, strangers) = cases(&folder);
    let failures: Vec<String> = cases.iter().flat_map(failures).collect();
    say(&format!(
        "golden: checked {} of {} in {} ({strangers} files of other algorithms)",
        cases.len() - failures.len().min(cases.len()),
        cases.len(),
        folder.display(),
    ));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(!cases.is_empty(), "no golden file in {}", folder.display());
}

#[test]
fn every_optimizer_has_a_golden_file_or_a_reason() {
    let (cases, _) = cases(&own_folder());
    for entry in OPTIMIZERS {
        let has_file = cases.iter().any(|case| case.entry.name == entry.name);
        let has_reason = WITHOUT.iter().any(|(name, _)| *name == entry.name);
        assert!(
            has_file != has_reason,
            "`{}` needs a golden file or a reason",
            entry.name
        );
    }
}

fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[expect(
    clippy::print_stdout,
    reason = "the count is the answer to how much was checked"
)]
fn say(line: &str) {
    println!("{line}");
}

/// The cases of a folder, and how many files are of algorithms that the registry does not have.
fn cases(folder: &Path) -> (Vec<Case>, usize) {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the golden folder is readable")
        .map(|entry| entry.expect("the golden folder is readable").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    let mut strangers = 0;
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a golden file is readable");
        let Ok(file) = serde_json::from_str::<File>(&text) else {
            continue;
        };
        let sparse = file.format == "psgold-sparse/1";
        if !sparse && file.format != "psgold/1" {
            continue;
        }
        match OPTIMIZERS
            .iter()
            .find(|entry| entry.name == registry_name(&file.algorithm))
        {
            Some(entry) => cases.push(case(&path, entry, file, sparse)),
            None => strangers += 1,
        }
    }
    (cases, strangers)
}

/// The name of a file's algorithm in the registry.
fn registry_name(algorithm: &str) -> &str {
    match algorithm {
        "sparse_adam" => "adam_eps_hat",
        other => other.strip_prefix("sparse_").unwrap_or(other),
    }
}

fn case(path: &Path, entry: &'static OptimizerEntry, mut file: File, sparse: bool) -> Case {
    let steps = usize::try_from(file.steps).expect("few steps");
    let mut number = |key| file.hyper.remove(key).and_then(|value| value.as_f64());
    let (lr, l2) = (
        number("lr").expect("every file has lr"),
        number("weight_decay"),
    );
    let lr = match file.hyper.remove("lr_schedule") {
        Some(rates) => read(rates),
        None => vec![lr; steps],
    };
    let settings = file
        .hyper
        .into_iter()
        .map(|(key, value)| (key, to_toml(&value)))
        .collect();
    let gradients = if sparse {
        read::<Vec<Update>>(file.updates)
            .iter()
            .map(|update| summed(update, file.cols))
            .collect()
    } else {
        let rows: Vec<Vec<f32>> = read(file.grads);
        rows.into_iter()
            .map(|row| (0..).zip(row).collect())
            .collect()
    };
    Case {
        name: path
            .file_stem()
            .map_or_else(String::new, |name| name.to_string_lossy().into()),
        entry,
        settings,
        lr,
        l2: l2.unwrap_or(0.0),
        init: read(file.init),
        gradients,
        sparse,
        params: file.params,
        tolerance: file.tolerance,
    }
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("the golden file keeps to its format")
}

fn to_toml(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Array(values) => Value::Array(values.iter().map(to_toml).collect()),
        serde_json::Value::Bool(value) => Value::Boolean(*value),
        value => Value::Float(value.as_f64().expect("hyper-parameters are numbers")),
    }
}

/// Rows that occur twice are summed, as a worker does before it pushes.
fn summed(update: &Update, cols: usize) -> BTreeMap<u32, f32> {
    let mut sum = BTreeMap::new();
    for (row, values) in update.rows.iter().zip(&update.values) {
        for (col, value) in values.iter().enumerate() {
            let coordinate = u32::try_from(row * cols + col).expect("a small table");
            *sum.entry(coordinate).or_insert(0.0) += *value;
        }
    }
    sum
}

fn failures(case: &Case) -> Vec<String> {
    let len = case.init.len();
    let value = |element: usize| case.init[element];
    let groups = vec![GroupSpan {
        range: 0..len,
        lr_factor: 1.0,
        l2: case.l2,
    }];
    let spec = StoreSpec {
        len,
        initial: Initial::Function(&value),
        groups,
    };
    let mut single = case
        .entry
        .build(&case.settings, &spec)
        .expect("permitted settings");
    let mut found = vec![compare(case, single.as_mut(), "float32", f64::from)];
    // Sums of rows that occur twice are not exact in f32, which is what a part carries.
    if !case.sparse {
        let mut double = case
            .entry
            .build_f64(&case.settings, &spec)
            .expect("permitted settings");
        found.push(compare(case, double.as_mut(), "float64", |value| value));
    }
    found.into_iter().flatten().collect()
}

/// What is wrong with the trajectory in one float type, if anything.
fn compare<F: Real>(
    case: &Case,
    store: &mut dyn Store<F>,
    kind: &str,
    to_f64: fn(F) -> f64,
) -> Option<String> {
    let tolerance = case.tolerance[kind]
        .as_f64()
        .expect("every file has tolerances");
    let expected: Vec<Vec<f64>> = read(case.params[kind].clone());
    let mut largest = vec![1.0_f64; case.init.len()];
    let mut errors = vec![0.0_f64; case.init.len()];
    for ((count, gradient), expected) in (1..).zip(&case.gradients).zip(&expected) {
        let lr = case.lr[usize::try_from(count - 1).expect("few steps")];
        let context = StepContext {
            lr,
            count,
            progress: 0,
            staleness: 0,
        };
        let coordinates: Vec<u32> = gradient.keys().copied().collect();
        let values: Vec<u8> = gradient
            .values()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let segments = [values.as_slice()];
        let view = if case.sparse {
            GradientView::Sparse {
                coordinates: &coordinates,
                values: &values,
            }
        } else {
            GradientView::Dense {
                start: 0,
                segments: &segments,
            }
        };
        store.step(&context, view, 1.0).expect("the gradient fits");
        for (element, (found, expected)) in store.columns()[0].iter().zip(expected).enumerate() {
            largest[element] = largest[element].max(expected.abs());
            let error = (to_f64(*found) - expected).abs();
            // A NaN is an error of any size.
            errors[element] = if error.is_nan() {
                f64::INFINITY
            } else {
                error.max(errors[element])
            };
        }
    }
    let worst = errors
        .iter()
        .zip(&largest)
        .map(|(error, largest)| error / largest);
    let worst = worst.fold(0.0, f64::max);
    (tolerance < worst).then(|| {
        format!(
            "{} [{kind}]: error {worst:.2e}, tolerance {tolerance:.0e}",
            case.name
        )
    })
}
