//! What a report says of a run in virtual time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::peak_memory;
use crate::simulate::{History, Physics};
use crate::view::units::{counted, percent, scaled};
use crate::view::{WAITS_MAX, WAITS_SHOWN_MAX, WaitedView, in_words};

/// Above the mean, from which the busiest server is worth a word.
const BUSIER: f64 = 0.05;

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
    /// The most memory that the process held, data and evaluations included; `None` if the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// What computing one batch takes, beside the job's own `compute`.
    pub compute: String,
    /// What serving one request takes.
    pub serve: String,
    /// What the resources did.
    pub usage: UsageReport,
    /// Who waited for whom at the gates, the longest first, at most 100.
    pub waits: Vec<WaitedView>,
}

/// Shares of the virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReport {
    /// Workers computed, of the time that they were there.
    pub computing: f64,
    /// Workers computed nothing since a gate held their pull, of the time that they were there.
    pub at_gates: f64,
    /// Servers served, in the mean.
    pub serving: f64,
    /// The server that served longest.
    pub busiest_server: u32,
    /// It served.
    pub busiest_serving: f64,
    /// The busiest link was sending, which a bandwidth decides.
    pub busiest_link: f64,
    /// Messages that were lost and sent again.
    pub retransmissions: u64,
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
        // The first of those that served as long.
        let served = (0..servers).zip(history.served.iter().copied()).rev();
        let (busiest_server, served) = served.max_by_key(|(_, time)| *time).unwrap_or_default();
        let pairs = history.waits.pairs().into_iter().take(WAITS_MAX);
        let waits = pairs.map(|(pair, sum)| WaitedView::of(pair, sum));
        Self {
            trace_hash: history.trace.to_string(),
            virtual_seconds: history.virtual_time.as_secs_f64(),
            events: history.events,
            events_per_second,
            peak_memory_bytes: peak_memory(),
            compute: physics.compute_in_words(),
            serve: physics.serve.to_string(),
            usage: UsageReport {
                computing: of(usage.computing, usage.workers_there),
                at_gates: of(history.waits.total(), usage.workers_there),
                serving: of(usage.serving, history.virtual_time * servers),
                busiest_server,
                busiest_serving: of(served, history.virtual_time),
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

    /// The server that stands out, in words.
    fn busiest_server(&self) -> String {
        let usage = &self.usage;
        match usage.serving + BUSIER < usage.busiest_serving {
            true => format!(
                " (server {} {})",
                usage.busiest_server,
                percent(Some(usage.busiest_serving))
            ),
            false => String::new(),
        }
    }

    /// What else there is to tell, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let usage = &self.usage;
        let mut lines = vec![format!(
            "usage      workers compute {} and stand at gates {} of their time; servers serve {}{}, the busiest \
             link sends {}",
            percent(Some(usage.computing)),
            percent(Some(usage.at_gates)),
            percent(Some(usage.serving)),
            self.busiest_server(),
            percent(Some(usage.busiest_link))
        )];
        if 0 < usage.retransmissions {
            lines.push(format!(
                "lost       {}, sent again",
                counted(usage.retransmissions, "message")
            ));
        }
        lines.extend(wait_lines(&self.waits));
        lines.push(format!(
            "trace      {} ({})",
            self.trace_hash,
            counted(self.events, "event")
        ));
        lines
    }
}

/// The waits of a run, a line each.
pub(super) fn wait_lines(waits: &[WaitedView]) -> impl Iterator<Item = String> {
    let shown = waits.iter().take(WAITS_SHOWN_MAX).enumerate();
    shown.map(|(number, wait)| {
        let head = if number == 0 { "waits" } else { "" };
        format!("{head:<11}{}", wait.words())
    })
}

#[cfg(test)]
mod tests {
    use crate::report::fixtures::simulation;

    #[test]
    fn what_a_simulation_did_is_told_in_a_few_lines() {
        let mut simulation = simulation();
        assert_eq!(
            simulation.time(1.5),
            "time       2 min 33 s of virtual time, simulated in 1.5 s (354 k events/s)"
        );
        assert_eq!(
            simulation.lines(),
            [
                "usage      workers compute 6 % and stand at gates 53 % of their time; servers serve 20 % (server 1 \
                 35 %), the busiest link sends 0 %",
                "lost       3 messages, sent again",
                "waits      worker 2 waited 88.8 s for worker 0 (3,062 times, the longest 29.0 ms)",
                "trace      00c0ffee00c0ffee (227,268 events)",
            ]
        );
        // One that does as much as the others is no news, and nobody waits for itself.
        simulation.usage.busiest_serving = 0.21;
        simulation.usage.retransmissions = 0;
        simulation.waits[0].on = 2;
        let lines = simulation.lines();
        assert!(lines[0].contains("serve 20 %, the"), "{}", lines[0]);
        assert!(lines[1].contains("for its own pushes"), "{}", lines[1]);
    }
}
