//! The data sets that a job can name.
//!
//! A new one is one file and one line here: the job file then accepts the name and `thalweg list`
//! shows it.

use std::path::Path;

use serde::de::DeserializeOwned;
use thalweg_common::registry::{self, Named, SettingError};

use super::{DataError, Loaded, flights, libsvm, steady};

/// One kind of data.
#[derive(Clone, Copy, Debug)]
pub struct DatasetEntry {
    /// The name in the job file.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Every key with an example or its default, as TOML.
    pub keys: &'static str,
    /// Judges the keys without touching any file.
    pub(super) check: fn(&toml::Table) -> Result<(), DataError>,
    /// Reads or prepares the data; relative paths start at the given folder.
    pub(super) load: fn(&toml::Table, &Path) -> Result<Loaded, DataError>,
}

/// Every data set there is, in order of growing complexity.
pub static DATASETS: &[DatasetEntry] = &[flights::ENTRY, libsvm::ENTRY, steady::ENTRY];

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
            check(entry.name, &keys).unwrap();
            keys.insert("no_such_key".into(), 1.into());
            let error = check(entry.name, &keys).unwrap_err().to_string();
            assert!(error.contains("no_such_key"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
