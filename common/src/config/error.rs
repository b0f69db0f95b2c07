//! What is wrong with a job, where, and how to mend it: every problem at once.

use std::fmt;

use thiserror::Error;

/// Where a value of a job comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the job file.
    Line {
        /// The file's name as the user gave it.
        source: String,
        /// From 1.
        line: usize,
    },
    /// An assignment on the command line, as the user wrote it.
    Flag(String),
    /// No single line: a key that is missing, or a job that was not read from a text.
    Whole(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { source, line } => write!(f, "{source}:{line}"),
            Self::Flag(assignment) => write!(f, "--set {assignment}"),
            Self::Whole(source) => f.write_str(source),
        }
    }
}

/// One thing that is wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The keys that are meant, such as `train.batch_size`, the likeliest culprit first; empty for
    /// the text as a whole.
    pub keys: Vec<String>,
    /// Where it stands, as far as that is known.
    pub origin: Option<Origin>,
    /// What was expected, what was found, how to mend it: one line.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// Everything that is wrong with a job, one line each.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Notes what is wrong with `key`.
    pub(super) fn add(&mut self, key: &str, text: impl Into<String>) {
        self.add_between(&[key], text);
    }

    /// Notes what is wrong between `keys`, the likeliest culprit first.
    pub(super) fn add_between(&mut self, keys: &[&str], text: impl Into<String>) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.0.push(Problem {
            keys,
            origin: None,
            text: text.into(),
        });
    }

    /// Notes that `key` holds `found`, unless `holds`; `expected` says what it must be.
    pub(super) fn expect(
        &mut self,
        key: &str,
        holds: bool,
        expected: &str,
        found: impl fmt::Display,
    ) {
        if !holds {
            self.add(key, format!("`{key}`: expected {expected}, found {found}"));
        }
    }

    /// Takes back what was noted of a section's keys.
    pub(super) fn forget_section(&mut self, section: &str) {
        let is_of_it = |key: &String| key.split('.').next() == Some(section);
        self.0
            .retain(|problem| !problem.keys.first().is_some_and(is_of_it));
    }

    /// `value`, if nothing was noted.
    pub(super) fn none_or<T>(self, value: T) -> Result<T, ConfigError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError { problems: self.0 })
        }
    }
}
