//! One process of a local cluster, with its log.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// How long a process may take to end that was asked late, or was given up.
const ASKED_PATIENCE: Duration = Duration::from_millis(500);

/// What a process is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server, by index.
    Server(u32),
    /// A worker, by slot.
    Worker(u32),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(index) => write!(f, "server {index}"),
            Self::Worker(index) => write!(f, "worker {index}"),
        }
    }
}

impl Role {
    fn file_name(self) -> String {
        match self {
            Self::Server(index) => format!("server-{index}.log"),
            Self::Worker(index) => format!("worker-{index}.log"),
        }
    }
}

/// A process as `processes.json` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Process {
    /// `server` or `worker`.
    pub role: &'static str,
    /// Its number in the job.
    pub index: u32,
    /// Its process id; absent once it has ended.
    pub pid: Option<u32>,
    /// Where it listens, if it is a server.
    pub address: Option<String>,
    /// Its log.
    pub log: PathBuf,
}

/// One process.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) role: Role,
    child: Child,
    /// Its standard input. [`Child::wait`] would close it first, which the process takes for the
    /// launcher's end.
    leash: Option<ChildStdin>,
    /// What the process is told there, once there is something: the task that tells it holds the leash then.
    telling: Option<watch::Sender<Vec<u8>>>,
    log: PathBuf,
    pub(super) exited: Option<ExitStatus>,
    /// Whether the job goes on without it, so that nothing of it is worth a wait.
    pub(super) given_up: bool,
    /// Whether it was killed because that was asked for.
    pub(super) was_killed: bool,
}

impl Member {
    /// Starts this very binary with `arguments`; its messages go to a log file in `logs`, a worker's answers too. The child
    /// is in a process group of its own, so that Ctrl-C reaches the launcher alone, and ends when
    /// the launcher's end of its standard input closes.
    pub(super) fn start(role: Role, arguments: &[String], logs: &Path) -> io::Result<Self> {
        let log = logs.join(role.file_name());
        // One that is started again goes on with its log.
        let file = File::options().create(true).append(true).open(&log)?;
        let stdout = match role {
            // The first line says where it listens.
            Role::Server(_) => Stdio::piped(),
            Role::Worker(_) => file.try_clone()?.into(),
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .arg("--exit-with-parent")
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            role,
            leash: child.stdin.take(),
            telling: None,
            child,
            log,
            exited: None,
            given_up: false,
            was_killed: false,
        })
    }

    /// The first line that the process prints; `None` if it ends without one.
    pub(super) async fn first_line(&mut self) -> io::Result<Option<String>> {
        let Some(stdout) = self.child.stdout.take() else {
            return Ok(None);
        };
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next_line().await?;
        // Whatever else it prints is of no interest, but must not block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(first)
    }

    pub(super) fn describe(&self, address: Option<String>) -> Process {
        let (role, index) = match self.role {
            Role::Server(index) => ("server", index),
            Role::Worker(index) => ("worker", index),
        };
        Process {
            role,
            index,
            pid: self.child.id(),
            address,
            log: self.log.clone(),
        }
    }

    /// Tells the process a line, which ends with its end. Nothing is waited for: a process that is slow to listen
    /// hears the latest line only.
    pub(super) fn tell(&mut self, line: Vec<u8>) {
        if let Some(leash) = self.leash.take() {
            let (telling, lines) = watch::channel(Vec::new());
            self.telling = Some(telling);
            tokio::spawn(tell(leash, lines));
        }
        if let Some(telling) = &self.telling {
            telling.send_replace(line);
        }
    }

    /// Notes whether the process has ended.
    pub(super) fn look(&mut self) -> Option<ExitStatus> {
        if self.exited.is_none() {
            self.exited = self.child.try_wait().ok().flatten();
        }
        self.exited
    }

    /// Asks the process to end.
    pub(super) fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
    }

    /// Kills the process, because that was asked for.
    pub(super) fn kill(&mut self) {
        if self.look().is_none() {
            self.was_killed = true;
            self.signal(Signal::SIGKILL);
        }
    }

    fn signal(&mut self, signal: Signal) {
        if self.look().is_none()
            && let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok())
        {
            // It may end in this very moment; then the wish is fulfilled.
            kill(Pid::from_raw(pid), signal).ok();
        }
    }

    /// Waits for the end of the process; it is asked after `patience`, soon if it was given up,
    /// then killed.
    pub(super) async fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let patience = match self.given_up {
            true => patience.min(ASKED_PATIENCE),
            false => patience,
        };
        if !self.ends_within(patience).await {
            tracing::warn!("{} did not end within {patience:?}", self.role);
            self.terminate();
            if !self.ends_within(ASKED_PATIENCE).await {
                tracing::warn!("{} is killed", self.role);
                self.child.kill().await.ok();
                self.look();
            }
        }
        self.leash = None;
        self.telling = None;
        self.exited
    }

    async fn ends_within(&mut self, patience: Duration) -> bool {
        if self.look().is_none()
            && let Ok(status) = tokio::time::timeout(patience, self.child.wait()).await
        {
            self.exited = status.ok();
            // An end that the system does not tell is one, too.
            return true;
        }
        self.exited.is_some()
    }

    /// How the process ended, in words that go on where it was named: its status, and the last line
    /// of its log if it ended by itself.
    pub(super) fn describe_end(&self) -> String {
        let Some(status) = self.exited else {
            return "ended".to_owned();
        };
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        match last.filter(|_| status.code().is_some()) {
            Some(line) => format!("ended ({status}): {}", cause_in(line.trim(), self.role)),
            None => format!("ended ({status}), see {}", self.log.display()),
        }
    }
}

/// Writes each line to the leash, which is held until nobody has anything to tell any more.
async fn tell(mut leash: ChildStdin, mut lines: watch::Receiver<Vec<u8>>) {
    while lines.changed().await.is_ok() {
        let line = lines.borrow_and_update().clone();
        if leash.write_all(&line).await.is_err() {
            // The process has ended.
            return;
        }
    }
}

/// The cause in a last line, which may name the process and its end once more.
fn cause_in(line: &str, role: Role) -> &str {
    let again = format!("{role} ended early: ");
    line.strip_prefix(&again).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_once() {
        let line = "server 1 ended early: told to stop by SIGTERM";
        let told = "told to stop by SIGTERM";
        assert_eq!(cause_in(line, Role::Server(1)), told);
        assert_eq!(cause_in(line, Role::Server(0)), line);
        assert_eq!(cause_in("error: no", Role::Server(1)), "error: no");
    }
}
