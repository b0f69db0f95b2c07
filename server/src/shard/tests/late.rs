//! Parts that come late: limits on staleness, rounds that are over, splits, differences, and rules that look
//! at what was read.

use thalweg_common::consistency::{BeyondLimit, StalenessRate};
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::group_spans;
use thalweg_common::regularizer::{Chosen, Regularization};

use super::*;

/// A shard with a limit on staleness.
fn limited(limit: u64, beyond: BeyondLimit) -> Shard {
    let mut shard = shard(Aggregation::Push, NonFinite::Reject, 3);
    shard.bound = Staleness {
        limit: Some(limit),
        beyond,
        ..Staleness::default()
    };
    shard
}

/// Random reads and pushes of three workers; answers what was applied, by its staleness, and dropped.
fn random_history(shard: &mut Shard, seed: u64) -> (Vec<u64>, u64) {
    let mut random = seed;
    let mut read = [Version(0); 3];
    let mut sequence = [0; 3];
    let (mut applied, mut dropped) = (Vec::new(), 0);
    for _ in 0..60 {
        random = thalweg_common::seed::mix(random);
        let worker = u32::try_from(random % 3).unwrap();
        let at = worker as usize;
        if random >> 8 & 1 == 0 {
            read[at] = shard.status().version;
            continue;
        }
        sequence[at] += 1;
        let mut part = sparse(sequence[at], &[0], &[-1.0]);
        part.version_read = read[at];
        match shard.push(&header(worker, 1), &part).outcome {
            Outcome::Applied { staleness, .. } => applied.push(staleness),
            Outcome::Dropped { staleness, .. } => {
                assert_eq!(staleness, shard.status().version.0 - read[at].0);
                dropped += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    (applied, dropped)
}

#[test]
fn no_history_applies_what_is_staler_than_the_limit_and_every_part_is_accounted_for() {
    let mut all_dropped = 0;
    for seed in 0..1_000 {
        let limit = seed % 5;
        let mut shard = limited(limit, BeyondLimit::Reject);
        let (applied, dropped) = random_history(&mut shard, seed);
        assert!(
            applied.iter().all(|staleness| *staleness <= limit),
            "seed {seed}"
        );
        assert_eq!(values(&mut shard)[..1], [applied.len() as f32][..]);
        let pushed = applied.len() as u64 + dropped;
        assert_eq!(shard.status().progress, pushed, "what is left out was used");
        all_dropped += dropped;
    }
    assert!(0 < all_dropped);
    // A bound that is off by one is seen.
    let is_seen = |seed| {
        let (applied, _) = random_history(&mut limited(seed % 5 + 1, BeyondLimit::Reject), seed);
        applied.iter().any(|staleness| seed % 5 < *staleness)
    };
    assert!((0..1_000).any(is_seen));
}

#[test]
fn what_is_too_stale_may_count_less_or_be_counted_only() {
    let push_stale = |beyond| {
        let mut shard = limited(1, beyond);
        for sequence in 1..=4 {
            let mut fresh = sparse(sequence, &[1], &[1.0]);
            fresh.version_read = Version(sequence - 1);
            shard.push(&header(0, 1), &fresh);
        }
        // Computed at version 0, four steps ago.
        let outcome = shard.push(&header(1, 1), &sparse(1, &[0], &[-1.0])).outcome;
        (outcome, values(&mut shard)[0])
    };
    let at_five = Outcome::Applied {
        version: Version(5),
        staleness: 4,
    };
    assert_eq!(push_stale(BeyondLimit::DownWeight), (at_five.clone(), 0.25));
    assert_eq!(push_stale(BeyondLimit::Count), (at_five, 1.0));
    let dropped = Outcome::Dropped {
        version: Version(4),
        staleness: 4,
    };
    assert_eq!(push_stale(BeyondLimit::Reject), (dropped, 0.0));
}

/// A shard with an L2 term, where what is late counts less.
fn with_a_penalty(aggregation: Aggregation) -> Shard {
    let chosen = Chosen::everywhere("l2", "l2", 0.5);
    let layout = ParameterLayout::new(vec![Tensor::trainable("x", vec![LEN as u64])]).unwrap();
    let regularization = Regularization::resolve(&[chosen], &layout).unwrap();
    let store = StoreSpec {
        len: LEN,
        initial: Initial::Function(&|_| 1.0),
        groups: group_spans(&layout, &regularization, &(0..LEN as u64)),
    };
    let entry = optimizer("sgd").unwrap();
    let mut shard = enlisted(ShardSpec {
        store: entry.build(&"".parse().unwrap(), &store).unwrap(),
        aggregation,
        ..spec("sgd", "", 2)
    });
    shard.bound.rate = StalenessRate::Inverse;
    shard
}

#[test]
fn a_penalty_counts_as_much_as_the_late_gradient_that_it_comes_with() {
    let mut shard = with_a_penalty(Aggregation::Push);
    // Every step of rate 1 with a penalty of 0.5 and no gradient halves what is there.
    for sequence in 1..=4 {
        let mut fresh = sparse(sequence, &[1], &[0.0]);
        fresh.version_read = Version(sequence - 1);
        shard.push(&header(0, 1), &fresh);
    }
    assert_eq!(values(&mut shard)[0].to_bits(), 0.0625_f32.to_bits());
    // Four steps late, a quarter of the gradient and of the penalty: x − (8 + x/2)/4.
    shard.push(&header(1, 1), &sparse(1, &[0], &[8.0]));
    let expected = 0.0625_f32 - (8.0 + 0.03125) / 4.0;
    assert_eq!(values(&mut shard)[0].to_bits(), expected.to_bits());

    let mut split = with_a_penalty(Aggregation::Softsync { splits: 1 });
    split.version = Version(2);
    let mut fresh = sparse(1, &[0], &[0.0]);
    fresh.version_read = Version(2);
    split.push(&header(0, 1), &fresh);
    split.push(&header(1, 1), &sparse(1, &[0], &[0.0]));
    // One part counts whole and one half: three quarters of the penalty.
    assert_eq!(values(&mut split)[0].to_bits(), (1.0_f32 - 0.375).to_bits());
}

#[test]
fn a_round_without_the_slowest_takes_the_first_and_never_averages_the_late() {
    let mut shard = shard(
        Aggregation::Round { backup_workers: 1 },
        NonFinite::Reject,
        3,
    );
    let accepted = Outcome::Accepted {
        version: Version(0),
        staleness: 0,
    };
    assert_eq!(
        shard.push(&header(2, 1), &sparse(1, &[0], &[-4.0])).outcome,
        accepted
    );
    assert_eq!(
        shard.push(&header(0, 1), &sparse(1, &[0], &[-2.0])).outcome,
        accepted
    );
    assert_eq!(
        (shard.status().version, values(&mut shard)[0]),
        (Version(1), 3.0)
    );
    let late = Outcome::Dropped {
        version: Version(1),
        staleness: 1,
    };
    assert_eq!(
        shard.push(&header(1, 1), &sparse(1, &[0], &[-9.0])).outcome,
        late
    );
    let again = shard.push(&header(1, 1), &sparse(1, &[0], &[-9.0])).outcome;
    assert!(matches!(again, Outcome::Duplicate { .. }), "{again:?}");
    // It goes on with the open round.
    let mut next = sparse(2, &[0], &[-1.0]);
    next.version_read = Version(1);
    for worker in [1, 2] {
        shard.push(&header(worker, 1), &next);
    }
    assert_eq!(
        (shard.status().version, values(&mut shard)[0]),
        (Version(2), 4.0)
    );
}

#[test]
fn a_split_steps_once_enough_have_come_and_what_is_left_over_is_not_lost() {
    let mut shard = shard(Aggregation::Softsync { splits: 2 }, NonFinite::Reject, 4);
    // Four workers in two splits: every two gradients are a step, also of one worker.
    shard.push(&header(3, 1), &sparse(1, &[0], &[-2.0]));
    assert_eq!(shard.status().pending, 1);
    shard.push(&header(3, 3), &sparse(2, &[0], &[-6.0]));
    assert_eq!(
        (shard.status().version, values(&mut shard)[0]),
        (Version(1), 5.0)
    );
    shard.push(&header(1, 1), &sparse(1, &[0], &[-1.0]));
    for worker in 0..4 {
        shard.retire(WorkerId(worker));
    }
    assert_eq!(
        (shard.status().version, values(&mut shard)[0]),
        (Version(2), 6.0)
    );
}

#[test]
fn differences_are_added_as_they_are_and_summed_in_a_round() {
    let delta = |sequence, value| Part {
        kind: Kind::Delta,
        ..sparse(sequence, &[0], &[value])
    };
    let mut alone = shard(Aggregation::Push, NonFinite::Reject, 1);
    alone.pushes = Kind::Delta;
    alone.push(&header(0, 7), &delta(1, 0.5));
    assert_eq!(
        (alone.status().version, values(&mut alone)[0]),
        (Version(1), 0.5)
    );
    let wrong = alone.push(&header(0, 7), &sparse(2, &[0], &[0.5]));
    assert_eq!(refusal(&wrong).kind, RefusalKind::Unsupported);
    let mut round = shard(
        Aggregation::Round { backup_workers: 0 },
        NonFinite::Reject,
        2,
    );
    round.pushes = Kind::Delta;
    round.push(&header(0, 1), &delta(1, 0.5));
    round.push(&header(1, 9), &delta(1, 0.25));
    assert_eq!(
        values(&mut round)[..1],
        [0.75][..],
        "a sum, whatever the examples"
    );
}

/// A shard whose rule looks at the parameter as it was read: x − (g + g²·(x − x at read)).
fn looking_back() -> Shard {
    let settings = "compensation = 1.0\nguard = false";
    enlisted(spec("dc_asgd_constant", settings, 2))
}

#[test]
fn a_late_gradient_is_corrected_by_what_was_told_or_kept_and_refused_without_either() {
    let whole = Address::Range(0..u32::try_from(LEN).unwrap());
    let some = Address::Coordinates(Coordinates::new(vec![4]).unwrap());
    for kept in [true, false] {
        let mut shard = looking_back();
        let address = if kept { &whole } else { &some };
        let read = shard.read(by(1, 0), address).unwrap();
        assert_eq!(read.at_read.bytes(), if kept { 0 } else { 4 });
        // Meanwhile the parameter moves to 2.
        shard.push(&header(0, 1), &sparse(1, &[4], &[-2.0]));
        let mut late = sparse(1, &[4], &[-1.0]);
        late.at_read = read.at_read.clone();
        let outcome = shard.push(&header(1, 1), &late).outcome;
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        assert_eq!(values(&mut shard)[4..5], [2.0 - (-1.0 + 1.0 * 2.0)][..]);
    }
    let mut shard = looking_back();
    shard.push(&header(0, 1), &sparse(1, &[4], &[-2.0]));
    let untold = shard.push(&header(1, 1), &sparse(1, &[4], &[-1.0]));
    assert!(
        refusal(&untold).message.contains("value_at_read"),
        "{untold:?}"
    );
    for (bytes, words) in [
        (vec![0; 8], "carries 8 bytes"),
        (f32::NAN.to_le_bytes().to_vec(), "NaN"),
    ] {
        let mut wrong = sparse(if bytes.len() == 8 { 2 } else { 3 }, &[4], &[-1.0]);
        wrong.at_read = Payload::from_bytes(bytes.into());
        let refused = shard.push(&header(1, 1), &wrong);
        assert!(refusal(&refused).message.contains(words), "{refused:?}");
    }
    assert_eq!(
        values(&mut shard)[4..5],
        [2.0][..],
        "nothing of what was refused is in it"
    );
}

#[test]
fn copies_of_what_was_read_are_bounded_and_let_go() {
    let mut shard = looking_back();
    let whole = Address::Range(0..u32::try_from(LEN).unwrap());
    let mut told = 0;
    for sequence in 1..=10 {
        let read = shard.read(by(1, sequence - 1), &whole).unwrap();
        told += usize::from(read.at_read.bytes() != 0);
        let mut fresh = sparse(sequence, &[0], &[1.0]);
        fresh.version_read = shard.status().version;
        shard.push(&header(0, 1), &fresh);
        assert!(shard.pins.copies() <= PINS_PER_SESSION_MAX);
    }
    assert_eq!(
        told,
        10 - PINS_PER_SESSION_MAX,
        "beyond the bound a worker is told"
    );
    shard.push(&header(1, 1), &sparse(1, &[0], &[1.0]));
    assert_eq!(shard.pins.copies(), 1, "the copy for iteration 0 is let go");
    shard.close(WorkerId(1), SessionId(2));
    assert_eq!(shard.pins.copies(), 0);
    // A read that was under way when its session ended.
    let read = shard.read(by(1, 11), &whole).unwrap();
    assert_ne!(read.at_read.bytes(), 0, "it is told");
    assert_eq!(shard.pins.copies(), 0);
}

/// Every order in which two reads ahead and their pushes may come: each push finds what was read for
/// it, and in the end no copy is left.
#[test]
fn what_was_read_is_found_whichever_read_or_push_overtakes_the_other() {
    let whole = Address::Range(0..u32::try_from(LEN).unwrap());
    for reads in [[0, 1], [1, 0]] {
        for pushes in [[0, 1], [1, 0]] {
            let mut shard = looking_back();
            let mut versions = BTreeMap::new();
            for (sequence, iteration) in (1..).zip(reads) {
                let read = shard.read(by(1, iteration), &whole).unwrap();
                assert_eq!(read.at_read.bytes(), 0, "it is kept");
                versions.insert(iteration, read.version);
                shard.push(&header(0, 1), &sparse(sequence, &[4], &[-2.0]));
            }
            for iteration in pushes {
                let mut part = sparse(iteration + 1, &[4], &[1.0]);
                part.version_read = versions[&iteration];
                let header = PushHeader {
                    clock: Clock(iteration + 1),
                    ..header(1, 1)
                };
                let outcome = shard.push(&header, &part).outcome;
                assert!(
                    matches!(outcome, Outcome::Applied { .. }),
                    "{reads:?}, {pushes:?}: {outcome:?}"
                );
            }
            let clocks = PushHeader {
                clock: Clock(3),
                ..header(1, 1)
            };
            shard.push(&clocks, &sparse(3, &[], &[]));
            assert_eq!(shard.pins.copies(), 0, "{reads:?}, {pushes:?}");
        }
    }
}
