//! What is computed, pushed and pulled when nothing goes wrong.

use thalweg_common::message::DataRange;
use thalweg_common::permutation::epoch_checksum;

use super::*;
use crate::worker::tests::cluster::Cluster;

#[test]
fn one_worker_without_overlap_is_plain_gradient_descent_bit_for_bit() {
    let expected = plain(57);
    for servers in [1, 2, 3] {
        for extent in [PullExtent::Sparse, PullExtent::Whole, PullExtent::Auto] {
            let cluster = Setup {
                servers,
                extent,
                ..Setup::PLAIN
            }
            .run();
            assert_eq!(bits(&cluster), expected, "{servers} servers, {extent:?}");
            assert_eq!(cluster.staleness_max, 0);
        }
    }
}

/// Everything that a server has not applied yet is taken again on the replica, in the same order,
/// so that one worker with the server's rate never computes at stale parameters.
#[test]
fn own_steps_are_never_lost_however_much_overlaps() {
    let expected = plain(57);
    for overlap in [Overlap::Push, Overlap::Full] {
        for n_pull in [1, 2, 5] {
            for extent in [PullExtent::Sparse, PullExtent::Whole] {
                let setup = Setup {
                    local_lr: LR,
                    overlap,
                    n_pull,
                    extent,
                    ..Setup::PLAIN
                };
                let (mut worker, cluster) = setup.worker();
                let mut timeline = Timeline::new(cluster, no_faults);
                timeline.delay = Duration::from_millis(25);
                timeline.run(&mut worker);
                let found = bits(&timeline.cluster);
                assert_eq!(found, expected, "{overlap:?}, n_pull {n_pull}, {extent:?}");
            }
        }
    }
}

#[test]
fn without_local_steps_overlap_computes_at_stale_parameters() {
    let setup = Setup {
        overlap: Overlap::Full,
        ..Setup::PLAIN
    };
    let (mut worker, cluster) = setup.worker();
    let mut timeline = Timeline::new(cluster, no_faults);
    timeline.delay = Duration::from_millis(25);
    timeline.run(&mut worker);
    assert!(0 < timeline.cluster.staleness_max);
    assert_ne!(bits(&timeline.cluster), plain(57));
}

fn rows_pushed(cluster: &Cluster) -> (u64, u64) {
    let ranges = || cluster.pushes.iter().flat_map(|header| &header.ranges);
    let rows = ranges().map(DataRange::examples).sum();
    (
        rows,
        ranges().fold(0, |sum, range| sum.wrapping_add(range.checksum)),
    )
}

#[test]
fn every_row_is_used_exactly_once_whatever_the_cadence() {
    for overlap in [Overlap::Off, Overlap::Push, Overlap::Full] {
        for (n_push, n_pull) in [(1, 1), (3, 1), (1, 4), (3, 2), (50, 50)] {
            let cluster = Setup {
                overlap,
                n_push,
                n_pull,
                ..Setup::PLAIN
            }
            .run();
            assert_eq!(rows_pushed(&cluster), (57, epoch_checksum(57)));
            let weights: u64 = cluster.pushes.iter().map(|header| header.weight).sum();
            assert_eq!(weights, 57);
            let last = cluster.pushes.last().unwrap();
            assert_eq!(last.clock.0, 15, "{overlap:?}, {n_push}, {n_pull}");
        }
    }
}

#[test]
fn pushes_and_pulls_keep_their_cadence_and_the_end_pushes_what_is_accrued() {
    let cluster = Setup {
        n_push: 3,
        n_pull: 2,
        ..Setup::PLAIN
    }
    .run();
    let clocks: Vec<_> = cluster.pushes.iter().map(|header| header.clock.0).collect();
    assert_eq!(clocks, [1, 4, 7, 10, 13, 15]);
    let weights: Vec<_> = cluster.pushes.iter().map(|header| header.weight).collect();
    assert_eq!(weights, [4, 12, 12, 12, 12, 5]);
    let mut asked: Vec<_> = cluster.pulls.iter().map(|pull| pull.clock.0).collect();
    asked.dedup();
    assert_eq!(
        asked,
        [1, 3, 5, 7, 9, 11, 13, 14],
        "each pull names the last iteration it serves"
    );
}

#[test]
fn data_for_all_iterations_that_share_a_pull_are_asked_for_at_once() {
    let cluster = Setup {
        n_pull: 7,
        ..Setup::PLAIN
    }
    .run();
    let weight: u64 = cluster.pushes.iter().map(|header| header.weight).sum();
    assert_eq!(weight, 57, "every row is used");
    assert_eq!(
        cluster.wanted,
        [7, 5, 6],
        "ranges of three batches: two are left over, then one; the third answer says that it is the end"
    );
}

#[test]
fn neighbouring_ranges_of_a_push_are_one() {
    let cluster = Setup {
        n_push: 50,
        ..Setup::PLAIN
    }
    .run();
    let ranges = &cluster.pushes[1].ranges;
    assert_eq!((ranges.len(), ranges[0].start, ranges[0].end), (1, 4, 57));
}

