//! Of which files, read with which keys, a cache was made.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::data::{
    DataError, Files,
    source::{About, about, is_file, shown},
};

/// The keys that say where a cache is, and not what is in it.
pub(super) const OWN_KEYS: [&str; 2] = ["cache", "cache_memory_mb"];

/// Two caches of the same identity hold the same rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::data) struct Identity {
    dataset: String,
    keys_hash: u64,
    files: Vec<SourceFile>,
    /// The files as they were named, an address with its secrets; they are not written.
    #[serde(skip)]
    named: Vec<PathBuf>,
}

/// One file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SourceFile {
    path: String,
    bytes: u64,
    modified_nanoseconds: u128,
    /// The word of a server for this state of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

impl Identity {
    /// That of these files as they are now.
    pub(super) fn of(
        dataset: &'static str,
        keys: &toml::Table,
        files: &[&Files],
        folder: &Path,
    ) -> Result<Self, DataError> {
        let (mut sources, mut named) = (Vec::new(), Vec::new());
        for files in files {
            for path in files.resolve(folder)? {
                sources.push(SourceFile::of(&path)?);
                named.push(path);
            }
        }
        let keys = keys
            .iter()
            .filter(|(key, _)| !OWN_KEYS.contains(&key.as_str()));
        let sorted: BTreeMap<_, _> = keys.map(|(key, value)| (key, value.to_string())).collect();
        Ok(Self {
            dataset: dataset.into(),
            keys_hash: xxh3_64(format!("{sorted:?}").as_bytes()),
            files: sources,
            named,
        })
    }

    /// That of rows with this hash, wherever they are from.
    pub(super) fn of_rows(hash: u64) -> Self {
        Self {
            dataset: "rows".into(),
            keys_hash: hash,
            files: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Whether all files are still as they were.
    pub(super) fn is_current(&self) -> bool {
        let mut files = self.files.iter().zip(&self.named);
        files.all(|(file, name)| SourceFile::of(name).is_ok_and(|now| now == *file))
    }

    /// What has changed since `then`; `None` if nothing has.
    pub(super) fn changed_since(&self, then: &Self) -> Option<String> {
        if self.dataset != then.dataset || self.keys_hash != then.keys_hash {
            return Some("other keys of [data]".into());
        }
        if self.files == then.files {
            return None;
        }
        let other = self.files.iter().find(|file| !then.files.contains(file));
        Some(match other {
            Some(file) => format!("another {}", file.path),
            None => "more files".into(),
        })
    }
}

impl SourceFile {
    fn of(path: &Path) -> Result<Self, DataError> {
        if !is_file(path) {
            let About {
                bytes,
                modified_nanoseconds,
                etag,
            } = about(path)?;
            return Ok(Self {
                path: shown(path).to_string_lossy().into_owned(),
                bytes,
                modified_nanoseconds,
                etag,
            });
        }
        let read = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let about = fs::metadata(path).map_err(read)?;
        let modified = about.modified().map_err(read)?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            path: fs::canonicalize(path)
                .map_err(read)?
                .to_string_lossy()
                .into_owned(),
            bytes: about.len(),
            modified_nanoseconds: since.as_nanos(),
            etag: None,
        })
    }
}
