//! Rows of text files in a compact file of ours, for data that memory does not hold, or that are to be
//! ready at once at the next start.
//!
//! The first use converts the text, in pieces; later ones open the file. What it was made of (files with
//! sizes and times, keys) is written in it, and a change makes it anew. Every block is held to its
//! check sum when the file is opened: a damaged one is refused there, with a word, and not in the middle
//! of training, where a row cannot fail.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `cache` | none | the file; `true` for one beside the first of `train` |
//! | `cache_memory_mb` | 64 | blocks that are kept in memory, megabytes |

mod carried;
mod dataset;
mod format;
mod held;
mod identity;
mod open;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::carried::{export_rows, import_rows};
pub(super) use self::write::CacheWriter;
use self::{
    identity::Identity,
    open::{Found, open},
};
use super::{
    DataError, Files, Loaded,
    holdout::Holdout,
    source::{is_file, shown},
};

/// What the name of a cache ends in if the job does not name it.
pub(super) const SUFFIX: &str = ".twcache";

const MEMORY_MB: u64 = 64;
const MEMORY_MB_MAX: u64 = 1 << 20;

/// The key `cache`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false or the name of a file")]
pub(super) enum CacheKey {
    /// Beside the training file, or not at all.
    Wanted(bool),
    /// This file.
    File(PathBuf),
}

/// What the keys `cache` and `cache_memory_mb` say.
#[derive(Clone, Debug)]
pub(super) struct CacheKeys {
    /// `None`: beside the first training file.
    file: Option<PathBuf>,
    memory_bytes: usize,
}

/// Where a cache is, and of what.
#[derive(Debug)]
pub(super) struct CachePlan {
    path: PathBuf,
    identity: Identity,
    memory_bytes: usize,
}

impl CacheKeys {
    /// Judges the keys; `None` for no cache.
    pub(super) fn of_keys(
        dataset: &'static str,
        key: Option<CacheKey>,
        memory_mb: Option<u64>,
        reads_standard_input: bool,
    ) -> Result<Option<Self>, DataError> {
        let refuse = |problem: String| Err(DataError::Options { dataset, problem });
        let file = match key {
            None | Some(CacheKey::Wanted(false)) if memory_mb.is_some() => {
                return refuse(
                    "expected `cache` with `cache_memory_mb`, found none; add it or remove \
                     `cache_memory_mb`"
                        .into(),
                );
            }
            None | Some(CacheKey::Wanted(false)) => return Ok(None),
            Some(_) if reads_standard_input => {
                return refuse(
                    "expected files with `cache`, found standard input (\"-\"), which cannot be read twice; \
                     write it to a file or remove `cache`"
                        .into(),
                );
            }
            Some(CacheKey::Wanted(true)) => None,
            Some(CacheKey::File(file)) => Some(file),
        };
        let memory_mb = memory_mb.unwrap_or(MEMORY_MB);
        if MEMORY_MB_MAX < memory_mb {
            return refuse(format!(
                "expected `cache_memory_mb` up to {MEMORY_MB_MAX}, found {memory_mb}"
            ));
        }
        let memory_bytes = usize::try_from(memory_mb << 20).unwrap_or(usize::MAX);
        Ok(Some(Self { file, memory_bytes }))
    }

    /// The plan for these files, training files first, read with these keys.
    pub(super) fn plan(
        &self,
        dataset: &'static str,
        keys: &toml::Table,
        files: &[&Files],
        folder: &Path,
    ) -> Result<CachePlan, DataError> {
        let path = match &self.file {
            Some(file) => folder.join(file),
            None => {
                let first = files[0].resolve(folder)?.swap_remove(0);
                if !is_file(&first) {
                    return Err(DataError::Options {
                        dataset,
                        problem: format!(
                            "expected `cache` to name a file of this machine, found true beside the address {}; \
                             write cache = \"NAME{SUFFIX}\"",
                            shown(&first).display()
                        ),
                    });
                }
                let mut name = first.into_os_string();
                name.push(SUFFIX);
                name.into()
            }
        };
        Ok(CachePlan {
            path,
            identity: Identity::of(dataset, keys, files, folder)?,
            memory_bytes: self.memory_bytes,
        })
    }
}

/// Opens the cache of a plan; first has it made by `convert`, if it is not there or of other files.
pub(super) fn load(
    plan: &CachePlan,
    dataset: &'static str,
    holdout: Option<Holdout>,
    convert: impl FnOnce(&CachePlan) -> Result<(), DataError>,
) -> Result<Loaded, DataError> {
    let mut notes = Vec::new();
    let mut loaded = match open(plan)? {
        Found::Fresh(loaded) => loaded,
        found => {
            if let Found::Stale(change) = found {
                let path = plan.path.display();
                notes.push(format!(
                    "{path}: the cache was of {change}, and was made anew"
                ));
            }
            convert(plan)?;
            match open(plan)? {
                Found::Fresh(loaded) if plan.identity.is_current() => loaded,
                Found::Fresh(_) | Found::Nothing | Found::Stale(_) => {
                    return Err(DataError::Changed {
                        path: plan.path.clone(),
                    });
                }
            }
        }
    };
    notes.append(&mut loaded.notes);
    loaded.notes = notes;
    if let Some(holdout) = holdout {
        let [trained, judging] = holdout.split(dataset, &loaded.train)?;
        (loaded.train, loaded.test) = (trained, Some(judging));
    }
    Ok(loaded)
}

fn cache_error(path: &Path, problem: String) -> DataError {
    DataError::Cache {
        path: path.to_owned(),
        problem,
    }
}
