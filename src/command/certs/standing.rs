//! What is in a folder of `thalweg certs` already: nothing, a part or all of it, and until when it holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use thalweg_proto::security::{Flaw, KeyPair, Role, TlsError, date};
use zeroize::Zeroizing;

use super::files::{is_there, read};
use super::{AUTHORITY_FOLDER, SERVER};
use crate::command::credentials::{AUTHORITY, CERTIFICATE, KEY};

/// How long before their end certificates are warned of.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// What is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// None of the folders.
    Nothing,
    /// Some of the files, the authority's among them or not; what is not there.
    Part {
        /// Whether the authority can sign.
        authority: bool,
        /// The files that are missing, below the folder.
        missing: Vec<PathBuf>,
    },
    /// Every file but tokens, which may be taken away.
    Whole,
}

impl Standing {
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let mut is_any = false;
        let mut missing = Vec::new();
        let home = [(AUTHORITY_FOLDER, &[AUTHORITY, KEY][..])];
        let others = folders().map(|name| (name, &[AUTHORITY, CERTIFICATE, KEY][..]));
        for (name, files) in home.into_iter().chain(others) {
            is_any |= is_there(&folder.join(name))?;
            for file in files {
                let path = Path::new(name).join(file);
                if !is_there(&folder.join(&path))? {
                    missing.push(path);
                }
            }
        }
        Ok(match (is_any, missing.is_empty()) {
            (false, _) => Self::Nothing,
            (true, true) => Self::Whole,
            (true, false) => Self::Part {
                authority: !missing
                    .iter()
                    .any(|path| path.starts_with(AUTHORITY_FOLDER)),
                missing,
            },
        })
    }
}

/// The folders beside the authority's.
pub(super) fn folders() -> impl Iterator<Item = &'static str> {
    std::iter::once(SERVER).chain(Role::ALL.map(Role::name))
}

/// When the first of the certificates in a whole folder ends, since 1970. It is an error if that is past.
pub(super) fn first_end(folder: &Path, now: Duration) -> Result<Duration> {
    let mut first = Duration::MAX;
    for name in folders() {
        let own = folder.join(name);
        let pair = KeyPair {
            certificates: read(&own.join(CERTIFICATE))?,
            key: Zeroizing::new(read(&own.join(KEY))?),
        };
        let path = || own.join(CERTIFICATE).display().to_string();
        let at = pair
            .holds_until(&read(&own.join(AUTHORITY))?)
            .with_context(path)?;
        if at < now {
            return Err(TlsError::Flawed(Flaw::Expired { at })).with_context(path);
        }
        first = first.min(at);
    }
    Ok(first)
}

/// The warning that is due for certificates that end at `end`, both times since 1970.
pub(in crate::command) fn warning(folder: &Path, end: Duration, now: Duration) -> Option<String> {
    (end < now + SOON).then(|| {
        format!(
            "warning: certificates in {} expire on {}; {}",
            folder.display(),
            date(end),
            Flaw::Expired { at: end }.remedy()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::create;
    use super::*;

    #[test]
    fn a_part_is_no_whole_and_says_what_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("certs");
        assert_eq!(Standing::of(&folder).unwrap(), Standing::Nothing);
        create(&folder, 1).unwrap();
        assert_eq!(Standing::of(&folder).unwrap(), Standing::Whole);
        // A token may be taken back.
        std::fs::remove_file(folder.join("server/worker.token")).unwrap();
        assert_eq!(Standing::of(&folder).unwrap(), Standing::Whole);
        for (file, authority) in [("worker/key.pem", true), ("ca/key.pem", false)] {
            let (path, away) = (folder.join(file), home.path().join("away"));
            std::fs::rename(&path, &away).unwrap();
            let missing = vec![PathBuf::from(file)];
            let part = Standing::Part { authority, missing };
            assert_eq!(Standing::of(&folder).unwrap(), part);
            std::fs::rename(&away, &path).unwrap();
        }
    }

    #[test]
    fn the_end_of_what_is_there_is_read_and_warned_of_in_time() {
        let home = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(86_400);
        let before = crate::launch::unix_time();
        create(home.path(), 40).unwrap();
        let end = first_end(home.path(), before).unwrap();
        let slack = Duration::from_secs(1);
        assert!(before + 40 * day <= end + slack, "{end:?}");
        assert!(
            end <= crate::launch::unix_time() + 40 * day + slack,
            "{end:?}"
        );
        assert_eq!(warning(home.path(), end, end - 31 * day), None);
        let words = warning(home.path(), end, end - 29 * day).unwrap();
        assert!(words.contains(&date(end)), "{words}");
        let error = first_end(home.path(), end + day).unwrap_err();
        let words = format!("{error:#}");
        for part in ["server/cert.pem", "expired on", &date(end)] {
            assert!(words.contains(part), "{words}");
        }
    }
}
