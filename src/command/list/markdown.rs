//! `thalweg list optimizers --markdown`: the registry as the generated part of `docs/OPTIMIZERS.md`.

use anyhow::Result;

use super::entry::{Line, settings};
use super::registries;

/// A table with a row for each optimizer, then a section for each with its source and differences.
pub(super) fn optimizers() -> Result<String> {
    let mut text =
        "| name | formula | state per parameter | bytes, at most | defaults | the surveys' |\n\
         |---|---|---|---|---|---|\n"
            .to_owned();
    let lines = registries::optimizers()?;
    for line in &lines {
        text.push_str(&row(line));
    }
    for line in &lines {
        text.push_str(&section(line));
    }
    Ok(text)
}

fn row(line: &Line) -> String {
    let (mut slots, mut bytes) = ("none".to_owned(), 0);
    if let Some(state) = &line.state {
        let keeps = &state.keeps;
        bytes = keeps.bytes_per_parameter;
        if !keeps.slots.is_empty() {
            slots = codes(&keeps.slots);
        }
        if let Some(fullest) = &state.fullest {
            bytes = fullest.keeps.bytes_per_parameter;
            let further = fullest.keeps.slots.iter();
            let further: Vec<_> = further
                .filter(|slot| !keeps.slots.contains(slot))
                .cloned()
                .collect();
            slots += &format!(
                "; with {} also {}",
                codes(&settings(fullest.settings)),
                codes(&further)
            );
        }
        if state.needs_whole_tensors {
            slots.push_str("; needs whole tensors");
        }
    }
    format!(
        "| [`{name}`](#{name}) | {formula} | {slots} | {bytes} | {defaults} | {surveys} |\n",
        name = line.name,
        formula = line.about.replace('|', "\\|"),
        defaults = codes(&settings(line.keys)),
        surveys = codes(&settings(line.surveys)),
    )
}

fn section(line: &Line) -> String {
    let mut text = format!("\n### {}\n\n{}.\n", line.name, line.source);
    if !line.differences.is_empty() {
        text.push('\n');
    }
    for (number, difference) in (1..).zip(line.differences) {
        text.push_str(&format!("{number}. {difference}.\n"));
    }
    text
}

/// Each word as code, in one cell.
fn codes(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
