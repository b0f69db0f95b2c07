//! Checkpoints: what a server keeps on disk, to return from after it was killed.
//!
//! ```text
//! DIR/server-K/save-000000000007/   shard-0000001.safetensors …   one for each shard
//!                                   manifest.json                 written last
//! ```
//!
//! A checkpoint is whole or it is none: every file is new, on the disk before it has its name, and listed
//! with its hash in the manifest, which comes last. Where a write or a wait for the disk fails, the attempt
//! is abandoned, and the next one has another number. Reading starts with the newest, passes over what does
//! not verify, saying why, and finds a good one or refuses: nothing here ever ends in a blank start.

mod arrays;
mod disk;
mod forget;
mod keep;
mod keeper;
mod manifest;
mod read;
mod start;
#[cfg(test)]
mod tests;

pub use disk::{Disk, RealDisk};
pub use forget::{Forgotten, forget};
pub use keep::{Attempt, Checkpoints, Identity, Kept};
pub use keeper::{Keeper, KeeperOptions, Request, unix_ms};
pub use manifest::{About, FORMAT, Manifest, NotANumber, Number, PendingEntry, ShardEntry};
pub use read::{Found, PASSED_OVER, Skipped};
pub use start::{Begun, Returned, begin};

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thalweg_common::ids::ServerId;
use thiserror::Error;

/// Why there is no checkpoint, or none to return from.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What is to be written is nothing to return to.
    #[error("shard {shard}: {found}; no checkpoint is made of it")]
    Content {
        /// The shard.
        shard: u32,
        /// What is wrong with it.
        found: String,
    },
    /// What was just written does not read back.
    #[error("{} does not read back: {found}", path.display())]
    ReadBack {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Another process keeps its checkpoints there.
    #[error(
        "{} is in use by another process; end that server first, or give this one a folder of its own with \
         --checkpoints",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is another server's, or another job's.
    #[error(
        "{} holds checkpoints of {found}, expected {expected}; if that job is to go on, start it as it was (with \
         `--resume`: bring back the run's job.toml); else give every job a folder of its own with --checkpoints, or \
         remove this one's with `thalweg checkpoint --forget` to start anew",
        path.display()
    )]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// There are checkpoints and none of them verifies.
    #[error(
        "{}: none of its {} checkpoints can be read, and a server does not start blank beside them: {}; \
         bring back a copy of one, or start the job anew after `thalweg checkpoint --forget`",
        path.display(), .skipped.len(), words(.skipped)
    )]
    NoneGood {
        /// The folder.
        path: PathBuf,
        /// What was wrong with each.
        skipped: Vec<Skipped>,
    },
    /// A good checkpoint that the server cannot take.
    #[error("{} cannot be returned from: {found}", path.display())]
    Unfit {
        /// The checkpoint.
        path: PathBuf,
        /// Why.
        found: String,
    },
}

impl CheckpointError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// The folder of a server's checkpoints below that of the job's.
#[must_use]
pub fn folder_of(checkpoints: &Path, server: ServerId) -> PathBuf {
    checkpoints.join(format!("server-{server}"))
}

/// The server whose folder has this name.
fn server_of(name: &str) -> Option<ServerId> {
    let number = name.strip_prefix("server-")?.parse().ok().map(ServerId)?;
    (format!("server-{number}") == name).then_some(number)
}

/// Takes the folder of a server's checkpoints for this process, for as long as the answer lives.
///
/// # Errors
/// [`CheckpointError::InUse`] if another process has it, [`CheckpointError::Io`] if it cannot be made.
pub fn hold(folder: &Path) -> Result<File, CheckpointError> {
    let path = folder.join("in-use");
    let io = |error| CheckpointError::io(&path)(error);
    RealDisk.make_folders(folder).map_err(io)?;
    let mut options = File::options();
    let file = options.create(true).append(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CheckpointError::InUse {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn words(skipped: &[Skipped]) -> String {
    let words: Vec<_> = skipped.iter().map(ToString::to_string).collect();
    words.join("; ")
}
