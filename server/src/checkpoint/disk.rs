//! The few steps on files that checkpoints are made of, behind a trait, so that tests can end a process
//! between any two of them.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Steps on files. Nothing here replaces a file that is there.
pub trait Disk: Debug + Send + Sync {
    /// Makes a folder and those above it, if they are not there.
    ///
    /// # Errors
    /// What the system says.
    fn make_folders(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder that is not there.
    ///
    /// # Errors
    /// What the system says; also if there is something of that name.
    fn make_new_folder(&self, path: &Path) -> io::Result<()>;

    /// Writes a new file and waits until its content is on the disk.
    ///
    /// # Errors
    /// What the system says; also if there is something of that name.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file its last name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn settle_folder(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder that are text; none if it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Reads a file of at most `max` bytes.
    ///
    /// # Errors
    /// What the system says; also if it is longer.
    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// What the system says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn make_new_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn settle_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        if max < bytes.len() as u64 {
            let text = format!("it has more than {max} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }
}
