//! The files between the process that reads a stream and those that train on it: `head`, and one
//! segment after the other, each named by the first row in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the file with the first rows.
pub const HEAD: &str = "head";

const SUFFIX: &str = ".segment";

/// The folder of a stream.
#[derive(Clone, Debug)]
pub(super) struct Segments(PathBuf);

impl Segments {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn head(&self) -> PathBuf {
        self.0.join(HEAD)
    }

    /// The file of the segment whose first row this is.
    pub(super) fn path(&self, first_row: u64) -> PathBuf {
        self.0.join(format!("{first_row:020}{SUFFIX}"))
    }

    /// Writes a segment whole: nobody sees half of it.
    pub(super) fn write(&self, first_row: u64, text: &[u8]) -> io::Result<()> {
        let path = self.path(first_row);
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, text)?;
        fs::rename(unfinished, path)
    }

    /// The first rows of the segments that are there, in order.
    pub(super) fn list(&self) -> io::Result<Vec<u64>> {
        let mut firsts = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let first = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            firsts.extend(first.and_then(|first| first.parse::<u64>().ok()));
        }
        firsts.sort_unstable();
        Ok(firsts)
    }

    pub(super) fn remove(&self, first_row: u64) -> io::Result<()> {
        fs::remove_file(self.path(first_row))
    }
}

/// Removes the segments of a stream, and leaves the head.
///
/// # Errors
/// If the folder cannot be read or a file cannot be removed.
pub fn clear(folder: &Path) -> io::Result<()> {
    let segments = Segments::new(folder);
    for first in segments.list()? {
        segments.remove(first)?;
    }
    Ok(())
}
