//! How a worker ends: done, told to stop, or failed.

use thalweg_common::message::LeaveReason;
use thalweg_common::time::Time;

use super::*;
use crate::worker::Event;

fn at(millis: u64) -> Time {
    Time::from_origin(Duration::from_millis(millis))
}

#[test]
fn a_worker_that_is_done_tells_every_server() {
    let cluster = Setup::PLAIN.run();
    let reasons: Vec<_> = cluster.leaves.iter().map(|leave| leave.reason).collect();
    assert_eq!(reasons, [LeaveReason::Done; 2]);
}

#[test]
fn a_worker_that_is_told_to_stop_pushes_what_it_holds_back_and_leaves() {
    for overlap in [Overlap::Off, Overlap::Full] {
        let (mut worker, cluster) = Setup {
            n_push: 50,
            overlap,
            ..Setup::PLAIN
        }
        .worker();
        let mut timeline = Timeline::new(cluster, no_faults);
        timeline.at(at(75), Event::Stop);
        assert!(matches!(timeline.run(&mut worker), Outcome::Stopped));
        let cluster = timeline.cluster;
        let weights: u64 = cluster.pushes.iter().map(|header| header.weight).sum();
        assert_eq!(weights, worker.tally().examples);
        assert!(8 < weights && weights < 57, "{weights}");
        assert_eq!(cluster.leaves[0].reason, LeaveReason::Stopped);
    }
}

#[test]
fn a_worker_hears_from_any_server_that_the_job_is_over() {
    let (mut worker, mut cluster) = Setup {
        rows: 4_000,
        ..Setup::PLAIN
    }
    .worker();
    cluster.stop = true;
    let mut timeline = Timeline::new(cluster, no_faults);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert!(timeline.now < at(100), "at the first sign of life");
}

#[test]
fn a_worker_that_is_told_to_stop_does_not_wait_for_ever() {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let fate = |_: usize, server: ServerId, _: &Request| match server {
        ServerId(1) => Fate::Lost,
        _ => Fate::Arrives,
    };
    let mut timeline = Timeline::new(cluster, fate);
    timeline.at(at(75), Event::Stop);
    assert!(matches!(timeline.run(&mut worker), Outcome::Stopped));
    assert!(timeline.now <= at(75 + 10_000), "{:?}", timeline.now);
}

#[test]
fn a_worker_that_fails_tells_the_servers_why() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.x.insert(FEATURES, f32::NAN);
    let told = std::cell::RefCell::new(Vec::new());
    let fate = |_: usize, _: ServerId, request: &Request| {
        if let Request::Leave(leave) = request {
            told.borrow_mut().push(leave.cause.clone());
        }
        Fate::Arrives
    };
    let outcome = Timeline::new(cluster, fate).run(&mut worker);
    let Outcome::Failed(failure) = outcome else {
        panic!("it must fail")
    };
    assert_eq!(*told.borrow(), [failure.to_string(), failure.to_string()]);
}

#[test]
fn a_job_without_data_ends_at_once() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.grants.clear();
    let mut timeline = Timeline::new(cluster, no_faults);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert!(timeline.cluster.pushes.is_empty());
}