#[test]
fn an_iteration_without_data_pushes_its_clock_to_every_shard() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.grants.insert(1, Grant::ClockOnly);
    cluster.grants.insert(2, Grant::ClockOnly);
    let mut timeline = Timeline::new(cluster, no_faults);
    timeline.run(&mut worker);
    let cluster = timeline.cluster;
    let weights: Vec<_> = cluster.pushes.iter().map(|header| header.weight).collect();
    assert_eq!(weights[..6], [4, 4, 4, 0, 0, 4]);
    assert_eq!(cluster.pushes.last().unwrap().clock.0, 17);
    assert_eq!(bits(&cluster), plain(57));
}

#[test]
fn a_wait_for_data_pushes_what_is_accrued_and_tells_that_the_worker_is_idle() {
    let (mut worker, mut cluster) = Setup {
        n_push: 50,
        ..Setup::PLAIN
    }
    .worker();
    cluster
        .grants
        .insert(1, Grant::Wait(Duration::from_secs(30)));
    let mut timeline = Timeline::new(cluster, no_faults);
    timeline.run(&mut worker);
    assert!(Duration::from_secs(30) < timeline.now.since_origin());
    let cluster = timeline.cluster;
    let weights: Vec<_> = cluster.pushes.iter().map(|header| header.weight).collect();
    assert_eq!(weights, [4, 8, 45]);
    let idle: Vec<_> = cluster.heartbeats.iter().map(|beat| beat.idle).collect();
    let changes = idle.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(
        (idle.first(), idle.last(), changes),
        (Some(&false), Some(&false), 2)
    );
}

#[test]
fn a_worker_is_not_idle_before_all_that_it_pushed_has_come() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster
        .grants
        .insert(1, Grant::Wait(Duration::from_secs(30)));
    let (mut sent, mut arrived, mut when_idle) = (0, 0, Vec::new());
    let fate = |_: usize, server: ServerId, request: &Request| {
        match request {
            Request::Push(_) if server == ServerId(0) => {
                sent += 1;
                // The last push before the wait is lost once.
                if sent == 3 {
                    return Fate::Lost;
                }
                arrived += 1;
            }
            Request::Heartbeat(beat) if beat.idle => when_idle.push(arrived),
            _ => {}
        }
        Fate::Arrives
    };
    Timeline::new(cluster, fate).run(&mut worker);
    assert_eq!(when_idle.first(), Some(&3), "{when_idle:?}");
}

#[test]
fn transfer_is_hidden_behind_computation_when_pulls_are_asked_for_ahead() {
    let time = |overlap| {
        let setup = Setup {
            overlap,
            rows: 400,
            ..Setup::PLAIN
        };
        let (mut worker, cluster) = setup.worker();
        let mut timeline = Timeline::new(cluster, no_faults);
        timeline.delay = Duration::from_millis(10);
        timeline.compute = Duration::from_millis(25);
        timeline.run(&mut worker);
        timeline.now.since_origin().as_secs_f64()
    };
    let compute = 0.025 * 100.0;
    let transfer = time(Overlap::Off) - compute;
    assert!(
        3.9 < transfer,
        "a pull and a push of 20 ms each: {transfer}"
    );
    let left = time(Overlap::Full) - compute;
    assert!(
        left < 0.1 * transfer,
        "{left} of {transfer} s are not hidden"
    );
}

/// A data set of 2³⁰ features, of which a batch touches a dozen.
#[test]
fn a_worker_of_a_huge_sparse_model_holds_only_what_its_batches_touch() {
    let mut rows = Rows::new();
    for number in 0..57_u32 {
        let feature = number.wrapping_mul(2_654_435_761) >> 2;
        rows.push(number.into(), 1.0, &[feature], &[1.0]);
    }
    let data = Arc::new(InMemory::from_rows(&rows, 1 << 30, Task::Binary));
    let model = logistic(&*data);
    let setup = Setup {
        extent: PullExtent::Auto,
        overlap: Overlap::Full,
        ..Setup::PLAIN
    };
    let map = setup.map(&*model);
    let cluster = Cluster::new(map.clone(), LR, setup.epoch(0));
    let work = Work {
        data,
        model,
        transforms: Arc::default(),
        method: Box::new(setup.method()),
        map,
    };
    let mut worker = Worker::new(place(), setup.settings(), work);
    let mut timeline = Timeline::new(cluster, no_faults);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert_eq!(
        timeline.cluster.pulled_values,
        57 + 15,
        "each feature once, the bias per batch"
    );
    assert_eq!(timeline.cluster.x.len(), 57 + 1);
}

#[test]
fn the_same_events_give_the_same_effects() {
    let run = || {
        let setup = Setup {
            overlap: Overlap::Full,
            n_push: 2,
            ..Setup::PLAIN
        };
        let (mut worker, cluster) = setup.worker();
        let lossy = |n: usize, _: ServerId, _: &Request| match n % 7 {
            3 => Fate::Lost,
            _ => Fate::Arrives,
        };
        let mut timeline = Timeline::new(cluster, lossy);
        timeline.run(&mut worker);
        (timeline.now, worker.tally(), bits(&timeline.cluster))
    };
    assert_eq!(run(), run());
}
