//! What a report says of a run in virtual time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::simulate::{History, Physics};
use crate::view::units::{counted, percent, scaled, span};

/// Pairs of workers that are told of, those that waited longest.
const WAITS_MAX: usize = 100;

/// Those that are told of on a terminal.
const WAITS_SHOWN_MAX: usize = 3;

/// A run in virtual time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulationReport {
    /// A hash of every event with its time, and of the final parameters, hexadecimal.
    pub trace_hash: String,
    /// Virtual time at the end.
    pub virtual_seconds: f64,
    /// Events that happened.
    pub events: u64,
    /// The same by the time that simulating took.
    pub events_per_second: f64,
    /// What computing one batch takes, beside the job's own `compute`.
    pub compute: String,
    /// What serving one request takes.
    pub serve: String,
    /// What the resources did.
    pub usage: UsageReport,
    /// Who waited for whom at the gates, the longest first, at most 100.
    pub waits: Vec<WaitReport>,
}

/// Shares of the virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReport {
    /// Workers computed, of the time that they were there.
    pub computing: f64,
    /// Workers computed nothing since a gate held their pull, of the time that they were there.
    pub at_gates: f64,
    /// Servers served.
    pub serving: f64,
    /// The busiest link was sending, which a bandwidth decides.
    pub busiest_link: f64,
    /// Messages that were lost and sent again.
    pub retransmissions: u64,
}

/// One worker that waited for another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitReport {
    /// Who waited.
    pub worker: u32,
    /// For whom: whose push, or end, opened the gate.
    pub on: u32,
    /// How often.
    pub count: u64,
    /// All waits together.
    pub seconds: f64,
    /// The longest.
    pub longest_seconds: f64,
}

impl SimulationReport {
    /// What is told of a history that took `spent` to simulate.
    #[must_use]
    pub fn new(history: &History, spent: Duration, physics: &Physics) -> Self {
        let usage = history.usage;
        let servers = u32::try_from(history.statuses.len()).unwrap_or(u32::MAX);
        let of = |part: Duration, whole: Duration| match whole.is_zero() {
            true => 0.0,
            false => part.as_secs_f64() / whole.as_secs_f64(),
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let events_per_second = match spent.is_zero() {
            true => 0.0,
            false => history.events as f64 / spent.as_secs_f64(),
        };
        let pairs = history.waits.pairs().into_iter().take(WAITS_MAX);
        let waits = pairs.map(|((worker, on), wait)| WaitReport {
            worker,
            on,
            count: wait.count,
            seconds: wait.total.as_secs_f64(),
            longest_seconds: wait.longest.as_secs_f64(),
        });
        Self {
            trace_hash: history.trace.to_string(),
            virtual_seconds: history.virtual_time.as_secs_f64(),
            events: history.events,
            events_per_second,
            compute: physics.compute.to_string(),
            serve: physics.serve.to_string(),
            usage: UsageReport {
                computing: of(usage.computing, usage.workers_there),
                at_gates: of(history.waits.total(), usage.workers_there),
                serving: of(usage.serving, history.virtual_time * servers),
                busiest_link: of(usage.busiest_link, history.virtual_time),
                retransmissions: usage.retransmissions,
            },
            waits: waits.collect(),
        }
    }

    /// Virtual and real time, in words.
    pub(super) fn time(&self, wall_seconds: f64) -> String {
        format!(
            "time       {} of virtual time, simulated in {} ({} events/s)",
            in_words(self.virtual_seconds),
            in_words(wall_seconds),
            scaled(Some(self.events_per_second))
        )
    }

    /// What else there is to tell, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let usage = &self.usage;
        let mut lines = vec![format!(
            "usage      workers compute {} and stand at gates {} of their time; servers serve {}, the busiest link \
             sends {}",
            percent(Some(usage.computing)),
            percent(Some(usage.at_gates)),
            percent(Some(usage.serving)),
            percent(Some(usage.busiest_link))
        )];
        if 0 < usage.retransmissions {
            lines.push(format!(
                "lost       {}, sent again",
                counted(usage.retransmissions, "message")
            ));
        }
        for (number, wait) in self.waits.iter().take(WAITS_SHOWN_MAX).enumerate() {
            lines.push(format!(
                "{:<11}worker {} waited {} for {} ({}, the longest {})",
                if number == 0 { "waits" } else { "" },
                wait.worker,
                in_words(wait.seconds),
                match wait.on == wait.worker {
                    true => "its own pushes".to_owned(),
                    false => format!("worker {}", wait.on),
                },
                counted(wait.count, "time"),
                in_words(wait.longest_seconds)
            ));
        }
        lines.push(format!(
            "trace      {} ({})",
            self.trace_hash,
            counted(self.events, "event")
        ));
        lines
    }
}

fn in_words(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
