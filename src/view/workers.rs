//! One row per worker, merged from what every server knows of it.

use std::time::Duration;

use serde::{Serialize, Serializer};
use thalweg_common::ids::{Clock, ServerId, SessionId, WorkerId};
use thalweg_common::message::{PartTally, StalenessHistogram, Status, WorkerState, WorkerStatus};

use super::mean_rate;

/// One worker slot, over all servers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkerView {
    /// The slot.
    pub worker: WorkerId,
    /// Its session, if it ever had one.
    pub session: Option<SessionId>,
    /// What it is to the coordinator.
    pub state: WorkerState,
    /// Where it runs.
    pub place: String,
    /// What it last said it was doing, or why it was lost.
    pub doing: String,
    /// Iterations whose parts every server has.
    pub clock: Clock,
    /// Examples committed by it.
    pub examples: u64,
    /// Its mean rate since training began; `None` before.
    pub examples_per_second: Option<f64>,
    /// What became of its parts, over all servers.
    pub parts: PartTally,
    /// Since its last sign of life to any server.
    #[serde(rename = "silent_seconds", serialize_with = "super::seconds")]
    pub silent: Duration,
    /// Bytes sent at its sockets, as it said.
    pub bytes_sent: u64,
    /// Bytes received at its sockets, as it said.
    pub bytes_received: u64,
    /// Time spent computing, as it said.
    #[serde(rename = "compute_seconds", serialize_with = "super::seconds")]
    pub compute: Duration,
    /// Time spent waiting for pulls, as it said.
    #[serde(rename = "waited_seconds", serialize_with = "super::seconds")]
    pub waited: Duration,
    /// Requests that its sessions sent again, as they said.
    pub retries: u64,
    /// The gate wait it is in: the longest, if several servers hold it.
    pub wait: Option<WaitView>,
    /// The servers that have not heard of it for longer than of a worker that lives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unheard: Vec<UnheardView>,
    /// Staleness of its parts that were applied, over all servers.
    #[serde(serialize_with = "super::staleness::serialize")]
    pub staleness: StalenessHistogram,
}

/// A wait at the gates of one or more servers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitView {
    /// The workers it waits for.
    pub on: Vec<WorkerId>,
    /// How long it has waited.
    #[serde(rename = "since_seconds", serialize_with = "super::seconds")]
    pub since: Duration,
    /// Why, in words.
    pub why: String,
    /// The servers whose gates hold it.
    pub at: Vec<ServerId>,
}

/// A server that has not heard of a worker for some time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnheardView {
    /// The server.
    pub server: ServerId,
    /// For how long.
    #[serde(rename = "silent_seconds", serialize_with = "super::seconds")]
    pub silent: Duration,
    /// How long the worker's lease still runs there; `None` if it has ended, though server 0 has not lost the
    /// worker.
    #[serde(rename = "lease_left_seconds", serialize_with = "seconds_or_null")]
    pub lease_left: Option<Duration>,
}

/// The rows of all workers. `answers` are in the order of their servers; the first is the
/// coordinator's, if that answered.
pub(super) fn merge(answers: &[&Status]) -> Vec<WorkerView> {
    let Some(first) = answers.first() else {
        return Vec::new();
    };
    let trained = first.trained;
    let row = |worker: &WorkerStatus| merge_one(worker, &rows_of(answers, worker.worker), trained);
    first.workers.iter().map(row).collect()
}

fn rows_of<'a>(answers: &[&'a Status], worker: WorkerId) -> Vec<(ServerId, &'a WorkerStatus)> {
    let row = |status: &&'a Status| {
        // Servers tell of all slots in their order; one that does not is searched.
        let usual = status.workers.get(worker.0 as usize);
        let usual = usual.filter(|row| row.worker == worker);
        let row = usual.or_else(|| status.workers.iter().find(|row| row.worker == worker))?;
        Some((status.server, row))
    };
    answers.iter().filter_map(row).collect()
}

