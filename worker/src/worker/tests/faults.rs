//! Lost messages, broken connections, refusals and gates.

use thalweg_common::error::RefusalKind;
use thalweg_common::time::Time;

use super::*;
use crate::worker::{Event, Failure};

fn is_push(request: &Request) -> bool {
    matches!(request, Request::Push(_))
}

#[test]
fn a_push_whose_answer_is_lost_is_sent_again_under_its_sequence_and_applied_once() {
    let (mut worker, cluster) = Setup {
        servers: 1,
        ..Setup::PLAIN
    }
    .worker();
    let mut pushes = 0;
    let fate = |_: usize, _: ServerId, request: &Request| {
        pushes += usize::from(is_push(request));
        if is_push(request) && pushes == 3 {
            Fate::Unanswered
        } else {
            Fate::Arrives
        }
    };
    let mut timeline = Timeline::new(cluster, fate);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert_eq!(timeline.cluster.sequences[..5], [1, 2, 3, 3, 4]);
    assert_eq!(bits(&timeline.cluster), plain(57));
    assert_eq!(worker.tally().repeats, 1);
}

#[test]
fn every_kind_of_request_survives_its_loss() {
    for fate in [
        || Fate::Lost,
        || Fate::Unanswered,
        || Fate::Refused(RefusalKind::Overloaded),
    ] {
        let (mut worker, cluster) = Setup::PLAIN.worker();
        // Ranges are left alone: an unanswered one is the coordinator's to grant again.
        let choose = |n: usize, _: ServerId, request: &Request| match request {
            Request::NextRange(_) => Fate::Arrives,
            _ if n % 5 == 2 => fate(),
            _ => Fate::Arrives,
        };
        let mut timeline = Timeline::new(cluster, choose);
        assert!(matches!(timeline.run(&mut worker), Outcome::Done));
        assert_eq!(bits(&timeline.cluster), plain(57));
        assert!(10 < worker.tally().repeats);
    }
}

#[test]
fn a_gate_that_is_shut_is_asked_again_at_once_and_its_holder_is_named() {
    let (mut worker, mut cluster) = Setup {
        servers: 1,
        ..Setup::PLAIN
    }
    .worker();
    cluster.gate = 700;
    let mut timeline = Timeline::new(cluster, no_faults);
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    assert_eq!(worker.tally().repeats, 0);
    let doing = &timeline.cluster.heartbeats[1].doing;
    assert_eq!(doing, "waiting for worker 2 (clock 17)");
    let waited = timeline.cluster.heartbeats.last().unwrap().waited;
    assert!(Duration::from_millis(900) < waited, "{waited:?}");
}

#[test]
fn a_silent_server_ends_the_worker_with_its_address_and_the_time() {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let fate = |n: usize, server: ServerId, _: &Request| {
        if server == ServerId(1) && 30 < n {
            Fate::Lost
        } else {
            Fate::Arrives
        }
    };
    let mut timeline = Timeline::new(cluster, fate);
    let Outcome::Failed(failure) = timeline.run(&mut worker) else {
        panic!("it must fail")
    };
    let text = failure.to_string();
    let expected = "server 1 at 127.0.0.1:4001 did not answer for 120 s (no answer in time)";
    assert!(text.starts_with(expected), "{text}");
    let at = timeline.now.since_origin();
    assert!(at < Duration::from_secs(122), "{at:?}");
    // The other server has heard how often it was asked again.
    let beats = timeline.cluster.heartbeats.iter();
    let retries: Vec<_> = beats.map(|beat| beat.retries).collect();
    assert!(retries.is_sorted(), "{retries:?}");
    let said = retries.last().copied().unwrap_or_default();
    assert!(3 < said && said <= worker.tally().repeats, "{said}");
}

#[test]
fn a_connection_that_comes_back_carries_what_was_lost() {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let at = |millis| Time::from_origin(Duration::from_millis(millis));
    let mut timeline = Timeline::new(cluster, no_faults);
    let server = ServerId(1);
    timeline.at(
        at(40),
        Event::Lost {
            server,
            cause: "reset".to_owned(),
        },
    );
    timeline.at(at(9_000), Event::Back { server });
    assert!(matches!(timeline.run(&mut worker), Outcome::Done));
    let end = timeline.now.since_origin();
    assert!(
        Duration::from_secs(9) < end && end < Duration::from_secs(11),
        "{end:?}"
    );
    assert_eq!(bits(&timeline.cluster), plain(57));
}

fn failure_of(kind: RefusalKind) -> Failure {
    let (mut worker, cluster) = Setup::PLAIN.worker();
    let fate = move |n: usize, _: ServerId, request: &Request| {
        if is_push(request) && 30 < n {
            Fate::Refused(kind)
        } else {
            Fate::Arrives
        }
    };
    let mut timeline = Timeline::new(cluster, fate);
    match timeline.run(&mut worker) {
        Outcome::Failed(failure) => failure,
        other => panic!("{kind} ends in {other:?}"),
    }
}

#[test]
fn a_refusal_for_good_ends_the_worker_with_the_servers_words() {
    let text = failure_of(RefusalKind::WrongJob).to_string();
    assert_eq!(
        text,
        "server 0 at 127.0.0.1:4000 refused: wrong_job by test"
    );
    assert!(matches!(
        failure_of(RefusalKind::Fenced),
        Failure::Replaced { .. }
    ));
    assert!(matches!(
        failure_of(RefusalKind::UnknownSession),
        Failure::Replaced { .. }
    ));
    assert!(matches!(
        failure_of(RefusalKind::WrongGeneration),
        Failure::Remapped { .. }
    ));
    assert!(matches!(
        failure_of(RefusalKind::TooFar),
        Failure::Silent { .. }
    ));
}

#[test]
fn a_gradient_that_is_not_finite_is_named_and_pushed_to_no_shard() {
    let (mut worker, mut cluster) = Setup::PLAIN.worker();
    cluster.x.insert(FEATURES, f32::NAN);
    let mut timeline = Timeline::new(cluster, no_faults);
    let Outcome::Failed(failure) = timeline.run(&mut worker) else {
        panic!("it must fail")
    };
    let text = failure.to_string();
    assert!(
        text.starts_with("the gradient of iteration 0 is NaN at element "),
        "{text}"
    );
    assert!(timeline.cluster.pushes.is_empty());
}

#[test]
fn an_answer_of_another_kind_is_no_panic() {
    let (mut worker, _) = Setup::PLAIN.worker();
    let effects = worker.step(Time::ZERO, Event::Start);
    let crate::worker::Effect::Send { server, id, .. } = &effects[0] else {
        panic!("it asks")
    };
    let reply = thalweg_common::message::Reply::Left;
    let effects = worker.step(
        Time::ZERO,
        Event::Reply {
            server: *server,
            id: *id,
            reply,
        },
    );
    let last = effects.last().unwrap();
    let crate::worker::Effect::Finish(Outcome::Failed(failure)) = last else {
        panic!("{last:?}")
    };
    assert!(matches!(failure, Failure::Malformed { .. }));
    assert!(
        worker.step(Time::ZERO, Event::Tick).is_empty(),
        "no effect follows a finish"
    );
}
