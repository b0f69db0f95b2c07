//! `state.json`: what a run folder says of its run while there is no report yet.
//!
//! It is written when the folder is made and again when the run ends, however it ends, with one
//! exception: a launcher that is killed. Then it goes on saying `running`, with the id of a process
//! that is gone, and so a reader can tell an aborted run from one that goes on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::atomic::write_whole;
use super::{FileError, RunFolder, RunStatus, date};

/// What the file says. `docs/REPORT.md` lists its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// How things stand.
    pub state: StateWord,
    /// The job's name.
    pub job: String,
    /// The launcher's process id.
    pub pid: u32,
    /// When the run began, UTC, as RFC 3339 has it.
    pub since: String,
}

/// The words for how things stand: those of a report, and one for before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// The launcher has not ended, or was killed.
    Running,
    /// As [`RunStatus::Done`].
    Done,
    /// As [`RunStatus::Diverged`].
    Diverged,
    /// As [`RunStatus::Failed`], also when there is no report.
    Failed,
    /// As [`RunStatus::Interrupted`].
    Interrupted,
}

impl From<RunStatus> for StateWord {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Done => Self::Done,
            RunStatus::Diverged => Self::Diverged,
            RunStatus::Failed => Self::Failed,
            RunStatus::Interrupted => Self::Interrupted,
        }
    }
}

impl RunState {
    /// Reads the state of the run in `folder`; `None` if it has none that can be understood.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn write(&self, path: &Path) -> Result<(), FileError> {
        let text = serde_json::to_vec_pretty(self).expect("plain numbers and words are JSON");
        write_whole(path, |file| file.write_all(&text))
    }
}

const NAME: &str = "state.json";

/// Keeps the state of a run true: dropped before its end, the run has failed.
#[derive(Debug)]
pub struct RunMark {
    path: PathBuf,
    state: RunState,
    settled: bool,
}

impl RunMark {
    /// Marks the run of this process in `folder` as running since `now`.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn begin(folder: &RunFolder, job: &str, now: SystemTime) -> Result<Self, FileError> {
        let mark = Self {
            path: folder.path().join(NAME),
            state: RunState {
                state: StateWord::Running,
                job: job.to_owned(),
                pid: std::process::id(),
                since: date::rfc3339(now),
            },
            settled: false,
        };
        mark.state.write(&mark.path)?;
        Ok(mark)
    }

    /// Marks how the run ended.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn settle(mut self, status: RunStatus) -> Result<(), FileError> {
        self.settled = true;
        self.state.state = status.into();
        self.state.write(&self.path)
    }
}

impl Drop for RunMark {
    fn drop(&mut self) {
        if !self.settled {
            self.state.state = StateWord::Failed;
            // The error that ended the run is the one to tell.
            self.state.write(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::report::documented::documented_keys;

    fn begun(path: &Path) -> RunMark {
        let now = UNIX_EPOCH + Duration::from_secs(951_827_696);
        let folder = RunFolder::create(Some(path.to_owned()), "job", now).unwrap();
        RunMark::begin(&folder, "job", now).unwrap()
    }

    #[test]
    fn a_run_says_running_with_its_process_until_it_says_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mark = begun(folder.path());
        let state = RunState::of(folder.path()).unwrap();
        assert_eq!(state.state, StateWord::Running);
        assert_eq!(state.pid, std::process::id());
        assert_eq!(state.since, "2000-02-29T12:34:56Z");
        mark.settle(RunStatus::Diverged).unwrap();
        let state = RunState::of(folder.path()).unwrap();
        assert_eq!(state.state, StateWord::Diverged);
    }

    #[test]
    fn a_run_that_ends_in_an_error_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        drop(begun(folder.path()));
        let state = RunState::of(folder.path()).unwrap();
        assert_eq!(state.state, StateWord::Failed);
    }

    #[test]
    fn every_key_is_documented() {
        let folder = tempfile::tempdir().unwrap();
        let _mark = begun(folder.path());
        let text = fs::read(folder.path().join(NAME)).unwrap();
        let state: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&text).unwrap();
        let keys: BTreeSet<&str> = state.keys().map(String::as_str).collect();
        assert_eq!(keys, documented_keys("state"));
    }
}
