//! One cell as a real cluster: `thalweg train` as a child, watched, bounded, and measured by what it leaves behind.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thalweg_worker::model::COUNTER_UNIT;

use super::checks::Measured;
use super::plan::Promise;
use super::watch::Watcher;
use crate::job::ResolvedJob;
use crate::launch::WorkerTally;
use crate::report::{Report, RunStatus, read_parameters};

/// Between two looks at a cell.
const LOOK: Duration = Duration::from_millis(100);

/// How long a cell that is told to end may take, before it is killed: more than a process's own bound.
const STOP: Duration = Duration::from_secs(15);

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    pub(super) job: &'a ResolvedJob,
    pub(super) promise: &'a Promise,
    /// Assignments and flags, after `thalweg train steady`.
    pub(super) arguments: &'a [String],
    /// The run folder to be.
    pub(super) folder: &'a Path,
    /// What ends it early.
    pub(super) interrupted: &'a AtomicBool,
}

/// How a child ended.
struct Ended {
    status: Option<ExitStatus>,
    seconds: f64,
    by: By,
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Itself,
    Bound,
    User,
}

impl Order<'_> {
    /// Runs it; answers what was measured, with the report if it left one. `None` if the user ended it.
    pub(super) fn run(&self) -> Result<Option<(Measured, Option<Report>)>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let output = self.folder.with_extension("log");
        let said = File::create(&output).with_context(|| output.display().to_string())?;
        let itself = std::env::current_exe().context("this program's own file is not known")?;
        let mut child = Command::new(itself)
            .args(["train", "steady"])
            .args(self.arguments)
            .args(["--quiet", "--exit-with-parent", "--out"])
            .arg(self.folder)
            .stdin(Stdio::piped())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("thalweg train cannot be started")?;
        let mut watcher = Watcher::new(self.folder);
        let ended = runtime.block_on(self.wait(&mut child, &mut watcher))?;
        if ended.by == By::User {
            return Ok(None);
        }
        let measured = self.measure(&ended, &watcher, &output);
        Ok(Some(measured))
    }

    /// Waits for the end, and brings it about when the bound has passed or the user wants no more.
    async fn wait(&self, child: &mut Child, watcher: &mut Watcher) -> Result<Ended> {
        let begun = now();
        let (mut by, mut told) = (By::Itself, None::<Instant>);
        loop {
            if let Some(status) = child.try_wait()? {
                let seconds = (now() - begun).as_secs_f64();
                if self.interrupted.load(Ordering::Relaxed) && !status.success() {
                    by = By::User;
                }
                let status = Some(status);
                return Ok(Ended {
                    status,
                    seconds,
                    by,
                });
            }
            match told {
                None if self.interrupted.load(Ordering::Relaxed) => by = By::User,
                None if self.promise.bound < now() - begun => by = By::Bound,
                Some(told) if STOP < now() - told => {
                    child.kill()?;
                    child.wait()?;
                    let seconds = (now() - begun).as_secs_f64();
                    return Ok(Ended {
                        status: None,
                        seconds,
                        by,
                    });
                }
                None | Some(_) => {}
            }
            if by != By::Itself && told.is_none() {
                terminate(child);
                told = Some(now());
            }
            watcher.look().await;
            pause().await;
        }
    }

    fn measure(&self, ended: &Ended, watcher: &Watcher, said: &Path) -> (Measured, Option<Report>) {
        let config = &self.job.blueprint.config;
        let report = fs::read(self.folder.join("report.json")).ok();
        let report: Option<Report> = report.and_then(|text| serde_json::from_slice(&text).ok());
        let tallies = (0..config.cluster.workers).map(|worker| {
            let log = format!("logs/worker-{worker}.log");
            let log = fs::read_to_string(self.folder.join(log)).ok()?;
            WorkerTally::in_log(&log)
        });
        let links = fs::read(self.folder.join("links.json")).ok();
        let counts = report.iter().flat_map(|report| &report.staleness.counts);
        let measured = Measured {
            seconds: ended.seconds,
            was_ended: ended.by == By::Bound,
            done: done(ended.status, report.as_ref(), said),
            servers: config.cluster.servers,
            workers: tallies.collect(),
            links: links.and_then(|text| serde_json::from_slice(&text).ok()),
            lead: watcher.lead(config.cluster.workers),
            staleness_max: report.as_ref().map_or(0, |report| report.staleness.max),
            parts: counts.map(|count| count.parts).sum(),
            shards: report
                .as_ref()
                .map_or(0, |report| report.per_shard.len() as u64),
            counters: self.counters(),
            rows_once: report.as_ref().is_some_and(|report| {
                !report.epochs_used.is_empty()
                    && report.epochs_used.iter().all(|epoch| epoch.complete)
            }),
            peak_bytes: watcher.peaks(),
        };
        (measured, report)
    }

    /// The least and the greatest counter of the final parameters, in counts.
    fn counters(&self) -> Option<(f64, f64)> {
        let (path, layout) = (
            self.folder.join("parameters.safetensors"),
            self.job.blueprint.model.layout(),
        );
        let parameters = read_parameters(&path, layout, "counter").ok()?;
        let unit = COUNTER_UNIT * self.promise.step;
        let counters = parameters.iter().skip(1).step_by(2);
        extent(counters.map(|counter| f64::from(*counter) / unit))
    }
}

