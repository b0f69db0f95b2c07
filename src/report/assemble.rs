//! The report put together: what the job said, what the launcher measured, what the servers told.

use std::time::Duration;

use thalweg_common::error::RefusalKind;
use thalweg_common::ids::Fingerprint;
use thalweg_common::message::WorkerState;
use thalweg_common::permutation::{epoch_checksum, rows_checksum};

use super::{
    Counts, Divergence, EpochUse, EvaluationPoint, Final, Host, LostWorker, Reference, Report,
    RunStatus, SCHEMA_VERSION, ShardReport, SocketBytes, WorkerReport,
};
use crate::view::units::{share, total};
use crate::view::{ClusterView, EpochView, ServerView, ShardView, Staleness, WorkerView};

/// What is known of a run before it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The job's name.
    pub job: String,
    /// The fingerprint of the resolved job.
    pub fingerprint: Fingerprint,
    /// The training method's name.
    pub method: String,
    /// The optimizer's name.
    pub optimizer: String,
    /// The names of the regularizers and constraints.
    pub regularizers: Vec<String>,
    /// The job's seed.
    pub seed: u64,
    /// Server processes.
    pub servers: u32,
    /// Worker processes.
    pub workers: u32,
    /// When workers wait: `asp`, `ssp`, `bsp`.
    pub consistency: String,
    /// Rows of the training set.
    pub rows: u64,
    /// Whether they were only a window of a stream.
    pub streamed: bool,
    /// Known results on the same data.
    pub references: Vec<Reference>,
    /// The machine.
    pub host: Host,
}

/// What the launcher knows of a run when it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How the run ended.
    pub status: RunStatus,
    /// Why it did not end as it should have.
    pub cause: Option<String>,
    /// The rule that ended the job before its last example, if one did.
    pub stopped: Option<String>,
    /// The evaluation that was the best.
    pub best: Option<EvaluationPoint>,
    /// Since when the model is worth nothing, if it is not.
    pub divergence: Option<Divergence>,
    /// The whole run.
    pub wall: Duration,
    /// Spent evaluating.
    pub evaluate: Duration,
    /// The evaluations, in the order of time.
    pub curve: Vec<EvaluationPoint>,
    /// Scores of the final parameters.
    pub final_scores: Final,
    /// The final parameters, counted.
    pub parameters: Option<Counts>,
}

impl Report {
    /// The report of a run, with the last view that the servers gave.
    #[must_use]
    pub fn new(facts: &Facts, outcome: Outcome, view: &ClusterView) -> Self {
        let sum = |bytes: fn(&ServerView) -> u64| total(view.servers.iter().map(bytes));
        let refusal = |(kind, count): (&RefusalKind, &u64)| (kind.name().to_owned(), *count);
        Self {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            job: facts.job.clone(),
            fingerprint: facts.fingerprint.to_string(),
            status: outcome.status,
            cause: outcome.cause,
            stopped: outcome.stopped,
            best: outcome.best,
            resumed: None,
            divergence: outcome.divergence,
            method: facts.method.clone(),
            optimizer: facts.optimizer.clone(),
            regularizers: facts.regularizers.clone(),
            seed: facts.seed,
            servers: facts.servers,
            workers: facts.workers,
            consistency: facts.consistency.clone(),
            rows: facts.rows,
            wall_seconds: outcome.wall.as_secs_f64(),
            train_seconds: view.trained.as_secs_f64(),
            evaluate_seconds: outcome.evaluate.as_secs_f64(),
            examples: view.progress,
            epochs: share(view.progress as f64, facts.rows as f64).unwrap_or(0.0),
            examples_per_second: view.examples_per_second.unwrap_or(0.0),
            bytes_pushed: view.bytes_pushed,
            bytes_pulled: view.bytes_pulled,
            socket: SocketBytes {
                sent: sum(|server| server.bytes_sent),
                received: sum(|server| server.bytes_received),
            },
            rate_factor: view.rate_factor,
            final_scores: outcome.final_scores,
            parameters: outcome.parameters,
            references: facts.references.clone(),
            staleness: Staleness::from(&view.staleness),
            curve: outcome.curve,
            per_worker: view.workers.iter().map(WorkerReport::from).collect(),
            per_shard: per_shard(view),
            waits: view.waits.clone(),
            epochs_used: match facts.streamed {
                true => windows_used(&view.epochs, facts.rows, view.examples_total),
                false => epochs_used(&view.epochs, facts.rows),
            },
            lost_workers: view.workers.iter().filter_map(lost).collect(),
            server_returns: Vec::new(),
            refusals: view.refusals.iter().map(refusal).collect(),
            host: facts.host,
            threads: None,
            conditions: None,
            simulation: None,
        }
    }
}

impl From<&WorkerView> for WorkerReport {
    fn from(row: &WorkerView) -> Self {
        Self {
            worker: row.worker,
            state: row.state,
            clock: row.clock.0,
            examples: row.examples,
            examples_per_second: row.examples_per_second.unwrap_or(0.0),
            bytes_sent: row.bytes_sent,
            bytes_received: row.bytes_received,
            compute_seconds: row.compute.as_secs_f64(),
            waited_seconds: row.waited.as_secs_f64(),
            duplicates: row.parts.duplicates,
            refused: row.parts.refused(),
            late: row.parts.late,
            left_out: row.parts.left_out,
            doing: row.doing.clone(),
            staleness: Staleness::from(&row.staleness),
        }
    }
}

fn per_shard(view: &ClusterView) -> Vec<ShardReport> {
    let of = |server: &ServerView| {
        let server_id = server.server;
        let report = move |shard: &ShardView| ShardReport {
            shard: shard.shard,
            server: server_id,
            elements: shard.elements,
            version: shard.version.0,
            staleness: Staleness::from(&shard.staleness),
        };
        server.shards.iter().map(report).collect::<Vec<_>>()
    };
    let mut shards: Vec<_> = view.servers.iter().flat_map(of).collect();
    shards.sort_by_key(|shard| shard.shard);
    shards
}

