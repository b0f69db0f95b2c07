//! Where a job's text comes from: a file, or one of the jobs that are shipped.

use std::fs;
use std::io;
use std::path::Path;

use thalweg_common::config::{ConfigError, Draft};
use thiserror::Error;

/// A job that comes with the binary.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The shipped jobs; the first is the default.
pub static SHIPPED: &[Shipped] = &[
    Shipped {
        name: "flights",
        about: "late arrivals of flights: sparse logistic regression by Downpour and AdaGrad",
        text: include_str!("../../jobs/flights.toml"),
    },
    Shipped {
        name: "steady",
        about: "a seeded Zipf stream with a ground truth, minutes long, 20 ms of compute a batch",
        text: include_str!("../../jobs/steady.toml"),
    },
];

/// Why there is no text.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error(
        "cannot read the job `{name}`: {source}; give the path of a job file, or one of the shipped \
         jobs: {shipped}",
        shipped = shipped_names()
    )]
    Read {
        /// What was asked for.
        name: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The text or an assignment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The draft of a job: a shipped one by name, else a file; `None` is the default job.
///
/// # Errors
/// [`SourceError`] if there is no such job or file, or its text is no TOML.
pub fn draft(job: Option<&str>) -> Result<Draft, SourceError> {
    let name = job.unwrap_or(SHIPPED[0].name);
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
        return Ok(Draft::parse(&format!("shipped job {name}"), shipped.text)?);
    }
    let text = fs::read_to_string(Path::new(name)).map_err(|source| SourceError::Read {
        name: name.to_owned(),
        source,
    })?;
    Ok(Draft::parse(name, &text)?)
}

fn shipped_names() -> String {
    SHIPPED
        .iter()
        .map(|shipped| shipped.name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::REGISTRIES;

    #[test]
    fn every_shipped_job_is_right() {
        for shipped in SHIPPED {
            draft(Some(shipped.name))
                .unwrap()
                .check(&REGISTRIES)
                .unwrap();
        }
    }

    #[test]
    fn a_missing_job_names_the_shipped_ones() {
        let error = draft(Some("no/such/job.toml")).unwrap_err().to_string();
        assert!(
            error.contains("no/such/job.toml") && error.contains("flights"),
            "{error}"
        );
    }
}
