//! The run folder: where one run keeps its files, and how the place is chosen.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use thalweg_common::layout::ParameterLayout;
use thiserror::Error;

use super::atomic::write_whole;
use super::{
    EventLog, FileError, MetricsLog, ParametersError, Provenance, Report, RunState, date,
    render_curves, render_page, write_parameters, write_report,
};

/// Where runs go that were not given a place, below the current folder.
pub const RUNS: &str = "runs";

/// Runs of one job that start in one second; more than that is a loop gone wrong.
const SAME_SECOND_MAX: u32 = 1_000;

/// The files of one run. The folder exists and was empty when the run began.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    warning: Option<String>,
    /// Held for as long as the run lasts: nobody else goes on with it.
    _held: Option<Arc<File>>,
}

/// Why a run has no folder.
#[derive(Debug, Error)]
pub enum RunFolderError {
    /// The folder holds something: a run never writes over another.
    #[error(
        "run folder {}: expected a folder that is empty or not there yet, found {found} in it; \
         name another one with --out, or remove it first",
        path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// An entry in it.
        found: String,
    },
    /// There is no run to go on with.
    #[error(
        "run folder {}: expected a run that can go on, found none (no job.toml or no logs); name the folder that \
         `thalweg train` said",
        path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Another launcher has it.
    #[error(
        "run folder {}: its run goes on in another process{}; wait for its end, or end it with Ctrl-C there",
        path.display(),
        pid.map_or_else(String::new, |pid| format!(" ({pid})"))
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, if the folder says which.
        pid: Option<u32>,
    },
    /// The system refused.
    #[error(
        "run folder {}: {source}; name a place with --out where folders can be made",
        path.display()
    )]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Takes a folder for this process, for as long as the answer lives.
fn hold(folder: &Path) -> Result<Arc<File>, TryLockError> {
    let opened = File::open(folder).map_err(TryLockError::Error)?;
    opened.try_lock()?;
    Ok(Arc::new(opened))
}

impl RunFolder {
    /// Makes the folder `path`, or, if none is named, `runs/<job>-<yyyymmdd-hhmmss>` (UTC). `runs/latest`
    /// points at a run below `runs`, named or not.
    ///
    /// # Errors
    /// [`RunFolderError`] if `path` holds something already, or cannot be made.
    pub fn create(
        path: Option<PathBuf>,
        job: &str,
        now: SystemTime,
    ) -> Result<Self, RunFolderError> {
        Self::create_or_below((path, RUNS), job, now)
    }

