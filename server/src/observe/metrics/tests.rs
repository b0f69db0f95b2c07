//! What a scrape says, read back: complete, well-formed, in step with the status, and bounded.

mod documents;
mod exposition;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{Clock, ServerId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    CheckpointStatus, PartTally, Phase, ShardStatus, StalenessHistogram, Status, Wait, WaitSum,
    Waited, WorkerState, WorkerStatus,
};

use super::catalogue::ALL;
use super::sheet::{Family, Kind, Measure};
use super::*;
use exposition::Exposition;

/// What no scrape may say: the places and words of workers, and why they were lost.
const CANARY: &str = "canary";

fn staleness(of: &[u64]) -> StalenessHistogram {
    let mut histogram = StalenessHistogram::default();
    of.iter().for_each(|staleness| histogram.record(*staleness));
    histogram
}

fn worker(number: u32) -> WorkerStatus {
    let applied = u64::from(number) + 3;
    let refusals = [(RefusalKind::Fenced, 1), (RefusalKind::NonFinite, 1)];
    let parts = PartTally {
        came: applied + 2 + 1 + 4 + 2,
        applied,
        waiting: 2,
        left_out: 1,
        duplicates: 4,
        refusals: refusals.into(),
        late: 1,
    };
    let wait = Wait {
        on: vec![WorkerId(0)],
        since: Duration::from_millis(1_500),
        why: CANARY.into(),
    };
    WorkerStatus {
        worker: WorkerId(number),
        session: None,
        state: match number % 4 {
            3 => WorkerState::Lost,
            _ => WorkerState::Active,
        },
        place: CANARY.into(),
        doing: CANARY.into(),
        clock: Clock(10 + u64::from(number % 3)),
        examples: 32 * applied,
        parts,
        silent: Duration::from_millis(250),
        sent_bytes: 100,
        received_bytes: 200,
        compute: Duration::from_secs(3),
        waited: Duration::from_secs(1),
        retries: 6 + u64::from(number),
        wait: (number == 1).then_some(wait),
        lease_left: None,
        staleness: staleness(&[0, 1, 63, 64, 5_000]),
    }
}

/// A server in the middle of a job with so many workers and shards.
fn snapshot(workers: u32, shards: u32) -> Snapshot {
    let shard = |number| ShardStatus {
        shard: ShardId(number),
        elements: 10,
        version: Version(7),
        progress: 96,
        pending: 1,
        staleness: staleness(&[0, 1]),
    };
    let workers: Vec<_> = (0..workers).map(worker).collect();
    let mut all = PartTally::default();
    // One who has no slot was refused, too.
    all.refuse(RefusalKind::WrongJob, 1);
    workers.iter().for_each(|worker| all.merge(&worker.parts));
    let waits = workers.iter().take(super::super::status::WAITS_TOLD_MAX);
    let waited = |worker: &WorkerStatus| Waited {
        worker: worker.worker,
        on: WorkerId(0),
        sum: WaitSum {
            count: 2,
            total: Duration::from_secs(5),
            longest: Duration::from_secs(4),
        },
    };
    let status = Status {
        server: ServerId(0),
        job: "a \"job\"\\\n".into(),
        phase: Phase::Training,
        cause: CANARY.into(),
        diverged: false,
        progress: 96,
        examples_total: 1_000,
        up: Duration::from_secs(9),
        trained: Duration::from_secs(8),
        loss_sum: 50.0,
        loss_weight: 100.0,
        rate_factor: 1.0,
        waits: waits.map(waited).collect(),
        workers,
        shards: (0..shards).map(shard).collect(),
        staleness: staleness(&[0, 0, 2]),
        pushed_bytes: 1,
        pulled_bytes: 2,
        received_bytes: 3,
        sent_bytes: 4,
        refusals: all.refusals,
        epochs: Vec::new(),
        history: Vec::new(),
        checkpoint: Some(CheckpointStatus {
            number: 7,
            bytes: 1_024,
            ..CheckpointStatus::default()
        }),
    };
    let load = Load::default();
    load.came(Request::Push);
    load.applied(Duration::from_micros(3));
    let queue = Window { used: 5, max: 64 };
    let done = Books::of(&status);
    Snapshot {
        status,
        done,
        observers: 1,
        gate_waited: Duration::from_secs(20),
        lease: Duration::from_secs(10),
        certificate_until: Some(Duration::from_secs(2_000_000_000)),
        load: load.numbers(16, 6, queue),
    }
}

fn exposition(snapshot: Snapshot) -> Exposition {
    Exposition::read(&snapshot.render().unwrap())
}

/// The family's name as its HELP and TYPE lines say it.
fn name(family: &Family) -> String {
    let unit = match family.measure {
        Measure::Number => "",
        Measure::Seconds => "_seconds",
        Measure::Bytes => "_bytes",
        Measure::Steps => "_steps",
    };
    format!("{PREFIX}_{}{unit}", family.name)
}

