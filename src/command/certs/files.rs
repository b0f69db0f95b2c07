//! Files and folders of `thalweg certs`: for their owner alone, never written over, and put in their places only when
//! all of them are written.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Error, Result, anyhow};
use nix::unistd::geteuid;
use tempfile::TempDir;

/// How the folder begins in which files are written that have no places yet.
const UNFINISHED: &str = ".unfinished-";

/// Mode of folders.
const FOLDER_MODE: u32 = 0o700;

/// Mode of files.
const FILE_MODE: u32 = 0o600;

/// Folders that are being written, inside of the one where they are to be. They vanish if they are not finished.
#[derive(Debug)]
pub(super) struct Unfinished<'a> {
    home: &'a Path,
    folder: TempDir,
}

impl<'a> Unfinished<'a> {
    /// Folders that will be in `home`, which is made if it is not there.
    pub(super) fn begin(home: &'a Path) -> Result<Self> {
        make_folder(home)?;
        let folder = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(FOLDER_MODE))
            .tempdir_in(home)
            .map_err(|error| cannot("make a folder in", home, &error))?;
        Ok(Self { home, folder })
    }

    /// Where they are until then.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts them in their places, in this order. Whoever is interrupted in between leaves the first of them.
    pub(super) fn finish(self, names: &[&str]) -> Result<()> {
        for name in names {
            let place = self.home.join(name);
            fs::rename(self.path().join(name), &place)
                .map_err(|error| cannot("write", &place, &error))?;
        }
        Ok(())
    }
}

/// Whether a file or folder is there.
pub(super) fn is_there(path: &Path) -> Result<bool> {
    path.try_exists()
        .map_err(|error| cannot("look at", path, &error))
}

/// A folder that only its owner opens.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(|error| cannot("make", path, &error))
}

/// A new file that only its owner reads. None is ever written over.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| cannot("write", path, &error))
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| cannot("read", path, &error))
}

/// What could not be done, with whom it was not allowed to, and what to do.
fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let fix = match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "; this process is of user {}: give the folder to that user (chown), run the command as its owner, or \
             name another folder",
            geteuid()
        ),
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
            "; nothing is written over: move it away, or name another folder".to_owned()
        }
        ErrorKind::NotADirectory => {
            "; a file is where a folder is wanted: name another folder".to_owned()
        }
        _ => String::new(),
    };
    anyhow!("cannot {what} {}: {error}{fix}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_names_the_path_the_user_and_a_way_out() {
        let path = Path::new("certs/ca");
        let words = cannot("make", path, &ErrorKind::PermissionDenied.into()).to_string();
        let user = format!("of user {}:", geteuid());
        for part in ["cannot make certs/ca: ", &user, "chown"] {
            assert!(words.contains(part), "{words}");
        }
        let words = cannot("write", path, &ErrorKind::AlreadyExists.into()).to_string();
        assert!(words.contains("name another folder"), "{words}");
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_and_what_is_there_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let begin = || {
            let unfinished = Unfinished::begin(home.path()).unwrap();
            make_folder(&unfinished.path().join("a")).unwrap();
            write(&unfinished.path().join("a/file"), "text").unwrap();
            unfinished
        };
        let names = || {
            let entries = fs::read_dir(home.path()).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>()
        };
        drop(begin());
        assert!(names().is_empty());
        begin().finish(&["a"]).unwrap();
        assert_eq!(names(), ["a"]);
        let error = begin().finish(&["a"]).unwrap_err().to_string();
        assert!(error.contains("nothing is written over"), "{error}");
        assert_eq!(names(), ["a"]);
    }
}
