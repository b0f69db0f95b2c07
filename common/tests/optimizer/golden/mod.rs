//! The numbers of independent references: every golden file of a folder, by its format.
//!
//! A file of a format that belongs here is checked or it is a failure: one that cannot be read, or
//! whose algorithm the registry does not have, counts as much as a wrong number.

mod edge;
mod file;
mod path;
mod strategies;
mod trajectory;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg_common::optimizer::OPTIMIZERS;

use self::file::registry_name;

/// Formats that are checked elsewhere, or that come with what they describe.
const ELSEWHERE: &[(&str, &str)] = &[
    ("psgold-schedule/1", "common/tests/schedule.rs checks it"),
    ("psgold-async/1", "comes with the training methods"),
    ("psgold-trace/1", "comes with the delay-aware rules"),
    ("psgold-consistency/1", "comes with the gate's simulation"),
    ("psgold-compress/1", "comes with the gradient codecs"),
];

/// Optimizers without a golden file, each with the reason.
const WITHOUT: &[(&str, &str)] = &[];

/// What one file came to.
struct Verdict {
    file: String,
    /// The optimizers that it has numbers of.
    algorithms: Vec<String>,
    failures: Vec<String>,
}

/// The files of a folder, in the order of their names.
struct Folder {
    verdicts: Vec<Verdict>,
    /// Files that belong elsewhere, with the reason.
    elsewhere: Vec<String>,
}

#[test]
fn every_golden_file_has_the_numbers_of_its_reference() {
    let folder = std::env::var_os("THALWEG_GOLDEN").map_or_else(own_folder, PathBuf::from);
    let Folder {
        verdicts,
        elsewhere,
    } = judge(&folder);
    let right = verdicts.iter().filter(|v| v.failures.is_empty()).count();
    for line in &elsewhere {
        say(&format!("golden: not here: {line}"));
    }
    say(&format!(
        "golden: checked {right} of {} files in {}",
        verdicts.len(),
        folder.display(),
    ));
    let failures: Vec<String> = verdicts.into_iter().flat_map(|v| v.failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(right > 0, "no golden file in {}", folder.display());
}

#[test]
fn every_optimizer_has_a_golden_file_or_a_reason() {
    let verdicts = judge(&own_folder()).verdicts;
    for entry in OPTIMIZERS {
        let is_its = |algorithm: &String| registry_name(algorithm) == entry.name;
        let has_file = verdicts.iter().any(|v| v.algorithms.iter().any(is_its));
        let has_reason = WITHOUT.iter().any(|(name, _)| *name == entry.name);
        assert!(
            has_file != has_reason,
            "`{}` needs a golden file or a reason",
            entry.name
        );
    }
}

#[test]
fn a_wrong_number_an_unknown_algorithm_and_an_unknown_format_are_failures() {
    let text = fs::read_to_string(own_folder().join("adam_1.json")).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    let failures = |file: &Value| check("a_file", file).unwrap().failures.len();
    assert_eq!(failures(&whole), 0);

    let mut wrong = whole.clone();
    wrong["params"]["float64"][24][12] = (-1.0).into();
    assert_eq!(failures(&wrong), 1);

    let mut unknown = whole.clone();
    unknown["algorithm"] = "adamant".into();
    assert_eq!(failures(&unknown), 1);

    let mut stranger = whole.clone();
    stranger["format"] = "psgold-tea/1".into();
    assert_eq!(failures(&stranger), 1);

    let mut torn = whole;
    torn["grads"] = "none".into();
    assert_eq!(failures(&torn), 1);
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

fn judge(folder: &Path) -> Folder {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the golden folder is readable")
        .map(|entry| entry.expect("the golden folder is readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    let (mut verdicts, mut elsewhere) = (Vec::new(), Vec::new());
    for path in paths {
        let text = fs::read_to_string(&path).expect("a golden file is readable");
        let file: Value = serde_json::from_str(&text).expect("a golden file is JSON");
        let name = path.file_name().expect("a file has a name");
        match check(&name.to_string_lossy(), &file) {
            Ok(verdict) => verdicts.push(verdict),
            Err(reason) => elsewhere.push(reason),
        }
    }
    Folder {
        verdicts,
        elsewhere,
    }
}

/// Checks one file.
///
/// # Errors
/// Why the file is not this test's.
fn check(name: &str, file: &Value) -> Result<Verdict, String> {
    let Some(format) = file.get("format").and_then(Value::as_str) else {
        return Err(format!("{name} states no format"));
    };
    if let Some((_, reason)) = ELSEWHERE.iter().find(|(other, _)| *other == format) {
        return Err(format!("{name} ({format}): {reason}"));
    }
    let failures = match format {
        "psgold/1" => trajectory::dense(file),
        "psgold-sparse/1" => trajectory::sparse(file),
        "psgold-edge/1" => edge::failures(file),
        "psgold-strategies/1" => strategies::failures(file),
        "psgold-surface/1" => path::surface(file),
        "psgold-objective/1" => path::objective(file),
        other => Err(format!("no reader for the format `{other}`")),
    };
    let runs = file.get("runs").and_then(Value::as_array);
    let algorithms = runs.map_or_else(|| vec![file], |runs| runs.iter().collect());
    Ok(Verdict {
        file: name.to_owned(),
        algorithms: algorithms
            .into_iter()
            .filter_map(|run| Some(run.get("algorithm")?.as_str()?.to_owned()))
            .collect(),
        failures: failures.unwrap_or_else(|unreadable| vec![unreadable]),
    }
    .named())
}

impl Verdict {
    /// The same with the file's name before each failure.
    fn named(mut self) -> Self {
        for failure in &mut self.failures {
            *failure = format!("{}: {failure}", self.file);
        }
        self
    }
}
