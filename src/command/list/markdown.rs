//! `thalweg list optimizers --markdown`: the registry as the generated part of `docs/OPTIMIZERS.md`.

use anyhow::Result;
use thalweg_common::optimizer::{OPTIMIZERS, OptimizerEntry};
use thalweg_common::shard_map::Grain;
use toml::Table;

/// A table with a row for each optimizer, then a section for each with its source and differences.
pub(super) fn optimizers() -> Result<String> {
    let mut text = "| name | formula | state per parameter | defaults | the surveys' |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for entry in OPTIMIZERS {
        text.push_str(&row(entry)?);
    }
    for entry in OPTIMIZERS {
        text.push_str(&section(entry));
    }
    Ok(text)
}

fn row(entry: &OptimizerEntry) -> Result<String> {
    let facts = entry.facts(&Table::new())?;
    let slots: Vec<String> = facts.slot_names.iter().map(|slot| code(slot)).collect();
    let state = match (facts.grain, slots.is_empty()) {
        (_, true) => "none".to_owned(),
        (Grain::Rows, false) => slots.join(", "),
        (Grain::Tensors, false) => format!("{}; needs whole tensors", slots.join(", ")),
    };
    Ok(format!(
        "| [`{name}`](#{name}) | {formula} | {state} | {defaults} | {survey} |\n",
        name = entry.name,
        formula = entry.about.formula.replace('|', "\\|"),
        defaults = settings(entry.about.defaults),
        survey = settings(entry.about.survey.unwrap_or_default()),
    ))
}

fn section(entry: &OptimizerEntry) -> String {
    let mut text = format!("\n### {}\n\n{}.\n", entry.name, entry.about.source);
    if !entry.about.differences.is_empty() {
        text.push('\n');
    }
    for (number, difference) in (1..).zip(entry.about.differences) {
        text.push_str(&format!("{number}. {difference}.\n"));
    }
    text
}

/// Lines of TOML as one cell.
fn settings(toml: &str) -> String {
    let lines = toml.lines().filter(|line| !line.trim().is_empty());
    lines.map(code).collect::<Vec<_>>().join(", ")
}

fn code(word: &str) -> String {
    format!("`{}`", word.trim())
}
