//! What a worker process says at its end of what it did, for programs: a line of its log.

use serde::{Deserialize, Serialize};
use thalweg_worker::transport::Ended;

/// How the line begins.
const MARK: &str = "tally ";

/// What a worker did, by its own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerTally {
    /// Iterations finished. Of a worker that ended in order, all of them were acknowledged.
    pub iterations: u64,
    /// Examples computed.
    pub examples: u64,
    /// Pushes made.
    pub pushes: u64,
    /// Requests sent again, whatever the cause.
    pub repeats: u64,
    /// Acknowledgements thrown away because that was asked for.
    pub acks_dropped: u64,
    /// Gradients held up to play a slow machine.
    pub gradients_slowed: u64,
}

impl WorkerTally {
    /// Of a worker that has ended.
    #[must_use]
    pub fn of(ended: &Ended) -> Self {
        Self {
            iterations: ended.tally.clock.0,
            examples: ended.tally.examples,
            pushes: ended.tally.pushes,
            repeats: ended.tally.repeats,
            acks_dropped: ended.acks_dropped,
            gradients_slowed: ended.gradients_slowed,
        }
    }

    /// The line.
    ///
    /// # Panics
    /// Never: numbers are JSON.
    #[must_use]
    pub fn line(&self) -> String {
        let json = serde_json::to_string(self).expect("numbers are JSON");
        format!("{MARK}{json}")
    }

    /// What the last such line of a log says; `None` if there is none, as of a worker that was killed.
    #[must_use]
    pub fn in_log(log: &str) -> Option<Self> {
        let mut lines = log.lines().rev();
        lines.find_map(|line| serde_json::from_str(line.strip_prefix(MARK)?).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_worker_says_is_found_in_its_log() {
        let tally = WorkerTally {
            iterations: 200,
            examples: 6_400,
            pushes: 200,
            repeats: 3,
            acks_dropped: 2,
            gradients_slowed: 0,
        };
        let log = format!("worker 1 of job a\n{}\njob a is done: 1\n", tally.line());
        assert_eq!(WorkerTally::in_log(&log), Some(tally));
        assert_eq!(
            WorkerTally::in_log("worker 1 of job a\ntally of none\n"),
            None
        );
    }
}
