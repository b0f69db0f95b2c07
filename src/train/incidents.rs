//! What happens to the processes of a run at stated times after training began: some are killed, some
//! workers come only then.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use thalweg_common::config::JobConfig;
use thalweg_common::physics::{Conditions, Fault, Victim};

use super::watch::Watch;
use crate::job::runs_on_threads;
use crate::launch::Role;

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// It ends without a word.
    Kill(Fault),
    /// It comes.
    Join(Fault),
}

impl Incident {
    fn at(self) -> Duration {
        match self {
            Self::Kill(fault) | Self::Join(fault) => fault.at.0,
        }
    }
}

/// What is still to happen.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    /// When training began.
    began: Option<Instant>,
    /// The last first.
    to_come: Vec<Incident>,
}

impl Incidents {
    pub(super) fn new(conditions: &Conditions) -> Self {
        let kills = conditions.kills.iter().copied().map(Incident::Kill);
        let joins = conditions.joins.iter().copied().map(Incident::Join);
        let mut to_come: Vec<Incident> = joins.chain(kills).collect();
        to_come.sort_by_key(|incident| std::cmp::Reverse(incident.at()));
        Self {
            began: None,
            to_come,
        }
    }

    /// Notes that there has been training for so long at `now`: none, as long as it is zero.
    pub(super) fn trained(&mut self, now: Instant, trained: Duration) {
        if self.began.is_none() && !trained.is_zero() {
            self.began = now.checked_sub(trained);
        }
    }

    /// When the next one happens, once training has begun.
    pub(super) fn next(&self) -> Option<Instant> {
        self.began?.checked_add(self.to_come.last()?.at())
    }

    /// Takes the next one that has to happen by `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Incident> {
        self.next().filter(|at| *at <= now)?;
        self.to_come.pop()
    }

    /// Whether a worker is still to come.
    pub(super) fn brings_workers(&self) -> bool {
        self.to_come
            .iter()
            .any(|incident| matches!(incident, Incident::Join(_)))
    }

    /// What has not happened, first to last.
    pub(super) fn not_happened(&self) -> impl Iterator<Item = String> {
        let told = |incident: &Incident| match incident {
            Incident::Kill(fault) => format!("--kill {fault}"),
            Incident::Join(fault) => format!("--join-late {fault}"),
        };
        self.to_come.iter().rev().map(told)
    }
}

impl Watch {
    /// Lets happen what is due.
    pub(super) fn let_happen(&mut self, now: Instant) -> Result<()> {
        while let Some(incident) = self.incidents.take_due(now) {
            let Some(cluster) = &mut self.cluster else {
                return Ok(());
            };
            match incident {
                Incident::Kill(fault) => {
                    self.display.message(&format!("killed, as asked: {fault}"));
                    cluster.kill(role(fault.victim));
                }
                Incident::Join(fault) => {
                    if let Victim::Worker(worker) = fault.victim {
                        self.display
                            .message(&format!("worker {worker} comes, as asked: {fault}"));
                        cluster.start_worker(worker)?;
                        self.folder.write_processes(&cluster.processes())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells what was to happen and did not, because the run was over before.
    pub(super) fn tell_what_did_not_happen(&mut self) {
        for incident in self.incidents.not_happened() {
            self.display.message(&format!(
                "note: {incident} did not happen: the run was over"
            ));
        }
    }
}

fn role(victim: Victim) -> Role {
    match victim {
        Victim::Worker(worker) => Role::Worker(worker),
        Victim::Server(server) => Role::Server(server),
    }
}

/// The workers that are there from the start.
pub(super) fn first_workers(conditions: &Conditions, workers: u32) -> Vec<u32> {
    let is_late = |worker: &u32| {
        let late = Victim::Worker(*worker);
        conditions.joins.iter().any(|join| join.victim == late)
    };
    (0..workers).filter(|worker| !is_late(worker)).collect()
}

/// Whether a job can run under these conditions.
pub(super) fn check(conditions: &Conditions, config: &JobConfig) -> Result<()> {
    if conditions.are_plain() {
        return Ok(());
    }
    if runs_on_threads(config) {
        bail!(
            "`method.name` = \"{}\" has threads of one process that share a model: no link that could take time, \
             and no process that could be slowed or killed; leave the conditions out, or take a method with \
             servers",
            config.method.name
        );
    }
    let cluster = &config.cluster;
    conditions.check(cluster.workers, cluster.servers)?;
    if first_workers(conditions, cluster.workers).is_empty() {
        bail!(
            "--join-late names every worker, but times are counted from the start of training, which begins with \
             the first: let one of them be there"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::run::now;

    fn conditions(kills: &[&str], joins: &[&str]) -> Conditions {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Conditions {
            kills: read(kills),
            joins: read(joins),
            ..Conditions::default()
        }
    }

    #[test]
    fn incidents_happen_in_the_order_of_their_times_once_training_has_begun() {
        let conditions = conditions(&["worker:2@30s", "server:0@5s"], &["worker:3@10s"]);
        let mut incidents = Incidents::new(&conditions);
        let (start, second) = (now(), Duration::from_secs(1));
        incidents.trained(start, Duration::ZERO);
        assert_eq!(
            (incidents.next(), incidents.take_due(start + second * 99)),
            (None, None)
        );
        let begun = start + second * 100;
        incidents.trained(begun + second, second);
        incidents.trained(begun + second * 3, second);
        assert_eq!(incidents.next(), Some(begun + second * 5), "it began once");
        assert_eq!(incidents.take_due(begun + second * 4), None);
        let by = begun + second * 10;
        let mut happens = || incidents.take_due(by).map(Incident::at);
        assert_eq!(happens(), Some(second * 5));
        assert_eq!(happens(), Some(second * 10));
        assert_eq!(happens(), None);
        let left: Vec<_> = incidents.not_happened().collect();
        assert_eq!(left, ["--kill worker:2@30s"]);
    }

    #[test]
    fn who_comes_late_is_not_there_from_the_start() {
        let conditions = conditions(&[], &["worker:0@1s", "worker:2@2s"]);
        assert_eq!(first_workers(&conditions, 4), [1, 3]);
    }
}