    /// Makes the folder `path`, or, if none is named, one below the folder `usual` as [`Self::create_below`]
    /// does.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_or_below(
        (path, usual): (Option<PathBuf>, &str),
        job: &str,
        now: SystemTime,
    ) -> Result<Self, RunFolderError> {
        match path {
            Some(path) => Self::create_at(path),
            None => Self::create_below(Path::new(usual), job, now),
        }
    }

    /// Makes `<runs>/<job>-<yyyymmdd-hhmmss>` (UTC) and points `<runs>/latest` at it. A second run
    /// in the same second gets `-2` at the end of its name, and so on.
    ///
    /// # Errors
    /// [`RunFolderError`] if no such folder can be made.
    pub fn create_below(runs: &Path, job: &str, now: SystemTime) -> Result<Self, RunFolderError> {
        let refuse = |path: &Path, source| RunFolderError::Io {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(runs).map_err(|error| refuse(runs, error))?;
        let name = format!("{}-{}", file_name(job), date::stamp(now));
        let mut path = runs.join(&name);
        let mut tries = 1;
        while let Err(error) = fs::create_dir(&path) {
            if error.kind() != io::ErrorKind::AlreadyExists || tries >= SAME_SECOND_MAX {
                return Err(refuse(&path, error));
            }
            tries += 1;
            path = runs.join(format!("{name}-{tries}"));
        }
        Ok(Self::furnish(path)?.made_the_latest(runs))
    }

    /// The job of a run that is to go on: the path of its file.
    ///
    /// # Errors
    /// [`RunFolderError::NoRun`] if there is no run in `path`.
    pub fn job_to_go_on(path: PathBuf) -> Result<PathBuf, RunFolderError> {
        Self::with_a_run(path).map(|folder| folder.job_path())
    }

    fn with_a_run(path: PathBuf) -> Result<Self, RunFolderError> {
        let folder = Self {
            path,
            warning: None,
            _held: None,
        };
        if folder.job_path().is_file() && folder.logs_path().is_dir() {
            return Ok(folder);
        }
        Err(RunFolderError::NoRun { path: folder.path })
    }

    /// Opens the folder of a run that is to go on.
    ///
    /// # Errors
    /// [`RunFolderError::NoRun`] if there is no run in it, [`RunFolderError::InUse`] if that run goes on.
    pub fn reopen(path: PathBuf) -> Result<Self, RunFolderError> {
        let mut folder = Self::with_a_run(path)?;
        match hold(&folder.path) {
            Ok(held) => folder._held = Some(held),
            Err(TryLockError::WouldBlock) => {
                let pid = RunState::of(&folder.path).map(|state| state.pid);
                let path = folder.path;
                return Err(RunFolderError::InUse { path, pid });
            }
            Err(TryLockError::Error(source)) => {
                let path = folder.path;
                return Err(RunFolderError::Io { path, source });
            }
        }
        Ok(folder)
    }

    /// Points `<runs>/latest` at this run; that it cannot be is no harm, but is to be told.
    fn made_the_latest(mut self, runs: &Path) -> Self {
        self.warning = point_latest(runs, &self.path).err().map(|error| {
            let latest = runs.join("latest");
            format!("{} does not point at this run: {error}", latest.display())
        });
        self
    }

    fn create_at(path: PathBuf) -> Result<Self, RunFolderError> {
        let refuse = |source| RunFolderError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(refuse)?;
        let first = fs::read_dir(&path).map_err(refuse)?.next();
        if let Some(entry) = first.transpose().map_err(refuse)? {
            let found = entry.file_name().to_string_lossy().into_owned();
            return Err(RunFolderError::NotEmpty { path, found });
        }
        let folder = Self::furnish(path)?;
        let runs = folder.path.parent().map(Path::to_owned);
        Ok(match runs.filter(|runs| is_runs(runs)) {
            Some(runs) => folder.made_the_latest(&runs),
            None => folder,
        })
    }

    fn furnish(path: PathBuf) -> Result<Self, RunFolderError> {
        let folder = Self {
            // Nobody else knows of it yet; where there are no locks, that has to do.
            _held: hold(&path).ok(),
            path,
            warning: None,
        };
        let logs = folder.logs_path();
        fs::create_dir(&logs).map_err(|source| RunFolderError::Io { path: logs, source })?;
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What went wrong without harm while the folder was made: `runs/latest` points elsewhere.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// `job.toml`: the job as it was checked and resolved.
    #[must_use]
    pub fn job_path(&self) -> PathBuf {
        self.path.join("job.toml")
    }

    /// `metrics.jsonl`: what was measured, as it came.
    #[must_use]
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `report.json`: the run in numbers.
    #[must_use]
    pub fn report_path(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// `parameters.safetensors`: the final parameters.
    #[must_use]
    pub fn parameters_path(&self) -> PathBuf {
        self.path.join("parameters.safetensors")
    }

    /// `best.safetensors`: the parameters of the best evaluation on test data.
    #[must_use]
    pub fn best_path(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Whether there are parameters of the best evaluation.
    #[must_use]
    pub fn has_best(&self) -> bool {
        self.best_path().is_file()
    }

    /// Removes the parameters of the best evaluation, if there are any.
    ///
    /// # Errors
    /// [`FileError`] if they are there and stay.
    pub fn remove_best(&self) -> Result<(), FileError> {
        let path = self.best_path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::at(&path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// `processes.json`: role, index, process id and address of every process that was started.
    #[must_use]
    pub fn processes_path(&self) -> PathBuf {
        self.path.join("processes.json")
    }

    /// `logs/`: one file per process.
    #[must_use]
    pub fn logs_path(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// `checkpoints/`: what its servers would return from.
    #[must_use]
    pub fn checkpoints_path(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Where workers keep their records until they are gathered.
    #[must_use]
    pub fn records_path(&self) -> PathBuf {
        self.path.join("records")
    }

    /// Makes the folder of the records; answers it.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be made.
    pub fn make_records(&self) -> Result<PathBuf, FileError> {
        let path = self.records_path();
        fs::create_dir_all(&path).map_err(FileError::at(&path))?;
        Ok(path)
    }

    /// Writes which processes the run is made of: any list that is JSON.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    ///
    /// # Panics
    /// If `processes` cannot be JSON.
    pub fn write_processes(&self, processes: &impl Serialize) -> Result<(), FileError> {
        let text = serde_json::to_vec_pretty(processes).expect("plain numbers and words are JSON");
        write_whole(&self.processes_path(), |file| file.write_all(&text))
    }

    /// Writes what went over links that took time: `links.json`.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    ///
    /// # Panics
    /// If `links` cannot be JSON.
    pub fn write_links(&self, links: &impl Serialize) -> Result<(), FileError> {
        let text = serde_json::to_vec_pretty(links).expect("counts are JSON");
        write_whole(&self.path.join("links.json"), |file| file.write_all(&text))
    }

    /// Writes how the training files were read: `encoding.json`.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    ///
    /// # Panics
    /// If `encoding` cannot be JSON.
    pub fn write_encoding(&self, encoding: &impl Serialize) -> Result<(), FileError> {
        let text = serde_json::to_vec(encoding).expect("an encoding is JSON");
        write_whole(&self.path.join("encoding.json"), |file| {
            file.write_all(&text)
        })
    }

    /// Writes the checked job.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn write_job(&self, toml: &str) -> Result<(), FileError> {
        write_whole(&self.job_path(), |file| file.write_all(toml.as_bytes()))
    }

    /// Opens `metrics.jsonl`, empty.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be made.
    pub fn open_metrics(&self) -> Result<MetricsLog, FileError> {
        MetricsLog::create(&self.metrics_path())
    }

    /// Opens `metrics.jsonl` of a run that goes on, at its end.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be opened.
    pub fn reopen_metrics(&self) -> Result<MetricsLog, FileError> {
        MetricsLog::reopen(&self.metrics_path())
    }

    /// Opens TensorBoard's event file.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be made.
    pub fn open_events(&self, now: SystemTime) -> Result<EventLog, FileError> {
        EventLog::create(&self.path, now)
    }

    /// Writes `report.html` and, if there is anything to draw, `curves.svg`.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be written.
    pub fn write_page(&self, report: &Report, job: &str) -> Result<(), FileError> {
        let write = |name: &str, text: &str| {
            write_whole(&self.path.join(name), |file| {
                file.write_all(text.as_bytes())
            })
        };
        write("report.html", &render_page(report, job))?;
        render_curves(report).map_or(Ok(()), |svg| write("curves.svg", &svg))
    }

    /// Writes the report.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn write_report(&self, report: &Report) -> Result<(), FileError> {
        write_report(&self.report_path(), report)
    }

    /// Writes the final parameters: `values` holds the elements of `layout`, by flat index.
    ///
    /// # Errors
    /// [`ParametersError`] if the numbers of elements differ or the file cannot be written.
    pub fn write_parameters(
        &self,
        layout: &ParameterLayout,
        values: &[f32],
        provenance: &Provenance,
    ) -> Result<(), ParametersError> {
        write_parameters(&self.parameters_path(), layout, values, provenance)
    }

    /// Writes the parameters of the best evaluation so far, as [`Self::write_parameters`].
    ///
    /// # Errors
    /// Those of [`Self::write_parameters`].
    pub fn write_best(
        &self,
        layout: &ParameterLayout,
        values: &[f32],
        provenance: &Provenance,
    ) -> Result<(), ParametersError> {
        write_parameters(&self.best_path(), layout, values, provenance)
    }
}

/// The job's name with everything that a file name had better not hold replaced.
fn file_name(job: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    match job {
        "" => "job".to_owned(),
        _ => job.chars().map(plain).collect(),
    }
}

/// Whether this is the folder of runs that have no place of their own.
fn is_runs(folder: &Path) -> bool {
    let same = (fs::canonicalize(folder), fs::canonicalize(RUNS));
    matches!(same, (Ok(one), Ok(other)) if one == other)
}

/// Replaces the link in one step, so that it never points nowhere.
#[cfg(unix)]
fn point_latest(runs: &Path, run: &Path) -> io::Result<()> {
    let name = run
        .file_name()
        .expect("a run folder was joined from a name");
    let temporary = runs.join(format!(".latest.{}.part", std::process::id()));
    // A process of this number that died half-way may have left one.
    drop(fs::remove_file(&temporary));
    std::os::unix::fs::symlink(name, &temporary)?;
    fs::rename(&temporary, runs.join("latest")).inspect_err(|_| {
        drop(fs::remove_file(&temporary));
    })
}

#[cfg(not(unix))]
fn point_latest(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(951_827_696)
    }

    #[test]
    fn runs_of_one_second_get_folders_of_their_own_and_latest_is_the_last() {
        let runs = tempfile::tempdir().unwrap();
        let make = || RunFolder::create_below(runs.path(), "my job/1", now()).unwrap();
        let (first, second) = (make(), make());
        assert_eq!(first.path(), runs.path().join("my-job-1-20000229-123456"));
        assert_eq!(
            second.path(),
            runs.path().join("my-job-1-20000229-123456-2")
        );
        assert_eq!((first.warning(), second.warning()), (None, None));
        assert!(second.logs_path().is_dir());
        let latest = fs::canonicalize(runs.path().join("latest")).unwrap();
        assert_eq!(latest, fs::canonicalize(second.path()).unwrap());
    }

    #[test]
    fn a_latest_that_is_no_link_is_left_alone_with_a_warning() {
        let runs = tempfile::tempdir().unwrap();
        fs::create_dir_all(runs.path().join("latest/mine")).unwrap();
        let folder = RunFolder::create_below(runs.path(), "", now()).unwrap();
        assert!(
            folder
                .warning()
                .unwrap()
                .contains("does not point at this run")
        );
        assert!(folder.path().ends_with("job-20000229-123456"));
        assert!(runs.path().join("latest/mine").is_dir());
        assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_named_folder_must_be_new_or_empty() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        let create = |path: &Path| RunFolder::create(Some(path.to_owned()), "job", now());
        let folder = create(&path).unwrap();
        folder.write_job("name = \"job\"\n").unwrap();
        let error = create(&path).unwrap_err().to_string();
        assert!(error.contains("expected a folder that is empty or not there yet, found "));
        assert!(error.contains("name another one with --out"));
        let error = create(&folder.job_path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("run folder {}", folder.job_path().display())));
        assert_eq!(
            fs::read_to_string(folder.job_path()).unwrap(),
            "name = \"job\"\n"
        );
        let empty = base.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert_eq!(create(&empty).unwrap().path(), empty);
    }
}
