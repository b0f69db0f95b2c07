//! What the launcher of a local cluster tells server 0, so that its page shows the whole job: a line of JSON, once
//! a second.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thalweg_common::message::Status;

use super::document::{SHARDS_MAX, WORKERS_MAX};
use crate::report::{ConditionsReport, EvaluationPoint};

/// Evaluations that are told at most.
pub(super) const EVALUATIONS_MAX: usize = 256;

/// All that a server does not know by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// How things stand on the other servers.
    pub others: Vec<Status>,
    /// The evaluations so far.
    pub evaluations: Vec<EvaluationPoint>,
    /// What the launcher has said to its user.
    pub said: Vec<Said>,
    /// What links and machines take, if that was asked for.
    pub conditions: Option<ConditionsReport>,
    /// Rows of the training set: what an epoch is.
    pub rows: u64,
}

/// A message of the launcher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Since server 0 started.
    pub at: Duration,
    /// The message.
    pub text: String,
}

impl Told {
    /// What is told of these servers, evaluations and messages, cut to what a page shows.
    #[must_use]
    pub fn new(statuses: &[Status], evaluations: &[EvaluationPoint]) -> Self {
        let others = statuses.iter().filter(|status| status.server.0 != 0);
        let shown = |status: &Status| {
            let mut status = status.clone();
            status.workers.truncate(WORKERS_MAX);
            status.shards.truncate(SHARDS_MAX);
            status.epochs.clear();
            status.history.clear();
            status
        };
        Self {
            others: others.map(shown).collect(),
            evaluations: thinned(evaluations, EVALUATIONS_MAX),
            ..Self::default()
        }
    }

    /// The line, with its end.
    ///
    /// # Panics
    /// Never: every value in it has a form in JSON.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("every value has a form in JSON");
        line.push(b'\n');
        line
    }

    /// Reads a line.
    ///
    /// # Errors
    /// Where it is not what [`Self::to_line`] writes.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}

/// At most `max` of the items at equal distances, the last among them.
#[must_use]
pub fn thinned<T: Clone>(items: &[T], max: usize) -> Vec<T> {
    let step = items.len().div_ceil(max.max(1)).max(1);
    let first = items.len().saturating_sub(1) % step;
    items.iter().skip(first).step_by(step).cloned().collect()
}
