//! Laws of the ledger: every position is committed exactly once, whoever is lost on the way.

use proptest::prelude::*;

use super::*;

fn range(grant: Grant) -> DataRange {
    match grant {
        Grant::Range { epoch, start, end } => DataRange {
            epoch,
            start,
            end,
            checksum: 0,
        },
        other => panic!("expected a range, found {other:?}"),
    }
}

fn dynamic(rows: u64, total: u64, workers: u32) -> Ranges {
    Ranges::new(
        rows,
        total,
        workers,
        Deal::Dynamic {
            batch_examples: 4,
            range_examples: 32,
        },
    )
}

#[test]
fn one_range_over_two_neighbouring_loans_of_a_worker_is_one_claim() {
    let mut ranges = dynamic(1_000, 1_000, 2);
    let (first, second) = (
        range(ranges.next(WorkerId(0)).unwrap()),
        range(ranges.next(WorkerId(0)).unwrap()),
    );
    let foreign = range(ranges.next(WorkerId(1)).unwrap());
    assert_eq!((first.end, second.end), (second.start, foreign.start));
    let over = |start, end| DataRange {
        start,
        end,
        ..first
    };
    let early = over(0, 4);
    let across = over(4, second.end - 4);
    let too_far = over(4, foreign.end);
    ranges.commit(WorkerId(0), early.examples(), &[early]);
    let judge =
        |ranges: &Ranges, claim: DataRange| ranges.judge(WorkerId(0), claim.examples(), &[claim]);
    assert!(judge(&ranges, over(0, second.end)).is_err());
    assert!(judge(&ranges, too_far).is_err());
    assert!(judge(&ranges, across).is_ok());
    ranges.commit(WorkerId(0), across.examples(), &[across]);
    assert!(judge(&ranges, across).is_err());
    assert!(judge(&ranges, over(second.end - 4, second.end)).is_ok());
    assert_eq!(ranges.committed(), second.end - 4);
}

#[test]
fn a_claim_that_is_not_on_loan_is_refused() {
    let mut ranges = dynamic(100, 100, 2);
    let granted = range(ranges.next(WorkerId(0)).unwrap());
    let weight = granted.examples();
    assert!(ranges.judge(WorkerId(0), weight, &[granted]).is_ok());
    assert!(ranges.judge(WorkerId(1), weight, &[granted]).is_err());
    assert!(ranges.judge(WorkerId(0), weight + 1, &[granted]).is_err());
    assert!(
        ranges
            .judge(WorkerId(0), 2 * weight, &[granted, granted])
            .is_err()
    );
    let beyond = DataRange {
        end: 101,
        ..granted
    };
    assert!(
        ranges
            .judge(WorkerId(0), beyond.examples(), &[beyond])
            .is_err()
    );
    let wild = DataRange {
        epoch: u64::MAX,
        start: 3,
        end: 1,
        checksum: 0,
    };
    assert!(ranges.judge(WorkerId(0), 0, &[wild]).is_err());
    ranges.commit(WorkerId(0), weight, &[granted]);
    assert!(
        ranges.judge(WorkerId(0), weight, &[granted]).is_err(),
        "committed twice"
    );
}

#[test]
fn ranges_get_shorter_towards_the_end_and_stay_whole_batches() {
    let mut ranges = dynamic(1_000, 1_000, 4);
    let mut lengths = Vec::new();
    while let Some(grant) = ranges.next(WorkerId(0)) {
        lengths.push(range(grant).examples());
    }
    assert_eq!(lengths.iter().sum::<u64>(), 1_000);
    assert_eq!(lengths[0], 32);
    assert!(*lengths.last().unwrap() <= 4);
    assert!(lengths.iter().all(|length| length % 4 == 0));
}

#[test]
fn stripes_deal_the_batches_of_a_round_in_worker_order() {
    let mut ranges = Ranges::new(10, 20, 3, Deal::Striped { batch_examples: 2 });
    let mut deal = |w| ranges.next(WorkerId(w));
    let expect = |epoch, start, end| Some(Grant::Range { epoch, start, end });
    assert_eq!(deal(1), expect(0, 2, 4));
    assert_eq!(deal(0), expect(0, 0, 2));
    assert_eq!(deal(2), expect(0, 4, 6));
    assert_eq!(deal(0), expect(0, 6, 8));
    assert_eq!(deal(1), expect(0, 8, 10));
    assert_eq!(
        deal(2),
        Some(Grant::ClockOnly),
        "the epoch has five batches"
    );
    assert_eq!(deal(2), expect(1, 4, 6));
    assert_eq!(deal(2), Some(Grant::ClockOnly));
    assert_eq!(deal(2), None);
}

#[test]
fn the_rounds_of_a_lost_worker_go_to_the_others() {
    let mut ranges = Ranges::new(10, 10, 2, Deal::Striped { batch_examples: 2 });
    let first = range(ranges.next(WorkerId(1)).unwrap());
    ranges.give_back(WorkerId(1));
    let mut left = vec![first];
    while let Some(grant) = ranges.next(WorkerId(0)) {
        if grant != Grant::ClockOnly {
            left.push(range(grant));
        }
    }
    let mut starts: Vec<_> = left[1..].iter().map(|range| range.start).collect();
    starts.sort_unstable();
    assert_eq!(starts, [0, 2, 4, 6, 8]);
}

