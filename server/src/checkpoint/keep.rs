//! Writing checkpoints: file by file, the manifest last, the older ones removed once the newest was read
//! back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_common::ids::Life;

use super::CheckpointError;
use super::arrays::encode;
use super::disk::Disk;
use super::forget::remove;
use super::manifest::{About, FORMAT, Manifest, Number, ShardEntry};
use crate::saved::{SavedDesk, SavedShard};

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";

/// The folder of one server's checkpoints.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) about: About,
    /// How many are kept, ≥ 1.
    keep: usize,
}

/// Whose parameters a checkpoint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The life that they are of.
    pub life: Life,
    /// How often the server has returned in it.
    pub returns: u64,
}

/// A checkpoint that is whole and was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub number: Number,
    /// Bytes of its files.
    pub bytes: u64,
}

/// A checkpoint that is being written. Dropped before it was read back, it is abandoned: what is there of it is
/// removed, the manifest first, since nothing reads a folder without one and the disk may be full.
#[derive(Debug)]
pub struct Attempt<'a> {
    checkpoints: &'a Checkpoints,
    number: Number,
    path: PathBuf,
    shards: Vec<ShardEntry>,
    /// Whether it was read back.
    is_whole: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            remove(self.checkpoints.disk.as_ref(), &self.path).ok();
        }
    }
}

impl Checkpoints {
    /// Those in `folder` (which need not be there), of which the newest `keep` stay.
    #[must_use]
    pub fn new(folder: PathBuf, disk: Arc<dyn Disk>, about: About, keep: usize) -> Self {
        Self {
            folder,
            disk,
            about,
            keep: keep.max(1),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of all that were ever begun and are still there, rising.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if the folder cannot be read.
    pub fn numbers(&self) -> Result<Vec<Number>, CheckpointError> {
        let names = self.disk.names(&self.folder);
        let names = names.map_err(CheckpointError::io(&self.folder))?;
        let mut numbers: Vec<Number> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn path_of(&self, number: Number) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// Begins a checkpoint after all that are there.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if its folder cannot be made.
    pub fn begin(&self) -> Result<Attempt<'_>, CheckpointError> {
        let made = self.disk.make_folders(&self.folder);
        made.map_err(CheckpointError::io(&self.folder))?;
        let last = self.numbers()?.last().map_or(0, |number| number.0);
        let number = Number(last.saturating_add(1));
        let path = self.path_of(number);
        let made = self.disk.make_new_folder(&path);
        made.map_err(CheckpointError::io(&path))?;
        Ok(Attempt {
            checkpoints: self,
            number,
            path,
            shards: Vec::new(),
            is_whole: false,
        })
    }

    /// Removes all that are older than the newest `keep`, the newest of which was just read back, and what
    /// was begun before it and never ended. What cannot be removed does no harm.
    fn forget_older(&self, newest: Number) {
        let older = self.numbers().unwrap_or_default();
        let older = older.into_iter().rev().filter(|number| *number < newest);
        let mut kept = 1;
        for number in older {
            let path = self.path_of(number);
            let names = self.disk.names(&path).unwrap_or_default();
            let is_whole = names.iter().any(|name| name == MANIFEST);
            if is_whole && kept < self.keep {
                kept += 1;
                continue;
            }
            if let Err(error) = remove(self.disk.as_ref(), &path) {
                tracing::warn!("{} is not removed: {error}", path.display());
            }
        }
    }
}

impl Attempt<'_> {
    /// Which it will be.
    #[must_use]
    pub fn number(&self) -> Number {
        self.number
    }

    /// Writes a shard.
    ///
    /// # Errors
    /// [`CheckpointError`]; the attempt is to be abandoned then.
    pub fn write(&mut self, shard: &SavedShard) -> Result<(), CheckpointError> {
        let content = |found| CheckpointError::Content {
            shard: shard.shard.0,
            found,
        };
        let (bytes, entry) = encode(shard).map_err(content)?;
        self.put(&entry.file, &bytes)?;
        self.shards.push(entry);
        Ok(())
    }

    /// Ends the checkpoint: writes its manifest, reads all of it back, and removes older ones.
    ///
    /// # Errors
    /// [`CheckpointError`]; the attempt is abandoned then, and no older one was touched.
    pub fn finish(
        mut self,
        identity: Identity,
        desk: SavedDesk,
        written_unix_ms: u64,
    ) -> Result<Kept, CheckpointError> {
        let about = &self.checkpoints.about;
        let manifest = Manifest {
            hash: String::new(),
            format: FORMAT,
            number: self.number.0,
            job: about.job.clone(),
            fingerprint: about.fingerprint.to_string(),
            server: about.server.0,
            servers: about.servers,
            generation: about.generation,
            life: identity.life.0,
            returns: identity.returns,
            written_unix_ms,
            is_fresh: self.shards.is_empty(),
            shards: self.shards.clone(),
            desk,
        };
        let text = manifest.sealed();
        self.put(MANIFEST, text.as_bytes())?;
        for folder in [&self.path, &self.checkpoints.folder] {
            let settled = self.checkpoints.disk.settle_folder(folder);
            settled.map_err(CheckpointError::io(folder))?;
        }
        let read_back = self.checkpoints.verify(self.number);
        read_back.map_err(|found| CheckpointError::ReadBack {
            path: self.path.clone(),
            found,
        })?;
        self.is_whole = true;
        self.checkpoints.forget_older(self.number);
        let arrays: u64 = self.shards.iter().map(|shard| shard.bytes).sum();
        Ok(Kept {
            number: self.number,
            bytes: arrays + text.len() as u64,
        })
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), CheckpointError> {
        let (disk, path) = (&self.checkpoints.disk, self.path.join(name));
        let part = self.path.join(format!("{name}.part"));
        let written = disk.write_new(&part, bytes);
        written.map_err(CheckpointError::io(&part))?;
        disk.rename(&part, &path)
            .map_err(CheckpointError::io(&path))
    }
}
