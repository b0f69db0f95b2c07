//! Laws of the shard: a part is judged whole, applied once, remembered for ever.

use thalweg_common::ids::{Clock, Fingerprint, Generation};
use thalweg_common::message::{Codec, Coordinates, Dtype};
use thalweg_common::optimizer::{GroupSpan, Initial, Reader, StoreSpec, optimizer};
use thalweg_common::regularizer::Terms;
use thalweg_common::schedule::{Lengths, Unit, schedule};
use thalweg_common::tuning::Tuning;

use super::*;

mod formats;
mod late;

const LEN: usize = 10;

/// A shard of zeros under a rule, whose parts are steps.
fn spec(rule: &str, settings: &str, workers: u32) -> ShardSpec {
    let store = StoreSpec {
        len: LEN,
        initial: Initial::Zeros,
        groups: vec![GroupSpan {
            range: 0..LEN,
            lr_factor: 1.0,
            terms: Terms::none(),
            shape: vec![LEN],
        }],
    };
    let (entry, settings) = (optimizer(rule).unwrap(), settings.parse().unwrap());
    ShardSpec {
        id: ShardId(3),
        store: entry.build(&settings, &store).unwrap(),
        rate: Arc::new(|_| 1.0),
        tuner: Tuner::default(),
        at_read: entry.facts(&settings).unwrap().at_read,
        pushes: Kind::Gradient,
        format: PushFormat::F32,
        aggregation: Aggregation::Push,
        bound: Staleness::default(),
        non_finite: NonFinite::Reject,
        workers,
    }
}

/// The shard with a session of every worker.
fn enlisted(spec: ShardSpec) -> Shard {
    let workers = spec.workers;
    let mut shard = Shard::new(spec);
    for worker in 0..workers {
        shard.enlist(WorkerId(worker), SessionId(u64::from(worker) + 1));
    }
    shard
}

fn shard(aggregation: Aggregation, non_finite: NonFinite, workers: u32) -> Shard {
    shard_of(PushFormat::F32, aggregation, non_finite, workers)
}

/// A shard whose pushes are of this format.
fn shard_of(
    format: PushFormat,
    aggregation: Aggregation,
    non_finite: NonFinite,
    workers: u32,
) -> Shard {
    enlisted(ShardSpec {
        format,
        aggregation,
        non_finite,
        ..spec("sgd", "", workers)
    })
}

fn header(worker: u32, weight: u64) -> PushHeader {
    PushHeader {
        fingerprint: Fingerprint::default(),
        generation: Generation(1),
        session: SessionId(u64::from(worker) + 1),
        worker: WorkerId(worker),
        clock: Clock(1),
        weight,
        loss_sum: 0.0,
        rate_factor: 1.0,
        ranges: vec![],
    }
}

fn part(sequence: u64, address: Address, values: &[f32]) -> Part {
    Part {
        shard: ShardId(3),
        sequence: Sequence(sequence),
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address,
        payload: Payload::from_values(values),
        at_read: Payload::default(),
    }
}

fn sparse(sequence: u64, at: &[u32], values: &[f32]) -> Part {
    part(
        sequence,
        Address::Coordinates(Coordinates::new(at).unwrap()),
        values,
    )
}

fn by(worker: u32, until: u64) -> ReadBy {
    ReadBy {
        reader: Reader::Worker,
        session: SessionId(u64::from(worker) + 1),
        until: Clock(until),
    }
}

fn values(shard: &mut Shard) -> Vec<f32> {
    let whole = Address::Range(0..u32::try_from(LEN).unwrap());
    shard
        .read(by(0, 0), &whole)
        .unwrap()
        .payload
        .iter()
        .collect()
}

