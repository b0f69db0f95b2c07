//! Addresses in a program that was built without them: none can be read.

use std::{
    error::Error,
    fs::File,
    path::{Path, PathBuf},
};

use super::{About, FEATURE};
use crate::data::{DataError, source::shown};

fn refuse<T>(path: &Path) -> Result<T, DataError> {
    Err(DataError::Feature {
        path: shown(path),
        what: "from addresses",
        feature: FEATURE,
    })
}

/// Refuses; the type stands for a reader that there is not.
pub(in crate::data::source) fn open(path: &Path) -> Result<File, DataError> {
    refuse(path)
}

pub(in crate::data::source) fn list(pattern: &Path) -> Result<Vec<PathBuf>, DataError> {
    refuse(pattern)
}

pub(in crate::data) fn about(path: &Path) -> Result<About, DataError> {
    refuse(path)
}

pub(in crate::data::source) fn problem_of(_error: &(dyn Error + 'static)) -> Option<String> {
    None
}
