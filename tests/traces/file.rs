//! Golden files, and how near a number must be.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// How far a single may be from a double of the reference, as a share of its size or of 1.
pub(crate) const TOLERANCE: f64 = 2e-5;

/// A golden file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let value = serde_json::from_str(&text);
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            value: value.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    pub(crate) fn field<T: DeserializeOwned>(&self, key: &str) -> Result<T, String> {
        field(&self.value, key)
    }

    pub(crate) fn hyper<T: DeserializeOwned>(&self, key: &str) -> Result<T, String> {
        field(&self.value["hyper"], key)
    }
}

pub(crate) fn field<T: DeserializeOwned>(from: &Value, key: &str) -> Result<T, String> {
    let value = from.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    T::deserialize(value).map_err(|error| format!("`{key}`: {error}"))
}

/// Compares what was found with the numbers at `key`.
pub(crate) fn compare(
    what: &str,
    key: &str,
    found: &[f32],
    expected: &Value,
) -> Result<(), String> {
    let expected: Vec<f64> = field(expected, key)?;
    let near = |(found, expected): (&f32, &f64)| {
        (f64::from(*found) - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
    };
    let right = found.len() == expected.len() && found.iter().zip(&expected).all(near);
    if right {
        Ok(())
    } else {
        Err(format!("{what}, {key}: {found:?}, expected {expected:?}"))
    }
}

/// Singles, as jobs and gradients have them.
#[expect(clippy::cast_possible_truncation, reason = "parameters are singles")]
pub(crate) fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| *number as f32).collect()
}

/// The folder that the run is about: the project's own, or that of `THALWEG_GOLDEN`.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("THALWEG_GOLDEN").map_or_else(own_folder, PathBuf::from)
}

pub(crate) fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("common/tests/golden")
}

#[expect(
    clippy::print_stdout,
    reason = "the count is the answer to how much was driven"
)]
pub(crate) fn say(line: &str) {
    println!("golden, over gRPC: {line}");
}