fn refusal(ack: &PartAck) -> &Refusal {
    match &ack.outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn a_part_is_applied_once_however_often_it_comes() {
    let mut shard = shard(Aggregation::Push, NonFinite::Reject, 1);
    let part = sparse(1, &[2, 5], &[1.0, -2.0]);
    let applied = Outcome::Applied {
        version: Version(1),
        staleness: 0,
    };
    assert_eq!(shard.push(&header(0, 1), &part).outcome, applied);
    for _ in 0..3 {
        let ack = shard.push(&header(0, 1), &part);
        assert_eq!(
            ack.outcome,
            Outcome::Duplicate {
                version: Version(1)
            }
        );
    }
    let x = values(&mut shard);
    assert_eq!((x[2], x[5]), (-1.0, 2.0));
    assert_eq!(shard.status().progress, 1);
}

#[test]
fn a_push_is_applied_at_the_rate_that_its_header_says() {
    let slower = |worker| PushHeader {
        rate_factor: 0.25,
        ..header(worker, 1)
    };
    let mut alone = shard(Aggregation::Push, NonFinite::Reject, 1);
    alone.push(&slower(0), &sparse(1, &[2], &[1.0]));
    assert_eq!(values(&mut alone)[2].to_bits(), (-0.25_f32).to_bits());
    // A round is taken at the rate decided last, which is the least.
    let mut round = shard(
        Aggregation::Round { backup_workers: 0 },
        NonFinite::Reject,
        2,
    );
    round.push(&slower(1), &sparse(1, &[2], &[1.0]));
    round.push(&header(0, 1), &sparse(1, &[2], &[1.0]));
    assert_eq!(values(&mut round)[2].to_bits(), (-0.25_f32).to_bits());
}

#[test]
fn a_refused_part_changes_nothing_and_stays_refused() {
    let mut shard = shard(Aggregation::Push, NonFinite::Reject, 1);
    let bad = sparse(1, &[2, 5], &[1.0, f32::NAN]);
    let first = shard.push(&header(0, 1), &bad);
    assert_eq!(refusal(&first).kind, RefusalKind::NonFinite);
    assert!(
        refusal(&first)
            .message
            .contains("element 5 of shard 3 is NaN")
    );
    let mended = sparse(1, &[2, 5], &[1.0, 1.0]);
    assert_eq!(
        shard.push(&header(0, 1), &mended),
        first,
        "same sequence, same answer"
    );
    assert_eq!(values(&mut shard), [0.0; LEN]);
    let next = shard.push(&header(0, 1), &sparse(2, &[0], &[1.0]));
    assert!(matches!(next.outcome, Outcome::Applied { .. }));
}

#[test]
fn zero_and_propagate_do_what_their_words_say() {
    let bad = sparse(1, &[2, 5], &[1.0, f32::INFINITY]);
    let mut zero = shard(Aggregation::Push, NonFinite::Zero, 1);
    zero.push(&header(0, 1), &bad);
    assert_eq!((values(&mut zero)[2], values(&mut zero)[5]), (-1.0, 0.0));
    let mut propagate = shard(Aggregation::Push, NonFinite::Propagate, 1);
    propagate.push(&header(0, 1), &bad);
    assert!(values(&mut propagate)[5] < f32::MIN);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let last = u32::try_from(LEN).unwrap();
    let cases = [
        (sparse(1, &[last], &[1.0]), 1, "element 10 is addressed"),
        (part(1, Address::Range(8..12), &[1.0; 4]), 1, "shard 3"),
        (sparse(1, &[1, 2], &[1.0]), 1, "carries 4 bytes"),
        (sparse(1, &[1], &[1.0]), 0, "weighs 0 examples"),
        (
            part(
                1,
                Address::Rows {
                    table: 0,
                    keys: vec![7],
                },
                &[1.0],
            ),
            1,
            "reserved",
        ),
        (
            Part {
                kind: Kind::Delta,
                ..sparse(1, &[1], &[1.0])
            },
            1,
            "push gradients",
        ),
        (
            Part {
                version_read: Version(9),
                ..sparse(1, &[1], &[1.0])
            },
            1,
            "version 9",
        ),
    ];
    for (part, weight, words) in cases {
        let mut shard = shard(Aggregation::Push, NonFinite::Reject, 1);
        let ack = shard.push(&header(0, weight), &part);
        assert!(
            refusal(&ack).message.contains(words),
            "{}",
            refusal(&ack).message
        );
        assert_eq!(values(&mut shard), [0.0; LEN]);
        assert_eq!(shard.status().version, Version(0));
    }
}

#[test]
fn an_empty_part_counts_and_a_clock_only_part_does_not() {
    let mut shard = shard(Aggregation::Push, NonFinite::Reject, 1);
    shard.push(&header(0, 16), &part(1, Address::NONE, &[]));
    assert_eq!(
        (shard.status().version, shard.status().progress),
        (Version(1), 16)
    );
    shard.push(&header(0, 0), &part(2, Address::NONE, &[]));
    assert_eq!(
        (shard.status().version, shard.status().progress),
        (Version(1), 16)
    );
    assert_eq!(
        shard.status().staleness.total(),
        0,
        "a part without elements has read nothing"
    );
}

#[test]
fn a_strange_session_and_a_sequence_too_far_are_turned_away() {
    let mut shard = shard(Aggregation::Push, NonFinite::Reject, 1);
    let ack = shard.push(&header(4, 1), &sparse(1, &[0], &[1.0]));
    assert_eq!(refusal(&ack).kind, RefusalKind::UnknownSession);
    let ack = shard.push(&header(0, 1), &sparse(65, &[0], &[1.0]));
    assert_eq!(refusal(&ack).kind, RefusalKind::TooFar);
    let ack = shard.push(&header(0, 1), &sparse(0, &[0], &[1.0]));
    assert_eq!(refusal(&ack).kind, RefusalKind::Invalid);
}

#[test]
fn a_round_is_the_weighted_mean_in_worker_order() {
    let mut shard = shard(
        Aggregation::Round { backup_workers: 0 },
        NonFinite::Reject,
        3,
    );
    let accepted = Outcome::Accepted {
        version: Version(0),
        staleness: 0,
    };
    assert_eq!(
        shard.push(&header(2, 2), &sparse(1, &[0], &[4.0])).outcome,
        accepted
    );
    assert_eq!(
        shard
            .push(&header(0, 1), &sparse(1, &[0, 1], &[1.0, 3.0]))
            .outcome,
        accepted
    );
    assert_eq!(values(&mut shard), [0.0; LEN], "the round is open");
    shard.push(&header(1, 0), &part(1, Address::NONE, &[]));
    let x = values(&mut shard);
    assert!((x[0] + 3.0).abs() < 1e-6, "(1·1 + 2·4) / 3");
    assert!((x[1] + 1.0).abs() < 1e-6, "(1·3) / 3");
    assert_eq!(
        (shard.status().version, shard.status().progress),
        (Version(1), 3)
    );
}

#[test]
fn a_worker_may_be_a_few_rounds_ahead_and_each_round_is_a_step() {
    let mut shard = shard(
        Aggregation::Round { backup_workers: 0 },
        NonFinite::Reject,
        2,
    );
    for sequence in 1..=4 {
        let ack = shard.push(&header(0, 1), &sparse(sequence, &[0], &[2.0]));
        assert!(matches!(ack.outcome, Outcome::Accepted { .. }));
    }
    let ack = shard.push(&header(0, 1), &sparse(5, &[0], &[2.0]));
    assert_eq!(refusal(&ack).kind, RefusalKind::TooFar);
    for sequence in 1..=3 {
        shard.push(&header(1, 1), &sparse(sequence, &[0], &[0.0]));
    }
    assert_eq!(values(&mut shard)[..1], [-3.0]);
    assert_eq!(
        (shard.status().version, shard.status().pending),
        (Version(3), 1)
    );
}

#[test]
fn a_round_does_not_wait_for_a_retired_worker_and_keeps_its_part() {
    let mut shard = shard(
        Aggregation::Round { backup_workers: 0 },
        NonFinite::Reject,
        3,
    );
    shard.push(&header(0, 1), &sparse(1, &[0], &[2.0]));
    shard.push(&header(1, 1), &sparse(1, &[0], &[4.0]));
    shard.retire(WorkerId(1));
    assert_eq!(values(&mut shard), [0.0; LEN]);
    shard.retire(WorkerId(2));
    assert_eq!(values(&mut shard)[..1], [-3.0]);
}

#[test]
fn dense_and_sparse_parts_of_a_round_add_up_alike() {
    let dense: Vec<f32> = (0..10_u8).map(|i| f32::from(i % 3)).collect();
    let at: Vec<u32> = (0..10).filter(|i| i % 3 != 0).collect();
    let picked: Vec<f32> = at.iter().map(|i| dense[*i as usize]).collect();
    let mut results = Vec::new();
    for first_dense in [false, true] {
        let mut shard = shard(
            Aggregation::Round { backup_workers: 0 },
            NonFinite::Reject,
            2,
        );
        let first = if first_dense {
            part(1, Address::Range(0..10), &dense)
        } else {
            sparse(1, &at, &picked)
        };
        shard.push(&header(0, 4), &first);
        shard.push(&header(1, 4), &sparse(1, &at, &picked));
        results.push(values(&mut shard));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], dense.iter().map(|g| -g).collect::<Vec<_>>());
}

