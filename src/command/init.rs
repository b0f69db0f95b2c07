//! `thalweg init`: a job file for data of one's own, with what was seen in them as comments.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use thalweg_worker::data::sniff::{Known, Sniffed};
use thalweg_worker::data::{ColumnKind, Target};

use super::flags::{data_table, has_numbers, look, model_for, takes_target_scale};
use super::{Ending, say, say_error};
use crate::report::write_text;

/// Arguments of `thalweg init`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Training data: files or patterns; what they are is found out from the first of them.
    #[arg(long, required = true, value_name = "FILE", num_args = 1..)]
    data: Vec<String>,

    /// Test data, read as the training data are.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    test: Vec<String>,

    /// The target column of a CSV file, by name or number from 1.
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,

    /// What stands between the columns of a CSV file, if it is not found out.
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,

    /// The labels of npy or IDX rows, if they lie under a name that does not tell.
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,

    /// The job file to write; it must not be there yet.
    #[arg(long, short, value_name = "FILE", default_value = "JOB.toml")]
    output: PathBuf,

    /// For programs: what was seen, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let path = &arguments.output;
    if path
        .try_exists()
        .with_context(|| path.display().to_string())?
    {
        bail!(
            "{}: expected no such file, found one; name another one with --output, or remove it first",
            path.display()
        );
    }
    if arguments.data.iter().any(|path| path == "-") {
        bail!(
            "--data -: a job file names files that are read again and again; write standard input to a \
             file, or train on it at once: thalweg train --data -"
        );
    }
    let known = Known {
        target: arguments.target.as_deref(),
        delimiter: arguments.delimiter.as_deref(),
        labels: arguments.labels.as_deref(),
    };
    let found = look(&arguments.data[0], known)?;
    let text = job(arguments, &found);
    write_text(path, &text)?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&for_programs(path, &found))?);
        return Ok(Ending::Done);
    }
    for note in &found.notes {
        say_error(&format!("note: {note}"));
    }
    say(&format!(
        "{} is written: {}\nnext: thalweg check {}",
        path.display(),
        summary(&found),
        path.display()
    ));
    Ok(Ending::Done)
}

/// What was written and seen.
fn for_programs(path: &Path, found: &Sniffed) -> Value {
    let column =
        |(name, kind): &(String, ColumnKind)| json!({ "name": name, "kind": kind_in_words(kind) });
    let target = found.target.as_ref();
    json!({
        "job": path,
        "dataset": found.dataset,
        "compression": found.compression.word(),
        "features": found.features,
        "rows_seen": found.rows,
        "columns": found.columns.iter().map(column).collect::<Vec<_>>(),
        "labels": target.map(labels),
        "classes": target.map(Target::class_names),
        "model": model_for(target),
        "notes": found.notes,
    })
}

/// What was seen, in one line.
fn summary(found: &Sniffed) -> String {
    let rows = found.rows;
    let labels = found
        .target
        .as_ref()
        .map_or_else(|| "no labels".to_owned(), labels);
    let dataset = found.dataset.unwrap_or_default();
    format!(
        "{dataset}, {} features and {labels} in the first {rows} rows",
        found.features
    )
}

fn labels(target: &Target) -> String {
    match target {
        Target::Real | Target::Standard { .. } => "real labels".to_owned(),
        other => {
            let names = other.class_names();
            let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = if 5 < names.len() { ", …" } else { "" };
            format!("{} classes ({shown}{more})", names.len())
        }
    }
}

fn job(arguments: &Arguments, found: &Sniffed) -> String {
    let mut table = data_table(found, &arguments.data, &arguments.test);
    if let Some(target) = &arguments.target {
        table.insert("target".to_owned(), target.clone().into());
    }
    let mut text = format!(
        "# A job for {}. `thalweg check {}` prints it with every default;\n\
         # docs/JOB.md has every key.\n\
         # Seen: {}.\n",
        in_comment(&arguments.data[0]),
        in_comment(&arguments.output.display().to_string()),
        in_comment(&summary(found))
    );
    for note in &found.notes {
        text += &format!("# Note: {}.\n", in_comment(note));
    }
    let name = name_of(&arguments.output);
    // Writing to a string cannot fail.
    let _ = write!(text, "name = \"{name}\"\nseed = 1\n\n[data]\n");
    let _ = writeln!(text, "name = \"{}\"", found.dataset.unwrap_or_default());
    text += &table.to_string();
    for (column, kind) in found.columns.iter().take(40) {
        let _ = writeln!(
            text,
            "# column {}: {}",
            in_comment(column),
            kind_in_words(kind)
        );
    }
    if arguments.test.is_empty() {
        text += "# This share of the rows judges and is not trained on; or name files: test = \"…\".\n\
                 holdout = 0.1\n";
    }
    if has_numbers(found) {
        text += "# Numbers of about one size train best; the training rows say mean and spread.\n\
                 scale = \"standard\"\n";
    }
    if takes_target_scale(found, None) {
        text += "# Labels of about one size train best, too; predictions and errors are in the file's units.\n\
                 target_scale = \"standard\"\n";
    }
    let _ = write!(
        text,
        "\n[model]\n# `thalweg list models` shows the others.\nname = \"{}\"\n\n\
         [optimizer]\nname = \"adagrad\"\nlr = 0.1\n\n\
         [regularizer]\n# λ of λ/2·‖x‖².\nl2 = 0.0\n\n\
         [train]\nepochs = {epochs}\nbatch_size = 16\n\n\
         # [stop]\n# metric = \"loss\"\n# patience = 5\n\n\
         [cluster]\nservers = 2\nworkers = 4\n",
        model_for(found.target.as_ref()),
        epochs = epochs(found.rows, &arguments.data)
    );
    text
}

/// Text of the data's in a comment, which ends at the end of a line.
fn in_comment(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(visible).collect()
}

/// Files of at least so many bytes were not seen whole.
const LARGE_BYTES: u64 = 1 << 20;

/// Passes after which the plain models come to rest: many over a file of few rows, few over a large one.
pub(super) fn epochs(rows: u64, files: &[String]) -> u32 {
    // What lies at an address is taken to be large.
    let is_large = |file: &String| {
        file.contains("://") || fs::metadata(file).is_ok_and(|of| LARGE_BYTES <= of.len())
    };
    match rows {
        _ if 1 < files.len() || files.iter().any(is_large) => 5,
        0..2_000 => 100,
        2_000..20_000 => 20,
        _ => 5,
    }
}

fn kind_in_words(kind: &ColumnKind) -> String {
    match kind {
        ColumnKind::Number { .. } => "a number".to_owned(),
        ColumnKind::Index(names) => format!("{} categories seen", names.len()),
        ColumnKind::Hash { bits } => format!("categories, hashed to {bits} bits"),
    }
}

/// A job's name from that of its file.
fn name_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = stem
        .chars()
        .map(plain)
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(40)
        .collect();
    if name.is_empty() {
        "job".to_owned()
    } else {
        name
    }
}
