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
    logs: PathBuf,
    noted: Vec<Role>,
    /// How workers are started.
    crew: Option<Crew>,
}

impl LocalCluster {
    /// Starts `servers` servers of the resolved job at `job`, on free ports of loopback, which tell their
    /// metrics at `metrics`, if anywhere.
    ///
    /// # Errors
    /// [`LaunchError`] if one does not start or does not listen within `patience`.
    pub async fn start_servers(
        job: &Path,
        servers: u32,
        logs: &Path,
        patience: Duration,
        metrics: Option<&MetricsPlace>,
    ) -> Result<Self, LaunchError> {
        let mut cluster = Self {
            servers: Vec::new(),
            workers: Vec::new(),
            addresses: Vec::new(),
            logs: logs.to_owned(),
            noted: Vec::new(),
            crew: None,
        };
        for index in 0..servers {
            let mut arguments = vec![
                "server".to_owned(),
                job.display().to_string(),
                "--index".to_owned(),
                index.to_string(),
                "--listen".to_owned(),
                "127.0.0.1:0".to_owned(),
            ];
            arguments.extend(metrics.into_iter().flat_map(|place| place.flags(index)));
            cluster
                .servers
                .push(start(Role::Server(index), &arguments, logs)?);
        }
        for server in &mut cluster.servers {
            cluster.addresses.push(address(server, patience).await?);
        }
        Ok(cluster)
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
        let started = start(Role::Worker(worker), &arguments, &self.logs)?;
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
                });
            }
        }
        ended
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
