//! Who has waited for whom so far, over all servers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thalweg_common::message::{Status, WaitSum};

use super::units::{counted, span};

/// Pairs that are told of, those that waited longest.
pub(crate) const WAITS_MAX: usize = 100;

/// Those that are told of on a terminal.
pub(crate) const WAITS_SHOWN_MAX: usize = 3;

/// One worker that waited for another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitedView {
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

impl WaitedView {
    pub(crate) fn of((worker, on): (u32, u32), sum: WaitSum) -> Self {
        Self {
            worker,
            on,
            count: sum.count,
            seconds: sum.total.as_secs_f64(),
            longest_seconds: sum.longest.as_secs_f64(),
        }
    }

    /// In words: `worker 2 waited 88.8 s for worker 0 (3,062 times, the longest 29.0 ms)`.
    pub(crate) fn words(&self) -> String {
        format!(
            "worker {} waited {} for {} ({}, the longest {})",
            self.worker,
            in_words(self.seconds),
            match self.on == self.worker {
                true => "its own pushes".to_owned(),
                false => format!("worker {}", self.on),
            },
            counted(self.count, "time"),
            in_words(self.longest_seconds)
        )
    }
}

/// Seconds in words, short ones in milliseconds.
pub(crate) fn in_words(seconds: f64) -> String {
    match seconds < 0.1 {
        true => format!("{:.1} ms", seconds * 1e3),
        false => span(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
    }
}

/// The waits at all servers.
pub(super) fn merge(answers: &[&Status]) -> Vec<WaitedView> {
    let mut longest: BTreeMap<(u32, u32), WaitSum> = BTreeMap::new();
    for waited in answers.iter().flat_map(|status| &status.waits) {
        let kept = longest.entry((waited.worker.0, waited.on.0)).or_default();
        if kept.total < waited.sum.total {
            *kept = waited.sum;
        }
    }
    let mut pairs: Vec<_> = longest.into_iter().collect();
    pairs.sort_by_key(|(pair, sum)| (Reverse(sum.total), *pair));
    let pairs = pairs.into_iter().take(WAITS_MAX);
    pairs.map(|(pair, sum)| WaitedView::of(pair, sum)).collect()
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::WorkerId;
    use thalweg_common::message::Waited;

    use super::*;
    use crate::view::fixtures::two_servers;

    #[test]
    fn of_waits_at_several_servers_the_longest_counts() {
        let waited = |(worker, on): (u32, u32), seconds| Waited {
            worker: WorkerId(worker),
            on: WorkerId(on),
            sum: WaitSum {
                count: 2,
                total: Duration::from_secs(seconds),
                longest: Duration::from_secs(seconds - 1),
            },
        };
        let mut servers = two_servers();
        servers[0].waits = vec![waited((0, 1), 5), waited((2, 1), 3)];
        servers[1].waits = vec![waited((2, 1), 9)];
        let found = merge(&servers.iter().collect::<Vec<_>>());
        let words: Vec<_> = found.iter().map(WaitedView::words).collect();
        assert_eq!(
            words,
            [
                "worker 2 waited 9.0 s for worker 1 (2 times, the longest 8.0 s)",
                "worker 0 waited 5.0 s for worker 1 (2 times, the longest 4.0 s)",
            ]
        );
    }
}
