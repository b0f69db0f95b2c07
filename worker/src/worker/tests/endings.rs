//! How a worker ends: done, told to stop, or failed.

use thalweg_common::message::LeaveReason;
use thalweg_common::time::Time;

use super::*;
use crate::worker::{Event, Failure, Notice};

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

/// A worker that hears of the end of its job while server 1 takes none of its pushes before the tenth try.
fn missed(
    stop: Option<Time>,
) -> (
    Outcome,
    Timeline<impl FnMut(usize, ServerId, &Request) -> Fate>,
) {
    let (mut worker, mut cluster) = Setup {
        rows: 4_000,
        ..Setup::PLAIN
    }
    .worker();
    cluster.stop = true;
    let mut tries = 0;
    let fate = move |_: usize, server: ServerId, request: &Request| match (server, request) {
        (ServerId(1), Request::Push(_)) if tries < 10 => {
            tries += 1;
            Fate::Lost
        }
        (_, Request::Heartbeat(_)) if tries == 0 => Fate::Lost,
        _ => Fate::Arrives,
    };
    let mut timeline = Timeline::new(cluster, fate);
    if let Some(stop) = stop {
        timeline.at(stop, Event::Stop);
    }
    let outcome = timeline.run(&mut worker);
    (outcome, timeline)
}

#[test]
fn at_the_end_of_a_job_a_server_that_misses_a_push_is_waited_for_until_the_worker_is_told_to_stop()
{
    let (outcome, timeline) = missed(None);
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    assert!(at(10_000) < timeline.now, "{:?}", timeline.now);
    let reasons: Vec<_> = timeline
        .cluster
        .leaves
        .iter()
        .map(|leave| leave.reason)
        .collect();
    assert_eq!(reasons, [LeaveReason::Done; 2]);

    let (outcome, timeline) = missed(Some(at(1_000)));
    let Outcome::Failed(failure @ Failure::Unacknowledged { .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(timeline.now <= at(1_000 + 5_000), "{failure}");
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
    let Outcome::Failed(failure) = timeline.run(&mut worker) else {
        panic!("server 1 hears nothing")
    };
    let text = "server 1 at 127.0.0.1:4001 could not be told that this worker ends (no answer in \
                time)";
    assert!(failure.to_string().starts_with(text), "{failure}");
    assert!(timeline.now <= at(75 + 10_000), "{:?}", timeline.now);
}

/// A worker that loses server 1 for good at 50 ms.
fn bereft(stop: Option<Time>) -> (Failure, Time, Vec<(Time, Notice)>) {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let fate = |_: usize, server: ServerId, request: &Request| match (server, request) {
        (ServerId(1), Request::Push(_)) => Fate::Lost,
        _ => Fate::Arrives,
    };
    let mut timeline = Timeline::new(cluster, fate);
    for millis in [50, 70, 4_000, 100_000] {
        let cause = format!("refused at {millis}");
        let server = ServerId(1);
        timeline.at(at(millis), Event::Lost { server, cause });
    }
    if let Some(stop) = stop {
        timeline.at(stop, Event::Stop);
    }
    let Outcome::Failed(failure) = timeline.run(&mut worker) else {
        panic!("it must fail")
    };
    (failure, timeline.now, timeline.told)
}

#[test]
fn a_lost_server_is_told_at_once_and_now_and_again_until_the_worker_gives_up_when_it_said() {
    let (failure, ended, told) = bereft(None);
    assert!(matches!(failure, Failure::Silent { .. }), "{failure}");
    let times: Vec<_> = told.iter().take(3).map(|(time, _)| *time).collect();
    assert_eq!(times, [at(1_050), at(11_050), at(21_050)]);
    assert_eq!(told.len(), 12, "every ten seconds for two minutes");
    for (time, notice) in &told {
        let Notice::Unreachable { gives_up_in, .. } = notice else {
            panic!("{notice}")
        };
        assert_eq!(*time + *gives_up_in, ended, "{notice}");
    }
    let text = told[1].1.to_string();
    assert!(
        text.starts_with(
            "server 1 at 127.0.0.1:4001 cannot be reached for 11 s now (refused at 4000)"
        ),
        "{text}"
    );
}

#[test]
fn a_worker_that_is_told_to_stop_does_not_wait_for_a_server_that_is_gone() {
    let (failure, ended, _) = bereft(Some(at(5_000)));
    let text = "pushes not acknowledged when this worker ended: 1; server 1 at 127.0.0.1:4001 \
                did not answer (refused at 4000)";
    assert!(failure.to_string().starts_with(text), "{failure}");
    assert_eq!(ended, at(5_000));
    // A server that was lost just now may be back in a moment.
    let (_, ended, _) = bereft(Some(at(200)));
    assert_eq!(ended, at(1_050));
}

#[test]
fn a_worker_that_cannot_say_farewell_says_so() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster
        .grants
        .push_front(Grant::Wait(Duration::from_secs(3_600)));
    let fate = |_: usize, _: ServerId, _: &Request| Fate::Arrives;
    let mut timeline = Timeline::new(cluster, fate);
    let (server, cause) = (ServerId(0), "refused".to_owned());
    timeline.at(at(50), Event::Lost { server, cause });
    timeline.at(at(3_000), Event::Stop);
    let outcome = timeline.run(&mut worker);
    let Outcome::Failed(Failure::Untold { server, last }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (server.as_str(), last.as_str()),
        ("server 0 at 127.0.0.1:4000", "refused")
    );
    assert!(timeline.now <= at(3_002), "server 1 has answered");
}

#[test]
fn a_server_that_is_back_is_told_if_its_loss_was() {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let mut timeline = Timeline::new(cluster, no_faults);
    let server = ServerId(1);
    for (millis, back) in [(20, 300), (1_000, 4_000)] {
        let cause = "reset".to_owned();
        timeline.at(at(millis), Event::Lost { server, cause });
        timeline.at(at(back), Event::Back { server });
    }
    timeline
        .cluster
        .grants
        .push_front(Grant::Wait(Duration::from_secs(2)));
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    let told: Vec<_> = timeline
        .told
        .iter()
        .map(|(time, notice)| (*time, notice.to_string()))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].0, told[1].0), (at(2_000), at(4_000)));
    assert_eq!(
        told[1].1,
        "server 1 at 127.0.0.1:4001 can be reached again, after 3 s"
    );
}

#[test]
fn a_worker_that_fails_tells_the_servers_why() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.x.insert(FEATURES, f32::NAN);
    let told = std::cell::RefCell::new(Vec::new());
    let fate = |_: usize, _: ServerId, request: &Request| {
        if let Request::Leave(leave) = request {
            let said = (leave.reason, leave.cause.clone());
            told.borrow_mut().push(said);
        }
        Fate::Arrives
    };
    let outcome = Timeline::new(cluster, fate).run(&mut worker);
    let Outcome::Failed(failure) = outcome else {
        panic!("it must fail")
    };
    // Who hears it passes it on as it is.
    let said = (LeaveReason::Diverged, format!("worker 0 failed: {failure}"));
    assert_eq!(*told.borrow(), [said.clone(), said]);
}

#[test]
fn a_job_without_data_ends_at_once() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.grants.clear();
    let mut timeline = Timeline::new(cluster, no_faults);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert!(timeline.cluster.pushes.is_empty());
}
