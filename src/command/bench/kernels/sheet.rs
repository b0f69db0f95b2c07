//! Where the numbers go: lines for people as soon as they are known, and a file for programs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::machine::Machine;
use super::samples::Samples;
use crate::progress::{say_err, say_out};

/// What a measured quantity is of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Of {
    /// The question that it answers.
    pub(super) question: &'static str,
    /// The optimizer with its settings, or the limit.
    pub(super) subject: String,
    /// Threads that step at once.
    pub(super) threads: usize,
    /// Parameters in all.
    pub(super) parameters: usize,
    /// The factor of the L2 term.
    pub(super) l2: f64,
}

/// A measured quantity.
#[derive(Debug, Serialize)]
struct Record {
    #[serde(flatten)]
    of: Of,
    what: String,
    unit: &'static str,
    median: f64,
    rounds: Samples,
}

/// All numbers of a run.
#[derive(Debug, Serialize)]
struct Numbers {
    machine: Machine,
    measurements: Vec<Record>,
}

/// The lines and the file of one run.
#[derive(Debug)]
pub(super) struct Sheet {
    /// What is being measured, on standard error if that is a terminal.
    bar: ProgressBar,
    file: Option<(PathBuf, File)>,
    numbers: Numbers,
}

impl Sheet {
    /// A sheet that writes its numbers to `json`, too, if there is one.
    ///
    /// # Errors
    /// If the file cannot be made: found out now rather than after minutes.
    pub(super) fn new(json: Option<&Path>) -> Result<Self> {
        let create = |path: &Path| {
            let file = File::create(path)
                .with_context(|| format!("creating {} for the numbers", path.display()))?;
            anyhow::Ok((path.to_owned(), file))
        };
        let style = ProgressStyle::with_template("[{elapsed}] {msg}").context("a template")?;
        Ok(Self {
            bar: ProgressBar::no_length().with_style(style),
            file: json.map(create).transpose()?,
            numbers: Numbers {
                machine: Machine::here(),
                measurements: Vec::new(),
            },
        })
    }

    /// The machine that is measured.
    pub(super) fn machine(&self) -> &Machine {
        &self.numbers.machine
    }

    /// Shows what is measured now. Drawn here only, so that nothing runs beside a measurement.
    pub(super) fn now(&self, question: &str, (number, of): (usize, usize), subject: &str) {
        let number = number + 1;
        self.bar
            .set_message(format!("{question}, {number} of {of}: {subject}"));
        self.bar.tick();
    }

    /// A line for people.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| say_out(text.trim_end()));
    }

    /// A line that must not be overlooked.
    pub(super) fn warn(&self, text: &str) {
        self.bar.suspend(|| say_err(text));
    }

    /// A quantity for programs.
    pub(super) fn record(&mut self, of: &Of, what: &str, unit: &'static str, rounds: &Samples) {
        self.numbers.measurements.push(Record {
            of: of.clone(),
            what: what.to_owned(),
            unit,
            median: rounds.median(),
            rounds: rounds.clone(),
        });
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn finish(self) -> Result<()> {
        self.bar.finish_and_clear();
        let Some((path, mut file)) = self.file else {
            return Ok(());
        };
        serde_json::to_writer_pretty(&mut file, &self.numbers)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(file.write_all(b"\n")?))
            .with_context(|| format!("writing the numbers to {}", path.display()))
    }
}

/// One line about those of `found` that do not reach `least`.
pub(super) fn verdict(what: &str, least: f64, found: &[(String, f64)]) -> String {
    let short: Vec<String> = found
        .iter()
        .filter(|(_, value)| *value < least)
        .map(|(name, value)| format!("{name} {value:.2}"))
        .collect();
    let all = found.len();
    if short.is_empty() {
        format!("{what}: all {all} reach {least}")
    } else {
        format!(
            "{what}: {} of {all} are below {least}: {}",
            short.len(),
            short.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_names_those_that_fall_short() {
        let found = [("sgd".to_owned(), 0.95), ("adam".to_owned(), 0.5)];
        assert_eq!(
            verdict("of the triad", 0.9, &found),
            "of the triad: 1 of 2 are below 0.9: adam 0.50"
        );
        assert_eq!(
            verdict("of the triad", 0.5, &found),
            "of the triad: all 2 reach 0.5"
        );
    }

    #[test]
    fn a_file_that_cannot_be_made_is_refused_before_anything_is_measured() {
        let refused = Sheet::new(Some(Path::new("/dev/null/numbers"))).unwrap_err();
        assert!(refused.to_string().contains("/dev/null/numbers"));
    }
}
