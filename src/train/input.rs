//! Standard input as data of a job. The processes of a cluster cannot read it, so that the launcher puts
//! it into the run folder: whole before the job starts, or, if it is a stream, piece by piece.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use thalweg_common::config::JobConfig;
use thalweg_worker::data::source::StandardInput;
use thalweg_worker::data::stream::is_stream;
use toml::Value;

use super::feed::Feed;
use crate::view::units::bytes;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A job whose standard input has been taken.
pub(super) struct Taken {
    /// The job, which names where it is.
    pub(super) config: JobConfig,
    /// What the user is told of it.
    pub(super) note: Option<String>,
    /// Its rows, if they arrive while the job runs.
    pub(super) feed: Option<Feed>,
}

/// Whether a job reads standard input.
pub(super) fn is_wanted(config: &JobConfig) -> bool {
    is_stream(&config.data.name) || key_of_input(config).is_some()
}

/// Takes standard input for a job that wants it, and names in the job where it is.
///
/// # Errors
/// If it cannot be read or kept, or has too few rows for a stream.
pub(super) fn take(config: JobConfig, run: &Path) -> Result<Taken> {
    let run = std::path::absolute(run).with_context(|| run.display().to_string())?;
    if is_stream(&config.data.name) {
        let folder = run.join("stream");
        let feed = Feed::begin(&config.data.options, &folder)?;
        let config = config.with_data_at("folder", &folder.to_string_lossy());
        return Ok(Taken {
            config,
            note: None,
            feed: Some(feed),
        });
    }
    let key = key_of_input(&config).expect("a job that wants standard input names it");
    let path = run.join("input").join(&key);
    let copied = copy(&path).with_context(|| path.display().to_string())?;
    let note = format!(
        "standard input, {} as it came, is kept in {}",
        bytes(copied),
        path.display()
    );
    let config = config.with_data_at(&key, &path.to_string_lossy());
    Ok(Taken {
        config,
        note: Some(note),
        feed: None,
    })
}

fn key_of_input(config: &JobConfig) -> Option<String> {
    let is_input = |value: &Value| match value {
        Value::String(path) => path == STANDARD_INPUT,
        Value::Array(paths) => paths
            .iter()
            .any(|path| path.as_str() == Some(STANDARD_INPUT)),
        _ => false,
    };
    let mut keys = config.data.options.iter();
    keys.find(|(_, value)| is_input(value))
        .map(|(key, _)| key.clone())
}

fn copy(path: &PathBuf) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    io::copy(&mut StandardInput, &mut File::create_new(path)?)
}
