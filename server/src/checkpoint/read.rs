//! Reading checkpoints: the newest that verifies, whole.

use std::fmt;
use std::path::PathBuf;

use thalweg_common::ids::ShardId;

use super::arrays::decode;
use super::keep::{Checkpoints, MANIFEST};
use super::manifest::{FORMAT, MANIFEST_BYTES_MAX, Manifest, Number, shard_file};
use super::{CheckpointError, words};
use crate::saved::SavedShard;

/// By these words a server says that it returns to an older checkpoint than its newest.
pub const PASSED_OVER: &str = "a checkpoint is passed over";

/// A checkpoint that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub number: Number,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.why)
    }
}

/// The newest checkpoint that verifies.
#[derive(Debug)]
pub struct Found<'a> {
    checkpoints: &'a Checkpoints,
    /// Which.
    pub number: Number,
    /// What it is of.
    pub manifest: Manifest,
    /// Newer ones that do not verify, the newest first.
    pub skipped: Vec<Skipped>,
}

impl Found<'_> {
    /// Its folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.checkpoints.path_of(self.number)
    }

    /// Its shards, one after the other, each verified again as it is read.
    ///
    /// # Errors
    /// [`CheckpointError::Unfit`] if one does not verify any more.
    pub fn shards(&self) -> impl Iterator<Item = Result<SavedShard, CheckpointError>> + '_ {
        let entries = self.manifest.shards.iter();
        entries.map(|entry| {
            let shard = self
                .checkpoints
                .shard_of(self.number, &self.manifest, entry.shard);
            shard.map_err(|found| CheckpointError::Unfit {
                path: self.path(),
                found,
            })
        })
    }
}

impl Checkpoints {
    /// Finds the newest checkpoint that verifies: manifest, sizes, hashes, arrays and finite parameters.
    /// `None` if there never was one.
    ///
    /// # Errors
    /// [`CheckpointError::NoneGood`] if there are some and none verifies, [`CheckpointError::Foreign`] if
    /// they are another job's or another server's.
    pub fn newest(&self) -> Result<Option<Found<'_>>, CheckpointError> {
        let mut skipped = Vec::new();
        for number in self.numbers()?.into_iter().rev() {
            match self.verify(number) {
                Ok(manifest) => {
                    self.judge_whose(number, &manifest)?;
                    return Ok(Some(Found {
                        checkpoints: self,
                        number,
                        manifest,
                        skipped,
                    }));
                }
                Err(why) => skipped.push(Skipped { number, why }),
            }
        }
        match skipped.is_empty() {
            true => Ok(None),
            false => {
                tracing::warn!("{}", words(&skipped));
                Err(CheckpointError::NoneGood {
                    path: self.folder().to_owned(),
                    skipped,
                })
            }
        }
    }

    /// Why the job has failed, if it has: the word of the newest checkpoint of which the manifest can be read. Arrays
    /// are not read, as the word holds whatever becomes of them. What is another job's says nothing of this one.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        // Whoever returns from them meets the errors.
        let mut newest = self.numbers().unwrap_or_default().into_iter().rev();
        let (number, manifest) =
            newest.find_map(|number| Some((number, self.manifest_of(number).ok()?)))?;
        self.judge_whose(number, &manifest).ok()?;
        manifest.desk.failure().map(str::to_owned)
    }

    /// Reads all of a checkpoint; says what is wrong with it. One of another job verifies, too.
    pub(super) fn verify(&self, number: Number) -> Result<Manifest, String> {
        let manifest = self.manifest_of(number)?;
        if self.judge_whose(number, &manifest).is_err() {
            return Ok(manifest);
        }
        manifest.judge_shards(&self.about)?;
        for entry in &manifest.shards {
            self.shard_of(number, &manifest, entry.shard)?;
        }
        Ok(manifest)
    }

    fn manifest_of(&self, number: Number) -> Result<Manifest, String> {
        let path = self.path_of(number).join(MANIFEST);
        let read = self.disk.read(&path, MANIFEST_BYTES_MAX);
        let bytes = read.map_err(|error| format!("{MANIFEST}: {error}"))?;
        let read = Manifest::unsealed(&bytes);
        let manifest = read.map_err(|error| format!("{MANIFEST}: {error}"))?;
        if manifest.format != FORMAT {
            let found = manifest.format;
            return Err(format!(
                "it is of format {found}; this release reads format {FORMAT}"
            ));
        }
        if manifest.number != number.0 {
            return Err(format!("{MANIFEST} is of {}", Number(manifest.number)));
        }
        Ok(manifest)
    }

    fn shard_of(
        &self,
        number: Number,
        manifest: &Manifest,
        shard: u32,
    ) -> Result<SavedShard, String> {
        let name = shard_file(ShardId(shard));
        let at = |text: String| format!("{name}: {text}");
        let entry = manifest.shards.iter().find(|entry| entry.shard == shard);
        let entry = entry.ok_or_else(|| at("the manifest has no such shard".to_owned()))?;
        let path = self.path_of(number).join(&name);
        let bytes = self.disk.read(&path, entry.bytes);
        let bytes = bytes.map_err(|error| at(error.to_string()))?;
        decode(&bytes, entry).map_err(at)
    }

    fn judge_whose(&self, number: Number, manifest: &Manifest) -> Result<(), CheckpointError> {
        let about = &self.about;
        let words = |job: &str, fingerprint: &str, server: u32, servers: u32, map: u64| {
            format!(
                "server {server} of {servers} of job `{job}` with fingerprint {fingerprint} and shard map \
                 {map}"
            )
        };
        let fingerprint = about.fingerprint.to_string();
        let is_ours = manifest.fingerprint == fingerprint
            && manifest.server == about.server.0
            && manifest.servers == about.servers
            && manifest.generation == about.generation;
        match is_ours {
            true => Ok(()),
            false => Err(CheckpointError::Foreign {
                path: self.path_of(number),
                found: words(
                    &manifest.job,
                    &manifest.fingerprint,
                    manifest.server,
                    manifest.servers,
                    manifest.generation,
                ),
                expected: words(
                    &about.job,
                    &fingerprint,
                    about.server.0,
                    about.servers,
                    about.generation,
                ),
            }),
        }
    }
}