/// A shard of `nag_lookahead` whose momentum goes along a line from 0.5 to `to` in 10 examples.
fn with_ramp(to: &str) -> Shard {
    let (rule, options) = ("nag_lookahead", "momentum = 0.5");
    let entry = optimizer(rule).unwrap();
    let mut tuning = Tuning::new(entry, &options.parse().unwrap()).unwrap();
    let ramp = format!("to = {to}\nover = 10.0").parse().unwrap();
    let ramp = schedule("ramp").unwrap().build(&ramp).unwrap();
    tuning.add("momentum", ramp, Unit::Steps).unwrap();
    let lengths = Lengths {
        epoch: 100,
        step: 1,
        job: 100,
    };
    enlisted(ShardSpec {
        tuner: Tuner::new(tuning, lengths),
        ..spec(rule, options, 1)
    })
}

#[expect(clippy::cast_possible_truncation, reason = "as an optimizer rounds")]
fn single(value: f64) -> f32 {
    value as f32
}

#[test]
fn a_step_and_a_read_have_the_momentum_of_the_shards_progress() {
    let mut shard = with_ramp("0.9");
    let (mut x, mut v) = (0.0_f32, 0.0_f32);
    let momentum = |progress: f64| single(0.5 + (0.9 - 0.5) * (progress / 10.0).min(1.0));
    for (sequence, progress) in [(1, 0.0), (2, 3.0), (3, 6.0), (4, 9.0), (5, 12.0)] {
        shard.push(&header(0, 3), &sparse(sequence, &[4], &[1.0]));
        v = momentum(progress) * v - 1.0;
        x += v;
        let shown = x + momentum(progress + 3.0) * v;
        assert_eq!(
            values(&mut shard)[4].to_bits(),
            shown.to_bits(),
            "{progress}"
        );
    }
}

#[test]
fn a_value_that_is_not_permitted_leaves_the_last_one_that_was() {
    // Above 1 from the fifth example on; a job that says so is refused before it starts.
    let mut shard = with_ramp("1.6");
    let mut x = 0.0;
    for sequence in 1..=20 {
        shard.push(&header(0, 1), &sparse(sequence, &[4], &[1.0]));
        let now = values(&mut shard)[4];
        assert!(now < x, "{sequence}: {now}");
        x = now;
    }
    let columns = shard.store_mut().columns();
    let (x, v) = (columns[0][4], columns[1][4]);
    let last = single(0.5 + (1.6 - 0.5) * 0.4);
    assert_eq!(values(&mut shard)[4].to_bits(), (x + last * v).to_bits());
}
