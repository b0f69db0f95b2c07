//! Watching a cell from outside while it runs: what its servers remember of pushes, and what their processes hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thalweg_common::message::{HISTORY_TOLD_MAX, StatusRequest};

use super::lead::{Lead, Seen};
use crate::observe::Lookout;

/// How long a server may take to say how things stand. One that has just ended does not.
const PATIENCE: Duration = Duration::from_millis(500);

/// What of `processes.json` is needed.
#[derive(Debug, Deserialize)]
struct Process {
    role: String,
    pid: Option<u32>,
    address: Option<String>,
}

/// The servers of a cell.
#[derive(Debug)]
pub(super) struct Watcher {
    run: PathBuf,
    servers: Vec<Server>,
    lookout: Option<Lookout>,
}

#[derive(Debug)]
struct Server {
    pid: Option<u32>,
    peak_bytes: Option<u64>,
    seen: Seen,
}

impl Watcher {
    /// Of the run whose folder is to be there.
    pub(super) fn new(run: &Path) -> Self {
        Self {
            run: run.to_owned(),
            servers: Vec::new(),
            lookout: None,
        }
    }

    /// Looks once. Before the processes are known, and after their end, there is nothing to see.
    pub(super) async fn look(&mut self) {
        if self.lookout.is_none() {
            self.find();
        }
        let Some(lookout) = &mut self.lookout else {
            return;
        };
        for server in &mut self.servers {
            // The system keeps the peak, so that the last look has it all but for what came after.
            let held = server.pid.and_then(peak_bytes);
            server.peak_bytes = held.max(server.peak_bytes);
        }
        let asked = StatusRequest {
            history: HISTORY_TOLD_MAX,
            worker: None,
        };
        let glance = lookout.look(asked, PATIENCE).await;
        for status in glance.statuses {
            let index = usize::try_from(status.server.0).unwrap_or(usize::MAX);
            if let Some(server) = self.servers.get_mut(index) {
                server.seen.take(&status.history);
            }
        }
    }

    fn find(&mut self) {
        let Ok(text) = std::fs::read(self.run.join("processes.json")) else {
            return;
        };
        let Ok(processes) = serde_json::from_slice::<Vec<Process>>(&text) else {
            return;
        };
        let servers = processes
            .into_iter()
            .filter(|process| process.role == "server");
        let (servers, addresses): (Vec<_>, Vec<_>) = servers
            .filter_map(|process| {
                let server = Server {
                    pid: process.pid,
                    peak_bytes: None,
                    seen: Seen::default(),
                };
                Some((server, process.address?))
            })
            .unzip();
        self.servers = servers;
        self.lookout = Some(Lookout::new(&addresses));
    }

    /// How far workers were ahead, at the server where it was worst.
    pub(super) fn lead(&self, workers: u32) -> Lead {
        let leads = self.servers.iter().map(|server| server.seen.lead(workers));
        leads.fold(Lead::default(), Lead::merge)
    }

    /// The most that each server held; empty where the system does not tell.
    pub(super) fn peaks(&self) -> Vec<u64> {
        self.servers
            .iter()
            .filter_map(|server| server.peak_bytes)
            .collect()
    }
}

/// The most memory that a process has held so far, as Linux tells it.
fn peak_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    high_water(&text)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_process_is_what_the_system_says() {
        let status = "Name:\tthalweg\nVmPeak:\t  900 kB\nVmHWM:\t   20480 kB\nVmRSS:\t 9 kB\n";
        assert_eq!(high_water(status), Some(20 << 20));
        assert_eq!(
            high_water("Name:\tthalweg\n"),
            None,
            "a process that has ended"
        );
        if cfg!(target_os = "linux") {
            let own = peak_bytes(std::process::id()).unwrap();
            assert!((1 << 20..1 << 40).contains(&own), "{own}");
        }
    }

    #[tokio::test]
    async fn before_a_run_has_begun_there_is_nothing_to_see() {
        let folder = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new(folder.path());
        watcher.look().await;
        assert_eq!(watcher.lead(4), Lead::default());
        assert!(watcher.peaks().is_empty());
    }
}
