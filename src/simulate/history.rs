//! What a simulation leaves behind.

use std::fmt;
use std::time::Duration;

use thalweg_common::message::{Phase, Status, Waits};
use thalweg_common::seed::mix;

/// The end of a simulation, with a hash of everything that happened in it.
#[derive(Clone, Debug)]
pub struct History {
    /// The final parameters, in layout order.
    pub parameters: Vec<f32>,
    /// How things stood on every server at the end.
    pub statuses: Vec<Status>,
    /// Virtual time at the end.
    pub virtual_time: Duration,
    /// Events that happened.
    pub events: u64,
    /// A hash of every event with its time, and of the final parameters.
    pub trace: TraceHash,
    /// What the resources did.
    pub usage: Usage,
    /// What each worker did, by slot.
    pub workers: Vec<WorkerTimes>,
    /// How long each server served, by index.
    pub served: Vec<Duration>,
    /// Who waited for whom.
    pub waits: Waits,
    /// Workers that failed, in their order; the others went on without them if the job lets them.
    pub failures: Vec<WorkerFailure>,
    /// Whether the spectator had enough before the last worker had ended.
    pub interrupted: bool,
}

/// A worker that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerFailure {
    /// The worker.
    pub worker: u32,
    /// Virtual time.
    pub at: Duration,
    /// Why, in words.
    pub cause: String,
}

impl fmt::Display for WorkerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, at, cause } = self;
        write!(
            f,
            "worker {worker} failed after {at:?} of virtual time: {cause}"
        )
    }
}

impl History {
    /// Why the job was not done, if it was not.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let first = self.statuses.first()?;
        if first.phase == Phase::Done {
            return None;
        }
        if self.interrupted {
            let at = self.virtual_time;
            return Some(format!("interrupted after {at:?} of virtual time"));
        }
        Some(match (first.cause.as_str(), self.failures.first()) {
            ("", Some(failure)) => format!("no worker was left: {failure}"),
            ("", None) => "no worker was left".to_owned(),
            (cause, _) => cause.to_owned(),
        })
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerTimes {
    /// It was there.
    pub there: Duration,
    /// It computed.
    pub computed: Duration,
}

/// What the resources of a cluster did, all of one kind together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Workers were there.
    pub workers_there: Duration,
    /// Workers computed.
    pub computing: Duration,
    /// Servers served.
    pub serving: Duration,
    /// The busiest link was sending, which a bandwidth decides.
    pub busiest_link: Duration,
    /// Messages that were lost and sent again.
    pub retransmissions: u64,
    /// Bytes of pushes and their acknowledgements.
    pub pushed_bytes: u64,
    /// Bytes of pulls and their answers.
    pub pulled_bytes: u64,
    /// Bytes of all messages to servers.
    pub to_servers_bytes: u64,
    /// Bytes of all messages to workers.
    pub to_workers_bytes: u64,
}

/// A running hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    pub(super) fn add(&mut self, word: u64) {
        self.0 = mix(self.0 ^ mix(word));
    }

    pub(super) fn add_time(&mut self, time: Duration) {
        self.add(time.as_secs());
        self.add(u64::from(time.subsec_nanos()));
    }

    pub(super) fn add_values(&mut self, values: &[f32]) {
        for value in values {
            self.add(u64::from(value.to_bits()));
        }
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
