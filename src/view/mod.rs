//! The view of a cluster: what all servers answered when asked how things stand, as one picture.
//!
//! Every server knows its own part: server 0 also coordinates, so that the job's phase and progress
//! are its word; bytes and staleness are summed over all. The status page, the progress display and
//! the report are made from this view, so that they cannot disagree.

pub mod units;
mod rates;
mod staleness;
mod spread;
mod look;
mod table;
mod workers;
mod waits;
mod waited;
mod history;
mod render;

pub use history::{EventView, history, render_history};
pub use look::{Colour, Look};
pub use rates::{RecentRates, mean_rate};
pub use render::render_status;
pub use staleness::{Staleness, StalenessCount};
pub use waited::WaitedView;
pub use waits::{who_is_gone, who_waits, who_waits_longer_than};
pub use workers::{UnheardView, WaitView, WorkerView};

pub(crate) use look::Tone;
pub(crate) use render::{phase_word, state_word};
pub(crate) use spread::{HEIGHTS, Spread};
pub(crate) use table::{Cell, Edge, Table};
pub(crate) use waited::{WAITS_MAX, WAITS_SHOWN_MAX, in_words};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{ServerId, ShardId, Version};
use thalweg_common::message::{EpochStatus, Phase, ShardStatus, StalenessHistogram, Status};

/// How things stand in a cluster. Its JSON form is that of `thalweg status --json`, documented in
/// `docs/REPORT.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterView {
    /// The job's name.
    pub job: String,
    /// Where the job is in its life.
    pub phase: Phase,
    /// Why it failed; empty if it did not.
    pub cause: String,
    /// Whether it failed because its training diverged.
    pub diverged: bool,
    /// Examples committed.
    pub progress: u64,
    /// Examples at which the job ends.
    pub examples_total: u64,
    /// Since the first server started.
    #[serde(rename = "up_seconds", serialize_with = "seconds")]
    pub up: Duration,
    /// From the first data that was dealt out to now, or to the end of the job.
    #[serde(rename = "train_seconds", serialize_with = "seconds")]
    pub trained: Duration,
    /// The mean rate since training began; `None` before.
    pub examples_per_second: Option<f64>,
    /// The recent training loss; `None` before the first push.
    pub train_loss: Option<f64>,
    /// What feedback multiplies the schedule's learning rate by.
    pub rate_factor: f64,
    /// Staleness of every part applied, over all servers.
    #[serde(serialize_with = "staleness::serialize")]
    pub staleness: StalenessHistogram,
    /// Bytes received in pushes, over all servers.
    pub bytes_pushed: u64,
    /// Bytes sent in answers to pulls, over all servers.
    pub bytes_pulled: u64,
    /// Worker slots, by worker.
    pub workers: Vec<WorkerView>,
    /// The servers that answered, by server.
    pub servers: Vec<ServerView>,
    /// Servers that were asked and did not answer, in words; the caller adds them.
    pub unreachable: Vec<String>,
    /// Parts refused, by reason, over all servers.
    pub refusals: BTreeMap<RefusalKind, u64>,
    /// The use of the data, epoch by epoch.
    pub epochs: Vec<EpochView>,
    /// Who waited for whom at the gates, the longest first. Waits at several servers overlap in time, so that of each
    /// pair the server counts at which it waited longest.
    pub waits: Vec<WaitedView>,
    /// The last events, oldest first; `None` if nobody asked for them. The caller adds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<EventView>>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerView {
    /// Which.
    pub server: ServerId,
    /// Since it started.
    #[serde(rename = "up_seconds", serialize_with = "seconds")]
    pub up: Duration,
    /// Bytes received in pushes.
    pub bytes_pushed: u64,
    /// Bytes sent in answers to pulls.
    pub bytes_pulled: u64,
    /// Bytes received at its sockets.
    pub bytes_received: u64,
    /// Bytes sent at its sockets.
    pub bytes_sent: u64,
    /// The shards that it holds.
    pub shards: Vec<ShardView>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardView {
    /// Which.
    pub shard: ShardId,
    /// Its elements.
    pub elements: u64,
    /// Steps taken.
    pub version: Version,
    /// Examples in the parts that it applied.
    pub progress: u64,
    /// Parts of the present round that wait for the others.
    pub pending: u64,
    /// Staleness of the parts that it applied.
    #[serde(serialize_with = "staleness::serialize")]
    pub staleness: StalenessHistogram,
}

/// One epoch's use of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EpochView {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Rows committed.
    pub rows: u64,
    /// The sum of the checksums of the rows used.
    #[serde(serialize_with = "hex")]
    pub checksum: u64,
}

