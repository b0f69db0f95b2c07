//! A disk that dies, and small states to write on it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg_common::ids::{Fingerprint, Life, ServerId, ShardId, Version};
use thalweg_common::message::{Address, Coordinates};

use super::super::{About, Checkpoints, Disk, Identity, Kept, RealDisk};
use crate::checkpoint::CheckpointError;
use crate::saved::{Column, SavedDesk, SavedPart, SavedShard};

/// A disk that does so many steps and then none: what a killed process leaves. Of a file that is written
/// in the last step, a part is there.
#[derive(Debug)]
pub(super) struct Mortal {
    left: AtomicU64,
    /// The share of the last file that is written, of 256.
    share: u64,
}

impl Mortal {
    pub(super) fn new(steps: u64, share: u64) -> Self {
        Self {
            left: AtomicU64::new(steps),
            share,
        }
    }

    /// The steps that are left.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn step(&self) -> io::Result<()> {
        let spend = |left: u64| left.checked_sub(1);
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        spent.map(drop).map_err(|_| io::Error::other("killed"))
    }
}

impl Disk for Mortal {
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.make_folders(path))
    }

    fn make_new_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.make_new_folder(path))
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(killed) = self.step() {
            let share = usize::try_from(self.share).unwrap();
            RealDisk.write_new(path, &bytes[..bytes.len() * share / 256])?;
            return Err(killed);
        }
        RealDisk.write_new(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.rename(from, to))
    }

    fn settle_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.settle_folder(path))
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.names(path)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, max)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        if let Err(killed) = self.step() {
            // Some of it is gone.
            for name in RealDisk.names(path)?.into_iter().take(1) {
                RealDisk.remove_file(&path.join(name))?;
            }
            return Err(killed);
        }
        RealDisk.remove_folder(path)
    }
}

/// A disk that says it has written every byte, and has not: a bit of every shard's file is another one.
#[derive(Debug)]
pub(super) struct Rotten;

impl Disk for Rotten {
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        RealDisk.make_folders(path)
    }

    fn make_new_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.make_new_folder(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with("shard-") {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        RealDisk.write_new(path, &bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn settle_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.settle_folder(path)
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.names(path)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, max)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_folder(path)
    }
}

pub(super) fn about() -> About {
    About {
        job: "test".into(),
        fingerprint: Fingerprint(5),
        server: ServerId(1),
        servers: 2,
        generation: 1,
        shards: vec![ShardId(1), ShardId(3)],
    }
}

pub(super) fn checkpoints(folder: &Path, disk: impl Disk + 'static) -> Checkpoints {
    Checkpoints::new(folder.join("server-1"), Arc::new(disk), about(), 3)
}

/// The shards at a step, all of whose numbers say so.
pub(super) fn shards(step: u64) -> [SavedShard; 2] {
    let value = |element: usize| step as f32 + element as f32 / 8.0;
    let column = |name: &str, len| Column {
        name: name.into(),
        values: (0..len).map(value).collect(),
    };
    [(1, 7), (3, 5)].map(|(shard, len)| SavedShard {
        shard: ShardId(shard),
        version: Version(step),
        progress: step * 10,
        columns: vec![column("param", len), column("slot.sum", len)],
        pending: vec![SavedPart {
            worker: 2,
            weight: step,
            rate_factor: 0.5,
            scale: 1.0,
            staleness: 1,
            address: Address::Coordinates(Coordinates::new([0, 3]).unwrap()),
            values: vec![step as f32, f32::MIN_POSITIVE],
        }],
    })
}

pub(super) fn write(checkpoints: &Checkpoints, step: u64) -> Result<Kept, CheckpointError> {
    let identity = Identity {
        life: Life(9),
        returns: 0,
    };
    let mut attempt = checkpoints.begin()?;
    for shard in &shards(step) {
        attempt.write(shard)?;
    }
    let desk = SavedDesk {
        lives: vec![step],
        ..SavedDesk::default()
    };
    attempt.finish(identity, desk, step)
}

/// The step of the newest good checkpoint, after everything in it was compared with what was written at
/// that step; `None` if there never was one. The error is a refusal.
pub(super) fn read(folder: &Path) -> Result<Option<u64>, CheckpointError> {
    let checkpoints = checkpoints(folder, RealDisk);
    let Some(found) = checkpoints.newest()? else {
        return Ok(None);
    };
    let step = found.manifest.written_unix_ms;
    assert_eq!(found.manifest.desk.lives, [step]);
    assert_eq!(found.manifest.life(), Life(9));
    let loaded: Vec<_> = found.shards().map(Result::unwrap).collect();
    assert_eq!(
        loaded,
        shards(step),
        "a good checkpoint is what was written"
    );
    Ok(Some(step))
}