proptest! {
    #[test]
    fn every_position_is_committed_exactly_once(
        rows in 1_u64..200,
        epochs in 1_u64..4,
        workers in 1_u32..8,
        striped: bool,
        fates in prop::collection::vec((0_u32..8, 0_u8..10), 0..2_000),
    ) {
        let total = rows * epochs;
        let deal = if striped {
            Deal::Striped { batch_examples: 3 }
        } else {
            Deal::Dynamic { batch_examples: 3, range_examples: 9 }
        };
        let mut ranges = Ranges::new(rows, total, workers, deal);
        let mut held: BTreeMap<WorkerId, Vec<DataRange>> = BTreeMap::new();
        let mut seen = vec![0_u32; usize::try_from(total).unwrap()];
        let script = fates.into_iter().map(|(w, fate)| (w % workers, fate));
        // After the script every worker asks and commits until all is done.
        let rest = (0..u32::try_from(4 * total + 16).unwrap() * workers).map(|i| (i % workers, 5));
        for (worker, fate) in script.chain(rest) {
            let worker = WorkerId(worker);
            let mine = held.entry(worker).or_default();
            if fate == 0 {
                mine.clear();
                ranges.give_back(worker);
            } else if let Some(range) = mine.pop() {
                prop_assert!(ranges.judge(worker, range.examples(), &[range]).is_ok());
                ranges.commit(worker, range.examples(), &[range]);
                for position in range.start..range.end {
                    seen[usize::try_from(range.epoch * rows + position).unwrap()] += 1;
                }
            } else if let Some(Grant::Range { epoch, start, end }) = ranges.next(worker) {
                // Commit piecewise: first half, then second half.
                let middle = start.midpoint(end);
                let piece = |start, end| DataRange { epoch, start, end, checksum: 0 };
                mine.extend([piece(middle, end)]);
                if middle > start {
                    mine.push(piece(start, middle));
                }
            }
        }
        prop_assert!(seen.iter().all(|count| *count == 1), "{seen:?}");
        prop_assert_eq!(ranges.committed(), total);
    }
}

proptest! {
    #[test]
    fn rows_of_a_stream_are_dealt_once_they_are_offered_and_each_is_used_once(
        workers in 1_u32..4,
        striped in any::<bool>(),
        offers in proptest::collection::vec(0_u64..90, 1..12),
    ) {
        let deal = match striped {
            true => Deal::Striped { batch_examples: 4 },
            false => Deal::Dynamic { batch_examples: 4, range_examples: 32 },
        };
        let mut ranges = Ranges::new(30, u64::MAX / 2, workers, deal);
        ranges.offer(0);
        let (mut offered, mut seen) = (0, BTreeSet::new());
        let last = offers.len() - 1;
        for (number, more) in offers.into_iter().enumerate() {
            offered += more;
            ranges.offer(offered);
            if number == last {
                ranges.close();
            }
            let mut idle = 0;
            for worker in (0..workers).cycle() {
                let grant = ranges.next(WorkerId(worker));
                idle = if matches!(grant, Some(Grant::Range { .. })) { 0 } else { idle + 1 };
                if workers + 2 < idle {
                    break;
                }
                let Some(grant @ Grant::Range { .. }) = grant else { continue };
                let claim = range(grant);
                let origin = claim.epoch * 30;
                prop_assert!(origin + claim.end <= offered);
                prop_assert!(ranges.used() <= origin + claim.start);
                for position in claim.start..claim.end {
                    prop_assert!(seen.insert(origin + position));
                }
                ranges.commit(WorkerId(worker), claim.examples(), &[claim]);
            }
            prop_assert!(ranges.used() <= offered);
        }
        prop_assert_eq!(ranges.total(), offered);
        prop_assert_eq!(seen, (0..offered).collect::<BTreeSet<_>>());
        prop_assert_eq!(ranges.committed(), offered);
    }
}

#[test]
fn rounds_that_were_never_trained_on_are_dealt_again_in_their_order() {
    let deal = Deal::Striped { batch_examples: 10 };
    let new = || Ranges::new(95, 190, 2, deal);
    let (mut whole, mut cut) = (new(), new());
    let all = |ranges: &mut Ranges, worker| -> Vec<Grant> {
        let next = || ranges.next(WorkerId(worker));
        std::iter::from_fn(next).collect()
    };
    let expected = [0, 1].map(|worker| all(&mut whole, worker));
    // Each is dealt some rounds ahead of what it commits; the second loses one in the middle.
    for (worker, dealt, committed) in [(0, 7, 4), (1, 3, 2)] {
        let grants: Vec<_> = (0..dealt).map(|_| cut.next(WorkerId(worker))).collect();
        for grant in &grants[..committed] {
            if let Some(Grant::Range { .. }) = grant {
                let claim = range(grant.unwrap());
                cut.commit(WorkerId(worker), claim.examples(), &[claim]);
            }
        }
    }
    let mut back = new();
    back.restore(&cut.save()).unwrap();
    assert_eq!(back.save().rounds, [(0, 4), (1, 2)]);
    assert_eq!(back.committed(), cut.committed());
    assert!(!back.on_loan());
    for worker in [0, 1] {
        let index = usize::try_from(worker).unwrap();
        let committed = [4, 2][index];
        let rest = all(&mut back, worker);
        assert_eq!(rest, expected[index][committed..], "worker {worker}");
    }
}

#[test]
fn a_ledger_that_cannot_be_is_refused() {
    let mut ranges = dynamic(100, 200, 2);
    let good = ranges.save();
    for open in [vec![(5, 5)], vec![(8, 12), (10, 14)], vec![(190, 201)]] {
        let saved = SavedRanges {
            open,
            ..good.clone()
        };
        ranges.restore(&saved).unwrap_err();
    }
    let longer = SavedRanges {
        total: 300,
        ..good.clone()
    };
    ranges.restore(&longer).unwrap_err();
    ranges.restore(&good).unwrap();
}
