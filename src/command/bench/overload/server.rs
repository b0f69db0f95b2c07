//! The server under load: the real program as a process of its own, on its core, watched from outside.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::cores::Cores;

/// Ticks per second in which Linux tells the time of processes, on every machine that it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// One server.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// It ends when this does.
    _input: Option<ChildStdin>,
    /// It would not do to close it.
    _output: BufReader<ChildStdout>,
    log: File,
    log_path: std::path::PathBuf,
}

/// The memory of a process, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident now.
    pub(super) resident: u64,
    /// The most that ever was.
    pub(super) peak: u64,
}

impl ServerProcess {
    /// Starts it with the shipped job `steady` and these assignments, in the open or with the certificates of a
    /// folder; what it says goes into a file in `folder`.
    pub(super) fn start(
        (sets, certs): (&[String], Option<&Path>),
        cores: &Cores,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let log_path = folder.join("server.log");
        let log = File::create(&log_path).with_context(|| log_path.display().to_string())?;
        let mut command = Command::new(this);
        command.args([
            "server",
            "steady",
            "--listen",
            "127.0.0.1:0",
            "--exit-with-parent",
        ]);
        for set in sets {
            command.args(["--set", set]);
        }
        if let Some(certs) = certs {
            command.arg("--certs").arg(certs.join("server"));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?);
        let started = cores.on_servers(|| command.spawn());
        let mut child = started.context("a server cannot be started")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("a server has an output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        let Ok(address) = address.parse() else {
            // It may have ended.
            child.kill().ok();
            child.wait().ok();
            bail!(
                "a server did not say where it listens, but: {line}{}",
                fs::read_to_string(&log_path).unwrap_or_default()
            );
        };
        Ok(Self {
            child,
            address,
            _input: input,
            _output: output,
            log,
            log_path,
        })
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If it does not, with its last words.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        self.log.sync_all()?;
        let said = fs::read_to_string(&self.log_path).unwrap_or_default();
        let last = said.lines().last().unwrap_or("it said nothing");
        bail!("the server ended ({status}): {last}")
    }

    /// Its memory, as Linux tells it; nothing elsewhere.
    pub(super) fn memory(&self) -> Option<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        memory_in(&fs::read_to_string(path).ok()?)
    }

    /// The time for which it has been on a core, as Linux tells it; nothing elsewhere.
    pub(super) fn core_time(&self) -> Option<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        core_time_in(&fs::read_to_string(path).ok()?)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn memory_in(status: &str) -> Option<Memory> {
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1_024)
    };
    Some(Memory {
        resident: of("VmRSS:")?,
        peak: of("VmHWM:")?,
    })
}

/// The times in user and system mode are the fields 14 and 15; the name before them may contain anything but is in
/// brackets.
fn core_time_in(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Duration::try_from_secs_f64((user + system) / TICKS_PER_SECOND).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_what_the_system_says() {
        let status = "Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t 1024 kB\n";
        let memory = Memory {
            resident: 1 << 20,
            peak: 20 << 20,
        };
        assert_eq!(memory_in(status), Some(memory));
        assert_eq!(memory_in("Name:\tx\n"), None, "a process that has ended");
        let stat = "12 (a) b) S 1 1 1 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 3 0 1 2 3";
        assert_eq!(core_time_in(stat), Some(Duration::from_secs(2)));
        assert_eq!(core_time_in("12 (a"), None);
    }
}
