//! The conditions of a run: what its links take, which machines are slow, and what happens to processes.

use thiserror::Error;

use super::{Fault, LinkPhysics, Straggler, Victim};

/// The conditions under which a cluster runs; by default those of the place where it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Each direction of each link between a worker and a server.
    pub link: LinkPhysics,
    /// Slow machines of workers.
    pub stragglers: Vec<Straggler>,
    /// Processes that end without a word.
    pub kills: Vec<Fault>,
    /// Workers that come late.
    pub joins: Vec<Fault>,
}

/// Why conditions cannot be of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConditionsError {
    /// A worker or server that the job does not have.
    #[error("`{spec}` names {role} {number}, but the job has {role}s 0 to {last}")]
    Absent {
        /// The specification.
        spec: String,
        /// `worker` or `server`.
        role: &'static str,
        /// The number that it names.
        number: u32,
        /// The last that there is.
        last: u32,
    },
    /// A server cannot come late.
    #[error(
        "`{spec}` lets a server come late, but training begins with all servers: name a worker"
    )]
    LateServer {
        /// The specification.
        spec: String,
    },
}

impl Conditions {
    /// Whether they change nothing.
    #[must_use]
    pub fn are_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they fit a cluster of so many workers and servers.
    ///
    /// # Errors
    /// [`ConditionsError`] with the specification that does not.
    pub fn check(&self, workers: u32, servers: u32) -> Result<(), ConditionsError> {
        check_named(&self.stragglers, "worker", workers)?;
        for fault in self.kills.iter().chain(&self.joins) {
            match fault.victim {
                Victim::Worker(worker) => absent(fault.to_string(), ("worker", worker), workers)?,
                Victim::Server(server) => absent(fault.to_string(), ("server", server), servers)?,
            }
        }
        let late = |fault: &&Fault| matches!(fault.victim, Victim::Server(_));
        match self.joins.iter().find(late) {
            Some(fault) => Err(ConditionsError::LateServer {
                spec: fault.to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// Whether there is each worker, or server, that `stragglers` name.
///
/// # Errors
/// [`ConditionsError::Absent`] of the first that is not there.
pub fn check_named(
    stragglers: &[Straggler],
    role: &'static str,
    count: u32,
) -> Result<(), ConditionsError> {
    let named = |s: &Straggler| s.named().map(|number| (s.to_string(), (role, number)));
    let mut all = stragglers.iter().filter_map(named);
    all.try_for_each(|(spec, process)| absent(spec, process, count))
}

fn absent(
    spec: String,
    (role, number): (&'static str, u32),
    count: u32,
) -> Result<(), ConditionsError> {
    let last = count.saturating_sub(1);
    match number <= last {
        true => Ok(()),
        false => Err(ConditionsError::Absent {
            spec,
            role,
            number,
            last,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_job_does_not_have_nothing_happens_to() {
        let conditions = |straggler: &str, kill: &str, join: &str| Conditions {
            stragglers: vec![straggler.parse().unwrap()],
            kills: vec![kill.parse().unwrap()],
            joins: vec![join.parse().unwrap()],
            ..Conditions::default()
        };
        let check = |straggler, kill, join| {
            let checked = conditions(straggler, kill, join).check(4, 2);
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(check("any:2x", "server:1@1s", "worker:3@2s"), Ok(()));
        for (straggler, kill, join, why) in [
            ("4:2x", "server:1@1s", "worker:3@2s", "workers 0 to 3"),
            ("0:2x", "server:2@1s", "worker:3@2s", "servers 0 to 1"),
            ("0:2x", "worker:9@1s", "worker:3@2s", "names worker 9"),
            ("0:2x", "worker:1@1s", "server:1@2s", "name a worker"),
        ] {
            let error = check(straggler, kill, join).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