fn lost(row: &WorkerView) -> Option<LostWorker> {
    (row.state == WorkerState::Lost).then(|| LostWorker {
        worker: row.worker,
        place: row.place.clone(),
        why: row.doing.clone(),
    })
}

/// The expected checksum is the same for every epoch and takes a walk over all rows: it is computed
/// once, and only if an epoch came to its end, since a stream may have more rows than can be walked.
fn epochs_used(epochs: &[EpochView], rows: u64) -> Vec<EpochUse> {
    let ended = epochs.iter().any(|epoch| epoch.rows >= rows);
    let expected = ended.then(|| epoch_checksum(rows));
    let used = |epoch: &EpochView| epoch_used(epoch, rows, expected);
    epochs.iter().map(used).collect()
}

/// Of a stream, whose epochs have rows of their own, the last one as many as there were.
fn windows_used(epochs: &[EpochView], window: u64, total: u64) -> Vec<EpochUse> {
    let used = |epoch: &EpochView| {
        let first = epoch.epoch.saturating_mul(window);
        let rows = window.min(total.saturating_sub(first));
        let expected = (rows <= epoch.rows).then(|| rows_checksum(first..first + rows));
        epoch_used(epoch, rows, expected)
    };
    epochs.iter().map(used).collect()
}

fn epoch_used(epoch: &EpochView, rows: u64, expected: Option<u64>) -> EpochUse {
    EpochUse {
        epoch: epoch.epoch,
        rows: epoch.rows,
        checksum: format!("{:016x}", epoch.checksum),
        expected_checksum: expected.map(|expected| format!("{expected:016x}")),
        complete: epoch.rows == rows && Some(epoch.checksum) == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{facts, outcome};
    use crate::report::render_summary;
    use crate::view::fixtures::two_servers;
    use crate::view::{Look, render_status};

    #[test]
    fn a_report_tells_what_the_servers_told() {
        let view = ClusterView::from(&two_servers()[..]);
        let report = Report::new(&facts(), outcome(), &view);
        assert_eq!(report.examples, 42_336);
        assert_eq!(report.epochs.to_bits(), 0.432_f64.to_bits());
        assert_eq!(report.socket.sent, 9_200_000);
        assert_eq!(report.refusals["non_finite"], 3);
        assert_eq!(
            report.lost_workers[0].why,
            "gave no sign of life for 10.0 s"
        );
        assert!(!report.epochs_used[0].complete);
        let parts = |staleness: &Staleness| staleness.counts.iter().map(|c| c.parts).sum::<u64>();
        let all = parts(&report.staleness);
        let of_workers = report.per_worker.iter().map(|row| parts(&row.staleness));
        let of_shards = report.per_shard.iter().map(|row| parts(&row.staleness));
        assert_eq!(
            (of_workers.sum::<u64>(), of_shards.sum::<u64>()),
            (all, all)
        );
    }

    #[test]
    fn an_epoch_is_complete_when_every_row_was_used_exactly_once() {
        let epoch = |rows, checksum| EpochView {
            epoch: 0,
            rows,
            checksum,
        };
        let whole = epoch_checksum(100);
        let complete = |epoch| epochs_used(&[epoch], 100)[0].complete;
        assert!(complete(epoch(100, whole)));
        assert!(!complete(epoch(100, whole ^ 1)));
        assert!(!complete(epoch(99, whole)));
        assert!(!complete(epoch(101, whole)));
        assert_eq!(
            epochs_used(&[epoch(99, whole)], 100)[0].expected_checksum,
            None
        );
    }

    #[test]
    fn windows_of_a_stream_are_complete_with_their_own_rows_and_the_last_with_what_came() {
        let window = |epoch, rows: std::ops::Range<u64>| EpochView {
            epoch,
            rows: rows.end - rows.start,
            checksum: rows_checksum(rows),
        };
        let complete = |epoch, rows| windows_used(&[window(epoch, rows)], 100, 230)[0].complete;
        assert!(complete(0, 0..100) && complete(1, 100..200) && complete(2, 200..230));
        assert!(!complete(1, 0..100) && !complete(2, 200..229) && !complete(1, 100..199));
    }

    #[test]
    fn counts_too_great_to_be_true_panic_nowhere() {
        let mut statuses = two_servers();
        for status in &mut statuses {
            (status.pushed_bytes, status.sent_bytes) = (u64::MAX, u64::MAX);
            status.refusals = [(RefusalKind::Fenced, u64::MAX)].into();
            status.shards[0].elements = u64::MAX;
            status.workers[0].parts.duplicates = u64::MAX;
            status.workers[0].parts.refusals = status.refusals.clone();
            status.workers[0].compute = Duration::MAX;
            (status.loss_sum, status.loss_weight) = (f64::NAN, f64::INFINITY);
        }
        let view = ClusterView::from(&statuses[..]);
        let report = Report::new(&facts(), outcome(), &view);
        assert_eq!(
            (report.bytes_pushed, report.socket.sent),
            (u64::MAX, u64::MAX)
        );
        assert!(render_status(&view, Look::default()).contains("18.4 EB"));
        assert!(render_summary(&report, &[], Look::default()).contains("18.4 EB"));
    }

    #[test]
    fn a_run_that_never_began_has_a_report_of_finite_numbers() {
        let mut facts = facts();
        facts.rows = 0;
        let report = Report::new(&facts, outcome(), &ClusterView::of_nobody());
        assert_eq!((report.epochs, report.examples_per_second), (0.0, 0.0));
    }
}