/// `all` holds `first` too. What a worker said of itself reaches the servers at different times:
/// the greatest value is the latest.
fn merge_one(
    first: &WorkerStatus,
    all: &[(ServerId, &WorkerStatus)],
    trained: Duration,
) -> WorkerView {
    let rows = || all.iter().map(|(_, row)| *row);
    WorkerView {
        worker: first.worker,
        session: first.session,
        state: first.state,
        place: first.place.clone(),
        doing: latest_word(first, all),
        clock: rows().map(|row| row.clock).min().unwrap_or(first.clock),
        examples: first.examples,
        examples_per_second: mean_rate(first.examples, trained),
        parts: rows().fold(PartTally::default(), |mut all, row| {
            all.merge(&row.parts);
            all
        }),
        silent: rows().map(|row| row.silent).min().unwrap_or(first.silent),
        bytes_sent: rows().map(|row| row.sent_bytes).max().unwrap_or(0),
        bytes_received: rows().map(|row| row.received_bytes).max().unwrap_or(0),
        compute: rows().map(|row| row.compute).max().unwrap_or_default(),
        waited: rows().map(|row| row.waited).max().unwrap_or_default(),
        retries: rows().map(|row| row.retries).max().unwrap_or(0),
        wait: merge_waits(all),
        unheard: unheard(first, all),
        staleness: rows().fold(StalenessHistogram::default(), |mut all, row| {
            all.merge(&row.staleness);
            all
        }),
    }
}

/// What a worker said to whoever heard it last; of one that server 0 has lost, why.
fn latest_word(first: &WorkerStatus, all: &[(ServerId, &WorkerStatus)]) -> String {
    let active = all.iter().map(|(_, row)| *row);
    let active = active.filter(|row| row.state == WorkerState::Active);
    let latest = active.min_by_key(|row| row.silent);
    let latest = latest.filter(|_| first.state == WorkerState::Active);
    latest.unwrap_or(first).doing.clone()
}

/// Where an active worker is not heard of. A server may have lost a session that server 0 still hears.
fn unheard(first: &WorkerStatus, all: &[(ServerId, &WorkerStatus)]) -> Vec<UnheardView> {
    if first.state != WorkerState::Active {
        return Vec::new();
    }
    let is_lost =
        |row: &WorkerStatus| row.state == WorkerState::Lost && row.session == first.session;
    let silent = all
        .iter()
        .filter(|(_, row)| row.lease_left.is_some() || is_lost(row));
    let view = |(server, row): &(ServerId, &WorkerStatus)| UnheardView {
        server: *server,
        silent: row.silent,
        lease_left: row.lease_left.filter(|_| !is_lost(row)),
    };
    silent.map(view).collect()
}

fn seconds_or_null<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(serializer)
}

fn merge_waits(all: &[(ServerId, &WorkerStatus)]) -> Option<WaitView> {
    let waits = || {
        let wait = |(server, row): &(ServerId, &WorkerStatus)| Some((*server, row.wait.clone()?));
        all.iter().filter_map(wait)
    };
    let (_, longest) = waits().max_by_key(|(_, wait)| wait.since)?;
    Some(WaitView {
        on: longest.on,
        since: longest.since,
        why: longest.why,
        at: waits().map(|(server, _)| server).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ClusterView;
    use crate::view::fixtures::two_servers;

    #[test]
    fn a_workers_clock_is_what_every_server_has_and_its_counts_are_sums() {
        let mut statuses = two_servers();
        statuses[1].workers[0].clock = Clock(15);
        statuses[1].workers[0].parts.duplicates = 3;
        let view = ClusterView::from(&statuses[..]);
        assert_eq!(view.workers[0].clock, Clock(15));
        assert_eq!(view.workers[0].parts.duplicates, 4);
        assert_eq!(view.workers[0].examples, 10_584);
    }

    #[test]
    fn the_longest_wait_is_shown_with_every_server_that_holds_it() {
        let mut statuses = two_servers();
        let mut longer = statuses[0].workers[2].wait.clone().unwrap();
        longer.since = Duration::from_secs(9);
        statuses[1].workers[2].wait = Some(longer);
        let wait = ClusterView::from(&statuses[..]).workers[2]
            .wait
            .clone()
            .unwrap();
        assert_eq!(wait.since, Duration::from_secs(9));
        assert_eq!(wait.at, [ServerId(0), ServerId(1)]);
    }

    #[test]
    fn a_worker_that_a_server_does_not_know_is_still_shown() {
        let mut statuses = two_servers();
        statuses[1].workers.clear();
        assert_eq!(ClusterView::from(&statuses[..]).workers.len(), 4);
    }
}
