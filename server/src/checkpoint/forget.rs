//! Forgetting: checkpoints of jobs that are over are removed, so that the next job begins anew.

use std::path::{Path, PathBuf};

use super::keep::MANIFEST;
use super::{CheckpointError, Checkpoints, Disk, Number, RealDisk, hold, server_of};

/// What became of the checkpoints of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The server's folder, which stays.
    pub folder: PathBuf,
    /// How many were removed; `None` if a server runs that keeps its own beside them.
    pub removed: Option<usize>,
}

/// Removes the checkpoints of all servers below `checkpoints`, or, as long as one of them runs, of none: the others
/// may be down and about to return. Nothing else there is touched, and a folder that is not there has none.
///
/// # Errors
/// [`CheckpointError::Io`] if the system refuses.
pub fn forget(checkpoints: &Path) -> Result<Vec<Forgotten>, CheckpointError> {
    let names = RealDisk.names(checkpoints);
    let names = names.map_err(CheckpointError::io(checkpoints))?;
    let servers = names.iter().filter(|name| server_of(name).is_some());
    let folders: Vec<PathBuf> = servers.map(|name| checkpoints.join(name)).collect();
    let mut held = Vec::new();
    for folder in &folders {
        match hold(folder) {
            Ok(one) => held.push(one),
            Err(CheckpointError::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let is_over = held.len() == folders.len();
    let mut forgotten = Vec::new();
    for folder in folders {
        let removed = match is_over {
            true => Some(remove_all(&RealDisk, &folder)?),
            false => None,
        };
        forgotten.push(Forgotten { folder, removed });
    }
    Ok(forgotten)
}

impl Checkpoints {
    /// Removes all of them; says how many there were.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if the system refuses.
    pub fn forget_all(&self) -> Result<usize, CheckpointError> {
        remove_all(self.disk.as_ref(), self.folder())
    }
}

impl Checkpoints {
    /// Removes what was begun and never ended, beside a good checkpoint: it would only take room. What cannot
    /// be removed does no harm.
    pub(super) fn forget_unfinished(&self) {
        let numbers = self.numbers().unwrap_or_default();
        let paths = numbers.into_iter().map(|number| self.path_of(number));
        for path in paths {
            let names = self.disk.names(&path).unwrap_or_default();
            if !names.iter().any(|name| name == MANIFEST) {
                self.disk.remove_folder(&path).ok();
            }
        }
    }
}

/// Removes every checkpoint in a server's folder, the newest last: as long as there are any, the newest is
/// the one that it returns from.
fn remove_all(disk: &dyn Disk, folder: &Path) -> Result<usize, CheckpointError> {
    let names = disk.names(folder).map_err(CheckpointError::io(folder))?;
    let mut numbers: Vec<Number> = names.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    for number in &numbers {
        let path = folder.join(number.to_string());
        remove(disk, &path).map_err(CheckpointError::io(&path))?;
    }
    Ok(numbers.len())
}

/// Removes one checkpoint, its manifest first: without it what is left is none at any moment.
pub(super) fn remove(disk: &dyn Disk, path: &Path) -> std::io::Result<()> {
    if disk.names(path)?.iter().any(|name| name == MANIFEST) {
        disk.remove_file(&path.join(MANIFEST))?;
    }
    disk.remove_folder(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use thalweg_common::ids::ServerId;

    use super::super::folder_of;
    use super::*;

    fn make(checkpoints: &Path, server: u32, number: u64) {
        let folder = folder_of(checkpoints, ServerId(server));
        let path = folder.join(Number(number).to_string());
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(MANIFEST), "{}").unwrap();
        fs::write(path.join("shard-0000000.safetensors"), "x").unwrap();
    }

    #[test]
    fn checkpoints_are_removed_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = folder.path();
        make(checkpoints, 0, 1);
        make(checkpoints, 0, 2);
        make(checkpoints, 1, 9);
        fs::write(checkpoints.join("server-0/mine"), "stays").unwrap();
        fs::create_dir_all(checkpoints.join("server-none/save-000000000001")).unwrap();

        let forgotten = forget(checkpoints).unwrap();

        let of = |server, removed| Forgotten {
            folder: folder_of(checkpoints, ServerId(server)),
            removed: Some(removed),
        };
        assert_eq!(forgotten, [of(0, 2), of(1, 1)]);
        assert!(checkpoints.join("server-0/mine").is_file());
        assert!(checkpoints.join("server-none/save-000000000001").is_dir());
        assert!(!checkpoints.join("server-1/save-000000000009").is_dir());
    }

    #[test]
    fn as_long_as_a_server_runs_all_stay() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = folder.path();
        make(checkpoints, 0, 1);
        make(checkpoints, 1, 1);
        let mine = folder_of(checkpoints, ServerId(0));
        let held = hold(&mine).unwrap();
        let removed = || -> Vec<_> {
            let forgotten = forget(checkpoints).unwrap();
            forgotten.iter().map(|one| one.removed).collect()
        };
        assert_eq!(removed(), [None, None]);
        assert!(mine.join("save-000000000001").is_dir());
        drop(held);
        assert_eq!(removed(), [Some(1), Some(1)]);
    }

    #[test]
    fn a_folder_that_is_not_there_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(forget(&folder.path().join("none")).unwrap(), []);
    }
}