/// The family's name as queries say it.
fn exposed(family: &Family) -> String {
    let suffix = match family.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram => "",
    };
    name(family) + suffix
}

#[test]
fn every_family_has_help_type_and_unit_and_is_rendered_once() {
    let seen = exposition(snapshot(4, 3));
    let expected: Vec<_> = ALL.iter().map(|family| name(family)).collect();
    let found: Vec<_> = seen.families.iter().map(|f| f.name.clone()).collect();
    assert_eq!(found, expected, "the order is the catalogue's");
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    for (family, found) in ALL.iter().zip(&seen.families) {
        let kind = format!("{:?}", family.kind).to_lowercase();
        assert_eq!(found.kind, kind, "{}", found.name);
        assert_eq!(found.help, family.help);
        assert!(family.help.ends_with('.'), "{}", found.name);
        assert!(!found.samples.is_empty(), "{} has no series", found.name);
        for sample in &found.samples {
            let suffixes: &[&str] = match family.kind {
                Kind::Counter => &["_total"],
                Kind::Info => &["_info"],
                Kind::Gauge => &[""],
                Kind::Histogram => &["_sum", "_count", "_bucket"],
            };
            let suffix = sample.name.strip_prefix(&found.name).unwrap();
            assert!(suffixes.contains(&suffix), "{}", sample.name);
            let mut labels: Vec<_> = sample.labels.keys().map(String::as_str).collect();
            labels.retain(|label| *label != "le");
            let mut expected = [family.labels, &["server"]].concat();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{}", sample.name);
        }
    }
}

#[test]
fn the_numbers_are_those_of_the_status() {
    let told = snapshot(4, 3);
    let seen = exposition(told.clone());
    let status = &told.status;
    assert!(seen.is("thalweg_examples_committed_total", &[], 96.0));
    assert!(seen.is("thalweg_loss", &[], 0.5));
    assert!(seen.is("thalweg_phase", &[("phase", "training")], 1.0));
    assert!(seen.is("thalweg_phase", &[("phase", "done")], 0.0));
    assert!(seen.is("thalweg_job_info", &[("name", "a \"job\"\\\n")], 1.0));
    assert!(seen.is("thalweg_build_info", &[("server", "0")], 1.0));
    assert!(seen.is("thalweg_requests_total", &[("kind", "push")], 1.0));
    assert!(seen.is("thalweg_queued", &[], 6.0) && seen.is("thalweg_queue_fullest", &[], 5.0));
    assert!(seen.is("thalweg_workers", &[("state", "active")], 3.0));
    assert!(seen.is("thalweg_workers", &[("state", "lost")], 1.0));
    assert!(seen.is("thalweg_worker_clock_lag", &[("worker", "0")], 2.0));
    assert!(seen.is("thalweg_worker_waiting_seconds", &[("worker", "1")], 1.5));
    assert!(seen.is("thalweg_worker_retries_total", &[("worker", "1")], 7.0));
    let lost = [("worker", "3")];
    assert_eq!(seen.sum("thalweg_worker_silent_seconds", &lost), None);
    assert!(seen.is("thalweg_worker_up", &lost, 0.0));
    let pair = [("worker", "2"), ("on", "0")];
    assert!(seen.is("thalweg_gate_wait_seconds_total", &pair, 5.0));
    assert!(seen.is("thalweg_gate_waits_total", &pair, 2.0));
    assert!(seen.is("thalweg_steps_total", &[], 21.0));
    assert!(seen.is("thalweg_shard_pending", &[("shard", "2")], 1.0));
    assert!(seen.is("thalweg_apply_seconds_bucket", &[("le", "+Inf")], 1.0));
    assert!(seen.is("thalweg_apply_seconds_sum", &[], 3e-6));

    // What came of every part is told, of all and of each: came = applied + waiting + left out +
    // duplicates + refused.
    let sum = |name: &str, labels: &[(&str, &str)]| seen.sum(name, labels).unwrap();
    for worker in &status.workers {
        let number = worker.worker.to_string();
        let of = [("worker", number.as_str())];
        let parts =
            sum("thalweg_worker_parts_total", &of) + sum("thalweg_worker_parts_waiting", &of);
        assert_eq!(parts.to_string(), worker.parts.came.to_string());
    }
    let came: u64 = status.workers.iter().map(|w| w.parts.came).sum();
    let all = sum("thalweg_parts_total", &[]) + sum("thalweg_parts_waiting", &[]);
    // And one of nobody's slot.
    assert_eq!(all.to_string(), (came + 1).to_string());
    let refused = sum("thalweg_parts_total", &[("outcome", "refused")]);
    assert_eq!(
        refused.to_string(),
        sum("thalweg_parts_refused_total", &[]).to_string()
    );
}

