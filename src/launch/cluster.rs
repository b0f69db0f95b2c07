//! The processes of one job.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg_common::ids::WorkerId;
use thiserror::Error;
use tokio::task::JoinSet;

use super::DIVERGED;
use super::crew::Crew;
use super::member::{Member, Process, Role};
use super::scrape::MetricsPlace;
use crate::proxy::Carried;

/// The exit code of a process that panicked.
const PANICKED: i32 = 101;

/// Why a cluster does not start.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The system refused.
    #[error("cannot start {role}: {source}")]
    Start {
        /// The process.
        role: Role,
        /// Why.
        source: io::Error,
    },
    /// The process ended at once.
    #[error("{0}")]
    Ended(String),
    /// The process did not say where it listens.
    #[error("{role} did not say where it listens within {:.1} s", .patience.as_secs_f64())]
    Silent {
        /// The process.
        role: Role,
        /// How long the launcher waited.
        patience: Duration,
    },
}

/// A process that ended while the others were at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Which.
    pub role: Role,
    /// Its status and last words, to go on where it was named: "ended (signal: 9)…".
    pub end: String,
    /// Whether it ended in order.
    pub in_order: bool,
    /// Whether it ended because its gradient was no number.
    pub diverged: bool,
    /// Whether it was to be killed.
    pub was_killed: bool,
    /// Whether it was ended by a signal or by a panic, and not by what it decided.
    pub crashed: bool,
}

/// How the servers of a cluster are to be started.
#[derive(Clone, Debug)]
pub struct ServersPlan {
    /// The resolved job's file.
    pub job: PathBuf,
    /// How many.
    pub servers: u32,
    /// The folder of their logs.
    pub logs: PathBuf,
    /// How long one may take until it listens.
    pub patience: Duration,
    /// Where they tell their metrics, if anywhere.
    pub metrics: Option<MetricsPlace>,
    /// Where they keep checkpoints, if anywhere.
    pub checkpoints: Option<PathBuf>,
    /// How often each may be started again.
    pub restarts: u32,
}

impl ServersPlan {
    fn arguments(&self, index: u32, listen: &str) -> Vec<String> {
        let mut arguments = vec![
            "server".to_owned(),
            self.job.display().to_string(),
            "--index".to_owned(),
            index.to_string(),
            "--listen".to_owned(),
            listen.to_owned(),
        ];
        let metrics = self.metrics.iter();
        arguments.extend(metrics.flat_map(|place| place.flags(index)));
        if let Some(folder) = &self.checkpoints {
            arguments.extend(["--checkpoints".to_owned(), folder.display().to_string()]);
            // Somebody watches here, and wants the run to go on: it is new, or to be resumed.
            arguments.push("--despite-failure".to_owned());
        }
        arguments
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.end)
    }
}

/// Servers and workers of one job, as processes of this machine.
#[derive(Debug)]
pub struct LocalCluster {
    servers: Vec<Member>,
    workers: Vec<Member>,
    addresses: Vec<String>,
    plan: ServersPlan,
    /// How often each server was started again.
    restarted: Vec<u32>,
    noted: Vec<Role>,
    /// Whether the servers have pages, so that server 0 is worth telling what stands on its page.
    has_pages: bool,
    /// How workers are started.
    crew: Option<Crew>,
}

impl LocalCluster {
    /// Starts the servers on free ports of loopback, with their status pages and metrics where the plan says.
    ///
    /// # Errors
    /// [`LaunchError`] if one does not start or does not listen in time.
    pub async fn start_servers(plan: ServersPlan) -> Result<Self, LaunchError> {
        let mut cluster = Self {
            servers: Vec::new(),
            workers: Vec::new(),
            addresses: Vec::new(),
            restarted: vec![0; plan.servers as usize],
            noted: Vec::new(),
            has_pages: plan.metrics.is_some(),
            crew: None,
            plan,
        };
        let plan = &cluster.plan;
        for index in 0..plan.servers {
            let arguments = plan.arguments(index, "127.0.0.1:0");
            cluster
                .servers
                .push(start(Role::Server(index), &arguments, &plan.logs)?);
        }
        for server in &mut cluster.servers {
            let address = address(server, cluster.plan.patience).await?;
            cluster.addresses.push(address);
        }
        Ok(cluster)
    }

