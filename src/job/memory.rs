//! The memory of a server, from one formula: what it plans for before it starts, and the bounds of
//! frames and flights that follow from it.

use std::fmt;

use thalweg_common::config::{JobConfig, Limits, Optimizer};
use thalweg_common::consistency::Aggregation;
use thalweg_common::ids::ServerId;
use thalweg_common::message::StalenessHistogram;
use thalweg_common::optimizer::optimizer;
use thalweg_common::shard_map::ShardMap;
use thalweg_proto::codec::FrameLimits;
use thalweg_server::EVENT_BYTES;
use thalweg_server::shard::PINS_PER_SESSION_MAX;
use thiserror::Error;

use super::machine::Available;
use super::resolve::Blueprint;
use super::threads::{model_bytes, runs_on_threads};

/// Frames that wait for the network per session.
const OUTBOUND_FRAMES: u64 = 64;

/// Bytes that one duplicate window takes.
const WINDOW_BYTES: u64 = 128;

/// Bytes that the tally of one worker's parts takes at one shard, refused for every reason.
const TALLY_BYTES: u64 = 512;

/// Bytes that the staleness of the parts of one worker takes at one shard, or of all of them.
const STALENESS_BYTES: u64 = 8 * StalenessHistogram::BUCKETS as u64 + 64;

/// What a server plans for, term by term, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Each term with what it is.
    pub terms: Vec<(&'static str, u64)>,
}

/// The term that is no bound but certain: every parameter is there from the start.
const STATE: &str = "parameters and slots";

/// Terms of what is held between two messages.
const ROUNDS: &str = "rounds in progress";
const COPIES: &str = "copies of what workers have read";
const STALENESS: &str = "staleness of parts";

/// A job that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// The plan exceeds what the job permits.
    #[error(
        "server {server} plans for {needed} bytes, but [limits] memory_bytes_max is {max}; raise it, \
         add servers, or shrink the largest term. {memory}"
    )]
    Limit {
        /// The server.
        server: ServerId,
        /// What it plans for.
        needed: u64,
        /// What the job permits.
        max: u64,
        /// The plan.
        memory: Memory,
    },
    /// The model of threads exceeds what the job permits.
    #[error(
        "the threads' parameters need {needed} bytes, but [limits] memory_bytes_max is {max}; raise it, or use fewer \
         features or threads"
    )]
    ThreadsLimit {
        /// Bytes.
        needed: u64,
        /// What the job permits.
        max: u64,
    },
    /// What will certainly be held exceeds what this machine has.
    #[error(
        "{what} at least {} on this machine, but only {available} are available; use fewer \
         features, an optimizer with fewer slots, or servers on more machines (if the figure is \
         wrong, [limits] memory_bytes_max = N permits N bytes per server instead)",
        crate::view::units::bytes(*.needed)
    )]
    Machine {
        /// Who needs it, with the verb.
        what: String,
        /// Bytes.
        needed: u64,
        /// What there is.
        available: Available,
    },
}

impl Memory {
    /// The plan of one server. Terms are upper bounds, but for what a process itself needs.
    ///
    /// # Panics
    /// If the optimizer or its settings are unknown; a checked job's are known.
    #[must_use]
    pub fn plan(blueprint: &Blueprint, server: ServerId) -> Self {
        let config = &blueprint.config;
        let elements: u64 = blueprint
            .map
            .of_server(server)
            .map(|(_, span)| span.elements.end - span.elements.start)
            .sum();
        let shards = blueprint.map.of_server(server).count() as u64;
        let workers = u64::from(config.cluster.workers);
        let rule = config.servers_optimizer();
        let entry = optimizer(&rule.name).expect("a checked job's optimizer is known");
        let permitted = "a checked job's hyper-parameters are permitted";
        let regularized = config.outer.is_none() && !config.regularizer.chosen().is_empty();
        let state = entry.bytes_per_element(&rule.options, regularized);
        let state = state.expect(permitted) as u64;
        let room = entry.room_bytes(&rule.options).expect(permitted) as u64;
        let at_read = at_read_bytes(config);
        let limits = frame_limits(config, elements);
        let in_flight = limits.in_flight_bytes_max as u64;
        let rounds = match config.consistency.aggregation {
            Aggregation::Push => 0,
            Aggregation::Round { .. } | Aggregation::Softsync { .. } => {
                product([workers + 1, 8, elements])
            }
        };
        let largest = blueprint
            .map
            .of_server(server)
            .map(|(_, span)| span.elements.end - span.elements.start)
            .max();
        // A copy of one shard, its file, and that read back: columns are 4 bytes an element and slot.
        let copy = largest
            .unwrap_or(0)
            .saturating_mul(3 * state)
            .saturating_add(rounds / shards.max(1));
        let pulls = config.limits.inflight_pulls_max as u64;
        Self {
            terms: vec![
                (STATE, state.saturating_mul(elements)),
                ("room for steps", product([shards, room])),
                (ROUNDS, rounds),
                (
                    COPIES,
                    product([workers, PINS_PER_SESSION_MAX as u64, at_read, elements]),
                ),
                ("pushes in flight", product([workers, in_flight])),
                ("a shard on its way to a checkpoint", copy),
                (
                    "answers to pulls",
                    product([workers + 1, pulls, 4 + at_read, elements]),
                ),
                (
                    "outgoing frames",
                    product([workers + 1, OUTBOUND_FRAMES, limits.chunk_bytes as u64]),
                ),
                (
                    "history",
                    product([config.limits.history_events as u64, EVENT_BYTES as u64]),
                ),
                ("tallies of parts", product([workers, shards, TALLY_BYTES])),
                (STALENESS, product([workers + 1, shards, STALENESS_BYTES])),
                (
                    "duplicate windows",
                    product([config.limits.sessions_max as u64, shards, WINDOW_BYTES]),
                ),
            ],
        }
    }