#[test]
fn a_server_that_returned_counts_from_then_on_and_tells_what_its_books_say() {
    let mut told = snapshot(2, 3);
    let mut before = told.status.clone();
    before.progress = 90;
    before.workers[1].examples -= 32;
    for shard in &mut before.shards {
        (shard.version, shard.progress) = (Version(5), 90);
    }
    told.done = Books::of(&before).risen_to(&told.status);
    let seen = exposition(told);
    assert!(seen.is("thalweg_examples_committed_total", &[], 6.0));
    assert!(seen.is("thalweg_examples_reached", &[], 96.0));
    assert!(seen.is("thalweg_steps_total", &[], 6.0));
    let shard = [("shard", "2")];
    assert!(seen.is("thalweg_shard_steps_total", &shard, 2.0));
    assert!(seen.is("thalweg_shard_version", &shard, 7.0));
    assert!(seen.is("thalweg_shard_examples_total", &shard, 6.0));
    for (worker, examples) in [("0", 0.0), ("1", 32.0)] {
        let of = [("worker", worker)];
        assert!(seen.is("thalweg_worker_examples_total", &of, examples));
    }
}

#[test]
fn staleness_is_cumulative_and_exact_at_its_bounds() {
    let seen = exposition(snapshot(1, 1));
    let at = |bound: &str| {
        let of = [("worker", "0"), ("le", bound)];
        seen.sum("thalweg_worker_staleness_steps_bucket", &of)
    };
    // 0, 1, 63, 64 and 5000.
    for (bound, count) in [
        ("0.0", 1.0),
        ("1.0", 2.0),
        ("32.0", 2.0),
        ("63.0", 3.0),
        ("127.0", 4.0),
        ("1023.0", 4.0),
        ("+Inf", 5.0),
    ] {
        assert_eq!(at(bound), Some(count), "{bound}");
    }
    assert!(seen.is("thalweg_worker_staleness_steps_count", &[], 5.0));
}

#[test]
fn another_server_than_0_says_nothing_of_what_only_server_0_knows() {
    let mut told = snapshot(2, 1);
    told.status.server = ServerId(1);
    let seen = exposition(told);
    for name in [
        "loss",
        "trained_seconds",
        "rate_factor",
        "worker_examples_total",
    ] {
        assert_eq!(seen.sum(&format!("thalweg_{name}"), &[]), None, "{name}");
    }
    assert!(seen.is("thalweg_steps_total", &[("server", "1")], 7.0));
}

#[test]
fn a_loss_of_nothing_is_left_out() {
    let mut told = snapshot(1, 1);
    (told.status.loss_sum, told.status.loss_weight) = (0.0, 0.0);
    let seen = exposition(told);
    assert_eq!(seen.sum("thalweg_loss", &[]), None);
}

#[test]
fn a_server_that_trains_nothing_yet_can_be_scraped() {
    let load = Arc::new(Load::default());
    let mut told = snapshot(0, 0);
    told.load = load.numbers(16, 0, Window::default());
    assert!(exposition(told).is("thalweg_worker_series_left_out", &[], 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn series_are_bounded_by_the_sizes_of_the_job_and_by_the_limits(
        workers in 0_u32..700,
        shards in 0_u32..700,
    ) {
        let text = snapshot(workers, shards).render().unwrap();
        prop_assert!(!text.contains(CANARY));
        let seen = Exposition::read(&text);
        let told = |number: u32, max: usize| match number as usize <= max {
            true => (number, 0.0),
            false => (0, f64::from(number)),
        };
        let (workers_told, workers_left) = told(workers, WORKERS_MAX);
        let (shards_told, shards_left) = told(shards, SHARDS_MAX);
        prop_assert!(seen.is("thalweg_worker_series_left_out", &[], workers_left));
        prop_assert!(seen.is("thalweg_shard_series_left_out", &[], shards_left));
        let mut series = BTreeSet::new();
        for family in &seen.families {
            for sample in &family.samples {
                prop_assert!(series.insert((&sample.name, &sample.labels)), "{} twice", sample.name);
                let number = |label: &str| {
                    let value = sample.labels.get(label);
                    value.map(|value| value.parse::<u32>().unwrap())
                };
                prop_assert!(number("worker").is_none_or(|worker| worker < workers_told));
                prop_assert!(number("on").is_none_or(|worker| worker < workers_told));
                prop_assert!(number("shard").is_none_or(|shard| shard < shards_told));
            }
        }
        // 123 of the server, 31 of each worker and 2 of its waits, 4 of each shard, with room for a few more.
        let bound = 128 + 33 * workers_told + 4 * shards_told;
        prop_assert!(series.len() <= bound as usize, "{} of {bound}", series.len());
    }
}