    /// Whether there is a page on which the whole job is shown.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        self.has_pages
    }

    /// Tells server 0 what it does not know of the job, for its page: a line, with its end.
    pub fn tell(&mut self, line: Vec<u8>) {
        if let Some(server) = self.servers.first_mut().filter(|_| self.has_pages) {
            server.tell(line);
        }
    }

    /// Whether the servers keep checkpoints, from which they return.
    #[must_use]
    pub fn keeps_checkpoints(&self) -> bool {
        self.plan.checkpoints.is_some()
    }

    /// Counts another start of a server that has died; answers which of how many it is, or nothing if it
    /// may not be started again.
    pub fn count_restart(&mut self, index: u32) -> Option<(u32, u32)> {
        let max = self.plan.restarts;
        let restarted = self.restarted.get_mut(index as usize)?;
        let may = self.plan.checkpoints.is_some() && *restarted < max;
        may.then(|| {
            *restarted += 1;
            (*restarted, max)
        })
    }

    /// Starts a server again that has ended: with the same command, at its old address. It returns from its
    /// last checkpoint, however long that takes within `patience`.
    ///
    /// # Errors
    /// [`LaunchError`] if it does not start or does not listen in time.
    pub async fn restart_server(
        &mut self,
        index: u32,
        patience: Duration,
    ) -> Result<(), LaunchError> {
        let place = index as usize;
        let arguments = self.plan.arguments(index, &self.addresses[place]);
        let role = Role::Server(index);
        let mut server = start(role, &arguments, &self.plan.logs)?;
        address(&mut server, patience).await?;
        self.servers[place] = server;
        self.noted.retain(|noted| *noted != role);
        Ok(())
    }

    /// Says how workers are to be started from now on.
    pub fn hire(&mut self, crew: Crew) {
        self.crew = Some(crew);
    }

    /// Starts one worker.
    ///
    /// # Errors
    /// [`LaunchError`] if it does not start.
    ///
    /// # Panics
    /// If nobody has said how: [`Self::hire`] comes first.
    pub fn start_worker(&mut self, worker: u32) -> Result<(), LaunchError> {
        let crew = self.crew.as_ref().expect("a crew is hired first");
        let arguments = crew.arguments(worker, &self.addresses);
        let started = start(Role::Worker(worker), &arguments, &self.plan.logs)?;
        self.workers.push(started);
        Ok(())
    }

    /// Kills a process as the system would, without a word to it. One that is not there does not mind.
    pub fn kill(&mut self, role: Role) {
        let members = self.servers.iter_mut().chain(&mut self.workers);
        for member in members.filter(|member| member.role == role) {
            member.kill();
        }
    }

    /// Where the servers listen, server 0 first.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Every process that was started, for people and programs that want to look at one or end it.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let addresses = self.addresses.iter().map(|address| Some(address.clone()));
        let addresses = addresses.chain(std::iter::repeat(None));
        let members = self.servers.iter().chain(&self.workers);
        members
            .zip(addresses)
            .map(|(member, address)| member.describe(address))
            .collect()
    }

    /// The processes that have ended since the last call.
    pub fn take_ended(&mut self) -> Vec<Loss> {
        let mut ended = Vec::new();
        for member in self.servers.iter_mut().chain(&mut self.workers) {
            if let Some(status) = member.look()
                && !self.noted.contains(&member.role)
            {
                self.noted.push(member.role);
                ended.push(Loss {
                    role: member.role,
                    end: member.describe_end(),
                    in_order: status.success(),
                    diverged: status.code() == Some(DIVERGED.into()),
                    was_killed: member.was_killed,
                    crashed: status.code().is_none_or(|code| code == PANICKED),
                });
            }
        }
        ended
    }

    /// Whether a worker's process lives.
    pub fn has_workers(&mut self) -> bool {
        self.workers
            .iter_mut()
            .any(|worker| worker.look().is_none())
    }

    /// Asks every worker to end in order.
    pub fn stop_workers(&mut self) {
        self.workers.iter_mut().for_each(Member::terminate);
    }

    /// Notes a worker that the servers count as lost: its end is not waited for.
    pub fn give_up(&mut self, worker: WorkerId) {
        let role = Role::Worker(worker.0);
        let mut members = self.workers.iter_mut();
        if let Some(member) = members.find(|member| member.role == role) {
            member.given_up = true;
        }
    }

    /// Brings every process to an end, all at once: those that have `patience` left go by
    /// themselves, the others are asked, then killed. Answers what went over links that took time.
    pub async fn end(mut self, patience: Duration, ask_first: bool) -> Option<Carried> {
        if ask_first {
            let members = self.workers.iter_mut().chain(&mut self.servers);
            members.for_each(Member::terminate);
        }
        let mut ends = JoinSet::new();
        for mut member in self.workers.into_iter().chain(self.servers) {
            ends.spawn(async move { member.end(patience).await });
        }
        while ends.join_next().await.is_some() {}
        self.crew.and_then(Crew::end)
    }
}

fn start(role: Role, arguments: &[String], logs: &Path) -> Result<Member, LaunchError> {
    Member::start(role, arguments, logs).map_err(|source| LaunchError::Start { role, source })
}

async fn address(server: &mut Member, patience: Duration) -> Result<String, LaunchError> {
    let role = server.role;
    let line = tokio::time::timeout(patience, server.first_line())
        .await
        .map_err(|_| LaunchError::Silent { role, patience })?
        .map_err(|source| LaunchError::Start { role, source })?;
    match line.as_deref().and_then(|line| line.rsplit(' ').next()) {
        Some(address) => Ok(address.to_owned()),
        None => {
            server.end(Duration::from_secs(1)).await;
            Err(LaunchError::Ended(format!(
                "{role} {}",
                server.describe_end()
            )))
        }
    }
}
