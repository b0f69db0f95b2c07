//! `docs/JOB.md` against the code: every key of a job and every entry of a registry is documented,
//! and nothing else is.

use std::collections::BTreeSet;

use thalweg_common::config::{Draft, Registries};
use thalweg_common::feedback::FEEDBACKS;
use thalweg_common::optimizer::OPTIMIZERS;
use thalweg_common::regularizer::REGULARIZERS;
use thalweg_common::schedule::SCHEDULES;
use toml::{Table, Value};

const DOCS: &str = include_str!("../../docs/JOB.md");

/// A job that sets every key without a default of its own. The keys of the entries are documented
/// with the entries, so these have none.
const EVERY_KEY: &str = "
[data.resolved]
rows = 100
test_rows = 10
features = 3
classes = 2
fields = [1, 2]
hash = '0123456789abcdef'
[model]
init_from = 'a.safetensors'
init_hash = '0123456789abcdef'
[optimizer]
name = 'momentum'
lr = 0.1
[outer]
name = 'sgd'
lr = 1.0
[schedules.momentum]
name = 'constant'
[method]
local_lr = 0.1
elastic_rate = 0.1
updates = 'lossy'
sampling = 'with_replacement'
[consistency]
model = 'ssp'
lag = 4
aggregation = 'softsync'
splits = 2
staleness_limit = 9
[train]
examples = 1000
seconds = 60.0
class_weight = 'balanced'
[stop]
target = 0.9
patience = 3
tolerance = 1e-4
gradient_norm = 1e-3
";

#[test]
fn every_key_of_a_job_is_documented_and_no_other() {
    let draft = Draft::parse("every key", EVERY_KEY).unwrap();
    let job = draft.check(&Registries::UNCHECKED).unwrap();
    let job: Table = job.to_toml().parse().unwrap();
    let mut sections = 0;
    visit(&job, "", &mut |section, keys| {
        let documented: BTreeSet<String> = rows(&format!("keys: {section}"))
            .into_iter()
            .map(|row| first_word(row).to_owned())
            .collect();
        assert_eq!(keys, documented, "[{section}]");
        sections += 1;
    });
    assert_eq!(sections, DOCS.matches("<!-- keys: ").count());
}

#[test]
fn every_optimizer_is_documented_with_its_keys_and_no_other() {
    let entries = OPTIMIZERS
        .iter()
        .map(|entry| (entry.name, entry.about.defaults));
    assert_documented("optimizers", entries);
}

#[test]
fn every_schedule_is_documented_with_its_keys_and_no_other() {
    let entries = SCHEDULES.iter().map(|entry| (entry.name, entry.defaults));
    assert_documented("schedules", entries);
}

#[test]
fn every_feedback_rule_is_documented_with_its_keys_and_no_other() {
    let entries = FEEDBACKS.iter().map(|entry| (entry.name, entry.defaults));
    assert_documented("feedbacks", entries);
}

#[test]
fn every_regularizer_is_documented_with_its_keys_and_no_other() {
    let entries = REGULARIZERS
        .iter()
        .map(|entry| (entry.name, entry.defaults));
    assert_documented("regularizers", entries);
}

/// Each entry has one row in the table of `kind`, in the order of the registry, with every default
/// as the entry states it.
fn assert_documented(
    kind: &str,
    entries: impl Iterator<Item = (&'static str, &'static str)> + Clone,
) {
    let rows = rows(&format!("entries: {kind}"));
    let documented: Vec<&str> = rows.iter().map(|row| first_word(row)).collect();
    let names: Vec<&str> = entries.clone().map(|(name, _)| name).collect();
    assert_eq!(
        names, documented,
        "give each of the {kind} a row in docs/JOB.md, in the order of the registry"
    );
    for ((name, defaults), row) in entries.zip(rows) {
        for default in defaults.lines() {
            assert!(
                row.contains(&format!("`{default}`")),
                "the row of `{name}` in docs/JOB.md lacks `{default}`"
            );
        }
    }
}

/// Shows each section of `table` with the keys that are no sections.
fn visit(table: &Table, section: &str, show: &mut impl FnMut(&str, BTreeSet<String>)) {
    let mut keys = BTreeSet::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if section.is_empty() => visit(inner, key, show),
            Value::Table(inner) => visit(inner, &format!("{section}.{key}"), show),
            _ => drop(keys.insert(key.clone())),
        }
    }
    // A section of sections has no keys of its own.
    if !keys.is_empty() {
        show(if section.is_empty() { "top" } else { section }, keys);
    }
}

/// The rows of the table behind a marker, without its head.
fn rows(marker: &str) -> Vec<&'static str> {
    let marker = format!("<!-- {marker} -->");
    let (_, behind) = DOCS
        .split_once(&marker)
        .unwrap_or_else(|| panic!("docs/JOB.md has no {marker}"));
    let table = behind.trim_start().lines();
    table
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .collect()
}

/// What stands between the first backquotes.
fn first_word(row: &'static str) -> &'static str {
    row.split('`').nth(1).unwrap_or_default()
}
