//! Files that are whole or not there: written under a temporary name, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Report;

/// A file of a run that could not be written.
#[derive(Debug, Error)]
#[error(
    "cannot write {}: {source}; give it a place that exists, may be written and has room",
    path.display()
)]
pub struct FileError {
    /// The file that was meant to be written.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Writes the report as JSON, whole or not at all. An existing file is replaced.
///
/// # Errors
/// [`FileError`] if the file cannot be written; what stood there before still does.
pub fn write_report(path: &Path, report: &Report) -> Result<(), FileError> {
    write_whole(path, |file| {
        serde_json::to_writer_pretty(&mut *file, report)?;
        file.write_all(b"\n")
    })
}

/// Writes a text, whole or not at all. An existing file is replaced.
///
/// # Errors
/// As [`write_report`].
pub fn write_text(path: &Path, text: &str) -> Result<(), FileError> {
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

/// Writes what `write` writes, whole or not at all. An existing file is replaced.
///
/// # Errors
/// As [`write_report`].
pub fn write_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    write_whole(path, |file| write(file))
}

/// Says before a run whether its report could be written to `path`, so that hours of training do
/// not end in a missing folder.
///
/// # Errors
/// [`FileError`] if `path` is a folder, or the folder that it is to stand in is not there.
pub fn check_report_path(path: &Path) -> Result<(), FileError> {
    let refuse = |kind, text: &str| Err(FileError::at(path)(io::Error::new(kind, text)));
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        return refuse(
            io::ErrorKind::IsADirectory,
            "expected a file, found a folder",
        );
    }
    match fs::metadata(folder_of(path)) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => refuse(
            io::ErrorKind::NotADirectory,
            "expected it in a folder, found it in a file",
        ),
        Err(error) => Err(FileError::at(path)(error)),
    }
}

pub(super) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    let temporary = temporary_name(path);
    let written = write_and_settle(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // It may never have been made; the first error is the one to tell.
        drop(fs::remove_file(&temporary));
        FileError::at(path)(error)
    })
}

fn write_and_settle(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// Beside the file, since a rename does not leave its file system; with the process in its name,
/// since two runs may write one report.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::report;

    #[test]
    fn a_file_that_fails_half_way_leaves_what_stood_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "before").unwrap();
        let error = write_whole(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        })
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("report.json: the disk is full; give it a place")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_report(&path, &report()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_report_path_that_cannot_be_written_is_found_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("report.json");
        assert!(check_report_path(&good).is_ok());
        assert!(check_report_path(Path::new("report.json")).is_ok());
        fs::write(&good, "").unwrap();
        assert!(check_report_path(&good).is_ok());
        assert!(check_report_path(folder.path()).is_err());
        assert!(check_report_path(&folder.path().join("no/report.json")).is_err());
        assert!(check_report_path(&good.join("report.json")).is_err());
    }
}
