//! The data sets that a job can name.
//!
//! A new one is one file and one line here: the job file then accepts the name and `thalweg list`
//! shows it.

use std::path::Path;

use serde::de::DeserializeOwned;
use thalweg_common::registry::{self, Named, SettingError};

use super::{
    DataError, Encoding, Files, Loaded, clouds, csv,
    dense::{idx, npy},
    encoding::{LabelsIn, Reopened},
    flights, graph, libsvm, low_rank, parquet, steady, stream,
};

/// One kind of data.
#[derive(Clone, Copy, Debug)]
pub struct DatasetEntry {
    /// The name in the job file.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Every key with an example or its default, as TOML.
    pub keys: &'static str,
    /// Those of them that cannot stand beside all others.
    pub exclusive: &'static [&'static str],
    /// Judges the keys without touching any file.
    pub(super) check: fn(&toml::Table) -> Result<(), DataError>,
    /// Reads or prepares the data; relative paths start at the given folder.
    pub(super) load: fn(&toml::Table, &Path) -> Result<Loaded, DataError>,
    /// Reads other files as the training files were read; `None` where the data are no files.
    pub(super) reopen: Option<Reopen>,
}

/// Reads other files as a job's were read.
type Reopen = fn(&Reopening<'_>) -> Result<Reopened, DataError>;

/// Files to be read as those of a job were.
#[derive(Clone, Copy, Debug)]
pub struct Reopening<'a> {
    /// The `name` of the job's `[data]` table.
    pub name: &'a str,
    /// The other keys of that table.
    pub keys: &'a toml::Table,
    /// How the job's training files were read.
    pub encoding: &'a Encoding,
    /// The files.
    pub files: &'a Files,
    /// Where relative paths start.
    pub folder: &'a Path,
    /// Whether rows may come without a label.
    pub labels: LabelsIn,
}

/// Every data set there is, in order of growing complexity.
pub static DATASETS: &[DatasetEntry] = &[
    flights::ENTRY,
    libsvm::ENTRY,
    csv::ENTRY,
    parquet::ENTRY,
    idx::ENTRY,
    npy::ENTRY,
    graph::ENTRY,
    stream::ENTRY,
    steady::ENTRY,
    clouds::ENTRY,
    low_rank::ENTRY,
];

/// Judges the keys of a job's `[data]` table (without `name`) and touches no file.
///
/// # Errors
/// [`DataError::Setting`] or [`DataError::Options`].
pub fn check(name: &str, keys: &toml::Table) -> Result<(), DataError> {
    (find(name)?.check)(keys)
}

/// Loads what a job's `[data]` table (without `name`) describes; relative paths start at `folder`.
///
/// # Errors
/// Those of [`check`], and whatever is wrong with the data.
pub fn load(name: &str, keys: &toml::Table, folder: &Path) -> Result<Loaded, DataError> {
    (find(name)?.load)(keys, folder)
}

/// Reads other files in the way in which a job's training files were read.
///
/// # Errors
/// Those of [`check`], whatever is wrong with the files, and [`DataError::Options`] for data that are
/// no files.
pub fn reopen(again: &Reopening<'_>) -> Result<Reopened, DataError> {
    let entry = find(again.name)?;
    (entry.check)(again.keys)?;
    match entry.reopen {
        Some(reopen) => reopen(again),
        None => Err(DataError::Options {
            dataset: entry.name,
            problem:
                "expected a data set of files, found one that is part of the program; there are \
                      no other rows of it"
                    .into(),
        }),
    }
}

fn find(name: &str) -> Result<&'static DatasetEntry, SettingError> {
    registry::find("data set", DATASETS, name)
}

impl Named for DatasetEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Reads the keys of one data set; unknown ones are refused by the type's `deny_unknown_fields`.
pub(super) fn read_keys<T: DeserializeOwned>(
    dataset: &'static str,
    keys: &toml::Table,
) -> Result<T, DataError> {
    Ok(registry::read(dataset, keys)?)
}

/// Refuses a value of a key that is not within its bounds.
pub(super) fn within<T: Copy + PartialOrd + std::fmt::Display>(
    dataset: &'static str,
    key: &str,
    found: T,
    min: T,
    max: T,
) -> Result<(), DataError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    let problem = format!("expected `{key}` from {min} to {max}, found {found}");
    Err(DataError::Options { dataset, problem })
}

#[cfg(test)]
mod tests {
    use super::{DATASETS, check};

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = check("flight", &toml::Table::new())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean `flights`?") && error.contains("libsvm"),
            "{error}"
        );
    }

    #[test]
    fn every_entry_accepts_its_own_documented_keys_and_refuses_others() {
        for entry in DATASETS {
            let mut keys: toml::Table = entry.keys.parse().unwrap();
            keys.retain(|key, _| !entry.exclusive.contains(&key));
            check(entry.name, &keys).unwrap();
            keys.insert("no_such_key".into(), 1.into());
            let error = check(entry.name, &keys).unwrap_err().to_string();
            assert!(error.contains("no_such_key"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