impl From<&[Status]> for ClusterView {
    fn from(statuses: &[Status]) -> Self {
        let answers: BTreeMap<ServerId, &Status> = statuses
            .iter()
            .map(|status| (status.server, status))
            .collect();
        let answers: Vec<&Status> = answers.into_values().collect();
        let Some(first) = answers.first() else {
            return Self::of_nobody();
        };
        let sum = |bytes: fn(&Status) -> u64| units::total(answers.iter().map(|s| bytes(s)));
        let mut staleness = StalenessHistogram::default();
        let mut refusals = BTreeMap::new();
        for status in &answers {
            staleness.merge(&status.staleness);
            for (kind, count) in &status.refusals {
                let sum = refusals.entry(*kind).or_default();
                *sum = count.saturating_add(*sum);
            }
        }
        Self {
            job: first.job.clone(),
            phase: first.phase,
            cause: first.cause.clone(),
            diverged: first.diverged,
            progress: first.progress,
            examples_total: first.examples_total,
            up: first.up,
            trained: first.trained,
            examples_per_second: mean_rate(first.progress, first.trained),
            rate_factor: first.rate_factor,
            train_loss: (first.loss_weight > 0.0).then(|| first.loss_sum / first.loss_weight),
            staleness,
            bytes_pushed: sum(|s| s.pushed_bytes),
            bytes_pulled: sum(|s| s.pulled_bytes),
            workers: workers::merge(&answers),
            servers: answers.iter().map(|s| ServerView::from(*s)).collect(),
            unreachable: Vec::new(),
            refusals,
            epochs: first.epochs.iter().map(EpochView::from).collect(),
            waits: waited::merge(&answers),
            history: None,
        }
    }
}

impl ClusterView {
    /// The view before any server has answered.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self {
            job: String::new(),
            phase: Phase::Joining,
            cause: String::new(),
            diverged: false,
            progress: 0,
            examples_total: 0,
            up: Duration::ZERO,
            trained: Duration::ZERO,
            examples_per_second: None,
            train_loss: None,
            rate_factor: 1.0,
            staleness: StalenessHistogram::default(),
            bytes_pushed: 0,
            bytes_pulled: 0,
            workers: Vec::new(),
            servers: Vec::new(),
            unreachable: Vec::new(),
            refusals: BTreeMap::new(),
            epochs: Vec::new(),
            waits: Vec::new(),
            history: None,
        }
    }

    /// The share of the job's examples that are committed; `None` of a job without examples.
    #[must_use]
    pub fn done_share(&self) -> Option<f64> {
        units::share(self.progress as f64, self.examples_total as f64)
    }

    /// How long the rest takes at `examples_per_second`; `None` if that cannot be said.
    #[must_use]
    pub fn rest(&self, examples_per_second: Option<f64>) -> Option<Duration> {
        let examples = self.examples_total.saturating_sub(self.progress);
        let seconds = examples as f64 / examples_per_second.filter(|rate| *rate > 0.0)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl From<&Status> for ServerView {
    fn from(status: &Status) -> Self {
        Self {
            server: status.server,
            up: status.up,
            bytes_pushed: status.pushed_bytes,
            bytes_pulled: status.pulled_bytes,
            bytes_received: status.received_bytes,
            bytes_sent: status.sent_bytes,
            shards: status.shards.iter().map(ShardView::from).collect(),
        }
    }
}

impl From<&ShardStatus> for ShardView {
    fn from(status: &ShardStatus) -> Self {
        Self {
            shard: status.shard,
            elements: status.elements,
            version: status.version,
            progress: status.progress,
            pending: status.pending,
            staleness: status.staleness.clone(),
        }
    }
}

impl From<&EpochStatus> for EpochView {
    fn from(status: &EpochStatus) -> Self {
        Self {
            epoch: status.epoch,
            rows: status.rows,
            checksum: status.checksum,
        }
    }
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

// JSON numbers are exact only up to 2^53.
fn hex<S: Serializer>(checksum: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{checksum:016x}"))
}

#[cfg(test)]
pub(crate) mod fixtures;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::two_servers;

    #[test]
    fn progress_is_server_0s_word_and_bytes_and_staleness_are_sums() {
        let mut statuses = two_servers();
        statuses.reverse();
        let view = ClusterView::from(&statuses[..]);
        assert_eq!((view.progress, view.examples_total), (42_336, 98_000));
        assert_eq!(view.bytes_pushed, 3_000_000);
        assert_eq!(view.bytes_pulled, 9_000_000);
        assert_eq!(view.staleness.total(), 9);
        assert_eq!(view.train_loss, Some(0.5));
        assert_eq!(view.examples_per_second, Some(10_584.0));
        assert_eq!(view.refusals[&RefusalKind::NonFinite], 3);
        assert_eq!(view.servers[1].server, ServerId(1));
        assert_eq!(
            view.rest(Some(10.0)),
            Some(Duration::from_millis(5_566_400))
        );
    }

    #[test]
    fn a_view_of_nobody_divides_nothing_by_zero() {
        let view = ClusterView::from(&[][..]);
        assert_eq!(view, ClusterView::of_nobody());
        assert_eq!(view.done_share(), None);
        assert_eq!(view.rest(Some(0.0)), None);
        assert_eq!(view.rest(Some(f64::NAN)), None);
        assert_eq!(view.rest(None), None);
    }

    #[test]
    fn the_json_form_says_seconds_and_hexadecimal_checksums() {
        let view = ClusterView::from(&two_servers()[..]);
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["train_seconds"], 4.0);
        assert_eq!(json["phase"], "training");
        assert_eq!(json["staleness"]["max"], 70);
        assert_eq!(json["refusals"]["non_finite"], 3);
        assert_eq!(json["epochs"][0]["checksum"], "00000000000000ff");
        assert_eq!(json["workers"][2]["wait"]["on"][0], 0);
        assert_eq!(json["workers"][0]["staleness"]["max"], 70);
        assert_eq!(json["servers"][1]["shards"][0]["staleness"]["max"], 2);
    }
}