    /// The sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        let bytes = self.terms.iter().map(|(_, bytes)| *bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// What the server will hold whatever happens, bytes.
    #[must_use]
    pub fn state(&self) -> u64 {
        let state = self.terms.iter().filter(|(name, _)| *name == STATE);
        state.map(|(_, bytes)| bytes).sum()
    }

    /// What the server may hold between two messages, bytes: all that is not about sockets.
    #[must_use]
    pub fn held(&self) -> u64 {
        let held = [STATE, ROUNDS, COPIES, STALENESS];
        let terms = self.terms.iter().filter(|(name, _)| held.contains(name));
        terms.fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Judges the plan against the job's limit.
    ///
    /// # Errors
    /// [`MemoryError`] with every term if the sum is larger; a limit of 0 is none.
    pub fn check(self, server: ServerId, limits: &Limits) -> Result<Self, MemoryError> {
        let (needed, max) = (self.total(), limits.memory_bytes_max);
        if max == 0 || needed <= max {
            return Ok(self);
        }
        Err(MemoryError::Limit {
            server,
            needed,
            max,
            memory: self,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, bytes)) in self.terms.iter().enumerate() {
            write!(f, "{}{name} {bytes}", if i == 0 { "" } else { " + " })?;
        }
        write!(f, " = {} bytes at most", self.total())
    }
}

/// Judges one server that is about to start on a machine with so much memory available.
///
/// # Errors
/// [`MemoryError::Machine`] if the parameters alone are more. A job with a `memory_bytes_max` has
/// said what it permits, and a machine that does not tell has no bound.
pub fn check_server_fits(
    blueprint: &Blueprint,
    server: ServerId,
    available: Option<Available>,
) -> Result<(), MemoryError> {
    let what = format!("the parameters and slots of server {server} need");
    let needed = Memory::plan(blueprint, server).state();
    fits(blueprint, what, needed, available)
}

/// Judges all servers of a job that is about to start on one machine, or its threads, with the copy of
/// the parameters that the launcher evaluates.
///
/// # Errors
/// As [`check_server_fits`].
pub fn check_cluster_fits(
    blueprint: &Blueprint,
    available: Option<Available>,
) -> Result<(), MemoryError> {
    let elements = blueprint.map.elements();
    if runs_on_threads(&blueprint.config) {
        let what = format!("the threads' {elements} parameters need");
        let (needed, max) = (
            model_bytes(blueprint),
            blueprint.config.limits.memory_bytes_max,
        );
        if 0 < max && max < needed {
            return Err(MemoryError::ThreadsLimit { needed, max });
        }
        return fits(blueprint, what, needed, available);
    }
    let servers = (0..blueprint.map.servers()).map(ServerId);
    let state = servers.fold(0_u64, |sum, server| {
        sum.saturating_add(Memory::plan(blueprint, server).state())
    });
    let what = format!("the parameters and slots of the job's {elements} elements need");
    let needed = state.saturating_add(elements.saturating_mul(4));
    fits(blueprint, what, needed, available)
}

fn fits(
    blueprint: &Blueprint,
    what: String,
    needed: u64,
    available: Option<Available>,
) -> Result<(), MemoryError> {
    match available {
        Some(available)
            if blueprint.config.limits.memory_bytes_max == 0 && available.bytes < needed =>
        {
            Err(MemoryError::Machine {
                what,
                needed,
                available,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// As much as there can be, if it is more: a job may name any limit, and what is too much is refused with its terms.
fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

/// The bounds of a session stream with a server that holds `elements` elements: as many whole
/// pushes as may be unacknowledged, each with coordinates and what the rule wants to know of a read.
///
/// # Panics
/// If the servers' optimizer or its settings are unknown; a checked job's are known.
#[must_use]
pub fn frame_limits(config: &JobConfig, elements: u64) -> FrameLimits {
    let limits = &config.limits;
    let each = 8 + at_read_bytes(config);
    let whole_push = usize::try_from(each.saturating_mul(elements)).unwrap_or(usize::MAX);
    let least = limits.part_bytes_max.saturating_mul(2);
    FrameLimits {
        message_bytes_max: limits.message_bytes_max,
        chunk_bytes: limits.chunk_bytes,
        part_bytes_max: limits.part_bytes_max,
        in_flight_bytes_max: whole_push
            .saturating_mul(limits.inflight_pushes_max)
            .max(least),
        open_messages_max: requests_max(limits, elements),
    }
}

/// Bytes per element that the servers' rule wants to know of a read.
fn at_read_bytes(config: &JobConfig) -> u64 {
    let Optimizer { name, options, .. } = config.servers_optimizer();
    let facts = optimizer(name).and_then(|entry| entry.facts(options));
    let facts = facts.expect("a checked job's optimizer and its settings are permitted");
    facts.at_read.bytes() as u64
}

/// Requests of one session in flight: pushes and pulls, each in as many pieces of a full shard as the
/// server holds, and a few of the other kinds.
#[must_use]
pub(super) fn requests_max(limits: &Limits, elements: u64) -> usize {
    let in_flight = limits
        .inflight_pushes_max
        .saturating_add(limits.inflight_pulls_max);
    in_flight.saturating_mul(pieces(elements)).saturating_add(8)
}

/// Pulls of all sessions under way: every worker's, and an observer's. As many are planned for.
#[must_use]
pub(super) fn pulls_max(config: &JobConfig, elements: u64) -> usize {
    let sessions = config.cluster.workers as usize + 1;
    let pulls = sessions.saturating_mul(config.limits.inflight_pulls_max);
    pulls.saturating_mul(pieces(elements))
}

/// In so many pieces, at most, everything that a server holds is pushed or pulled.
fn pieces(elements: u64) -> usize {
    let pieces = elements
        .div_ceil(ShardMap::SHARD_ELEMENTS)
        .saturating_add(1);
    usize::try_from(pieces).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::{REGISTRIES, draft_with, resolve};

    fn blueprint(sets: &[&str]) -> Blueprint {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        let job = draft.check(&REGISTRIES).unwrap();
        resolve(job, Path::new(".")).unwrap().blueprint
    }

    fn with(bytes: u64) -> Option<Available> {
        Some(Available {
            bytes,
            told_by: "/proc/meminfo".into(),
        })
    }

    #[test]
    fn parameters_that_are_more_than_the_machine_has_are_refused_with_both_figures() {
        // 999 weights and a bias, a parameter and a slot each; 4 bytes more for the launcher.
        let blueprint = blueprint(&["data.features=999"]);
        assert_eq!(check_cluster_fits(&blueprint, with(12_000)), Ok(()));
        assert_eq!(check_cluster_fits(&blueprint, None), Ok(()));
        let error = check_cluster_fits(&blueprint, with(11_999)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("1000 elements need at least 12.0 kB")
                && text.contains("only 12.0 kB (/proc/meminfo) are available"),
            "{text}"
        );
        let least = Memory::plan(&blueprint, ServerId(0)).state();
        assert_eq!(least, 4_000);
        assert_eq!(
            check_server_fits(&blueprint, ServerId(0), with(least)),
            Ok(())
        );
        check_server_fits(&blueprint, ServerId(0), with(least - 1)).unwrap_err();
    }

    #[test]
    fn a_job_that_says_its_bound_is_taken_at_its_word() {
        let blueprint = blueprint(&["data.features=999", "limits.memory_bytes_max=1000000000"]);
        assert_eq!(check_cluster_fits(&blueprint, with(1)), Ok(()));
    }
}