fn extent(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |both: Option<(f64, f64)>, number| {
        let (least, most) = both.unwrap_or((number, number));
        Some((least.min(number), most.max(number)))
    })
}

/// Whether it ended in order with its job done, or why not.
fn done(status: Option<ExitStatus>, report: Option<&Report>, said: &Path) -> Result<(), String> {
    let last_words = || {
        let text = fs::read_to_string(said).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it said nothing").to_owned()
    };
    match (report, status) {
        (Some(report), Some(status)) if report.status == RunStatus::Done => {
            if !report.lost_workers.is_empty() {
                let words = report
                    .lost_workers
                    .iter()
                    .map(|lost| format!("worker {} {}", lost.worker, lost.why));
                return Err(words.collect::<Vec<_>>().join("; "));
            }
            match status.success() {
                true => Ok(()),
                false => Err(format!(
                    "the job is done, and the launcher ended with {status}"
                )),
            }
        }
        (Some(report), _) => Err(report.cause.clone().unwrap_or_else(last_words)),
        (None, _) => Err(last_words()),
    }
}

/// Asks for an orderly end, as Ctrl-C does.
fn terminate(child: &Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may end in this very moment; then the wish is fulfilled.
        kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watcher of processes paces its looks"
)]
async fn pause() {
    tokio::time::sleep(LOOK).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watcher of processes bounds their time"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use thalweg_common::ids::WorkerId;

    use super::*;
    use crate::report::LostWorker;
    use crate::report::fixtures::report;

    #[test]
    fn an_end_is_in_order_only_if_job_workers_and_launcher_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        fs::write(&said, "note: a\nerror: no room\n\n").unwrap();
        let (good, bad) = (ExitStatus::from_raw(0), ExitStatus::from_raw(256));
        let mut whole = report();
        whole.status = RunStatus::Done;
        whole.lost_workers.clear();
        assert_eq!(done(Some(good), Some(&whole), &said), Ok(()));
        let words = done(Some(bad), Some(&whole), &said).unwrap_err();
        assert!(words.contains("exit status: 1"), "{words}");
        assert_eq!(
            done(Some(bad), None, &said),
            Err("error: no room".to_owned())
        );
        let mut failed = whole.clone();
        failed.status = RunStatus::Failed;
        failed.cause = Some("server 1 is gone".to_owned());
        assert_eq!(
            done(Some(bad), Some(&failed), &said),
            Err("server 1 is gone".to_owned())
        );
        let mut lost = whole;
        lost.lost_workers = vec![LostWorker {
            worker: WorkerId(1),
            place: "here".to_owned(),
            why: "gave no sign of life".to_owned(),
        }];
        let words = Err("worker 1 gave no sign of life".to_owned());
        assert_eq!(done(Some(good), Some(&lost), &said), words);
    }

    #[test]
    fn the_extent_of_counters_is_their_least_and_greatest() {
        assert_eq!(extent([3.0, 2.0, 5.0].into_iter()), Some((2.0, 5.0)));
        assert_eq!(extent(std::iter::empty()), None);
    }
}
