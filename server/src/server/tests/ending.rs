//! When a server ends, and whether the job was done by then.

use thalweg_common::message::{Heartbeat, Request, StatusRequest};

use super::*;

#[test]
fn the_loss_of_the_last_worker_ends_the_job_with_a_cause() {
    let server = server(Consistency::Asp, 1);
    let a = Pusher::join(&server);
    let leave = Leave {
        session: a.session,
        worker: a.worker,
        reason: LeaveReason::Failed,
        cause: "signal 9".into(),
    };
    server.leave(Time::ZERO, &leave);
    let (phase, cause) = server.phase();
    assert_eq!(phase, Phase::Failed);
    assert!(
        cause.contains("signal 9") && cause.contains("last worker"),
        "{cause}"
    );
}

#[test]
fn a_server_ends_when_the_job_is_done_and_the_observer_has_left() {
    let server = server(Consistency::Asp, 1);
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let observer = server.register(Time::ZERO, &observer).unwrap();
    let mut a = Pusher::join(&server);
    while let Grant::Range { epoch, start, end } = a.grant(&server) {
        a.push(
            &server,
            vec![DataRange {
                epoch,
                start,
                end,
                checksum: 0,
            }],
        )
        .unwrap();
    }
    assert!(!server.is_finished(Time::ZERO));
    let leave = |session, worker| Leave {
        session,
        worker,
        reason: LeaveReason::Done,
        cause: String::new(),
    };
    server.leave(Time::ZERO, &leave(a.session, a.worker));
    assert!(!server.is_finished(Time::ZERO), "the observer still reads");
    server.leave(Time::ZERO, &leave(observer.session, observer.worker));
    assert!(server.is_finished(Time::ZERO));
}

#[test]
fn whoever_watches_is_given_a_moment_to_see_how_the_job_ended() {
    let at = |millis| Time::from_origin(Duration::from_millis(millis));
    let look = |server: &Server, millis| {
        drop(server.answer(at(millis), Request::Status(StatusRequest::default())));
    };
    for (looked, watched) in [(None, false), (Some(6_000), false), (Some(8_000), true)] {
        let server = server(Consistency::Bsp, 1);
        let worker = Pusher::join(&server);
        let failed = Leave {
            reason: LeaveReason::Failed,
            ..outage(&worker)
        };
        server.leave(at(4_000), &failed);
        assert!(!server.is_finished(at(4_000)));
        if let Some(looked) = looked {
            look(&server, looked);
        }
        // It has lingered.
        assert_eq!(server.is_finished(at(9_001)), !watched, "{looked:?}");
        if watched {
            look(&server, 9_900);
            assert!(!server.is_finished(at(10_001)));
            assert!(server.is_finished(at(10_002)), "however often it is asked");
        }
    }
}

/// A server whose only worker was told to stop half-way, and the time when it has lingered.
fn abandoned(reason: LeaveReason) -> (Server, Time) {
    let server = server(Consistency::Asp, 1);
    let mut a = Pusher::join(&server);
    let range = a.range(&server);
    a.push(&server, vec![range]).unwrap();
    let leave = Leave {
        session: a.session,
        worker: a.worker,
        reason,
        cause: match reason {
            LeaveReason::Failed => "signal 9".into(),
            _ => String::new(),
        },
    };
    server.leave(Time::ZERO, &leave);
    assert!(!server.is_finished(Time::ZERO));
    (server, Time::from_origin(Duration::from_secs(6)))
}

#[test]
fn a_job_that_everybody_left_unfinished_has_failed_and_says_who_left_how() {
    let (server, later) = abandoned(LeaveReason::Stopped);
    assert_eq!(server.phase().0, Phase::Training, "a worker may come back");
    assert!(server.is_finished(later));
    let expected = "20 of 100 examples are committed, and no worker is left: worker 0 was told to \
                    stop";
    assert_eq!(server.phase(), (Phase::Failed, expected.to_owned()));
    let kept = server.save_desk(later).coordinator.unwrap();
    assert_eq!(kept.failed, None, "all of them may be started again");
}

#[test]
fn a_look_from_outside_does_not_end_the_wait_for_a_worker_that_may_come_back() {
    let (server, later) = abandoned(LeaveReason::Stopped);
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let observer = server.register(Time::ZERO, &observer).unwrap();
    let leave = Leave {
        session: observer.session,
        worker: observer.worker,
        reason: LeaveReason::Done,
        cause: String::new(),
    };
    server.leave(Time::ZERO, &leave);
    assert!(!server.is_finished(Time::ZERO));
    assert!(server.is_finished(later));
}

#[test]
fn a_server_beside_server_0_goes_by_the_word_of_the_workers_that_left() {
    for (reason, phase) in [
        (LeaveReason::Done, Phase::Training),
        (LeaveReason::Stopped, Phase::Failed),
        (LeaveReason::Failed, Phase::Failed),
        (LeaveReason::Diverged, Phase::Failed),
        (LeaveReason::JobFailed, Phase::Failed),
    ] {
        let plan = Plan {
            server: ServerId(1),
            ..plan(Consistency::Asp, 1)
        };
        let server = Server::new(plan, Time::ZERO).unwrap();
        let register = Register {
            session: Some(SessionId(1)),
            worker: Some(WorkerId(0)),
            ..registration()
        };
        let joined = server.register(Time::ZERO, &register).unwrap();
        let leave = Leave {
            session: joined.session,
            worker: joined.worker,
            reason,
            cause: "signal 9".into(),
        };
        server.leave(Time::ZERO, &leave);
        assert!(!server.is_finished(Time::ZERO));
        assert!(server.is_finished(Time::from_origin(Duration::from_secs(6))));
        assert_eq!(server.phase().0, phase, "{reason:?}");
        let kept = server.save_desk(Time::ZERO).failed;
        let is_decided = matches!(reason, LeaveReason::Diverged | LeaveReason::JobFailed);
        assert_eq!(kept.is_some(), is_decided, "{reason:?}");
    }
}

#[test]
fn a_worker_that_diverged_ends_the_job_for_the_others_too() {
    let server = server(Consistency::Asp, 2);
    let (a, b) = (Pusher::join(&server), Pusher::join(&server));
    let leave = Leave {
        session: a.session,
        worker: a.worker,
        reason: LeaveReason::Diverged,
        cause: "worker 0 failed: the gradient is NaN".into(),
    };
    server.leave(Time::ZERO, &leave);
    let status = server.status(Time::ZERO);
    let cause = "worker 0 failed: the gradient is NaN";
    assert_eq!(
        (status.phase, &*status.cause, status.diverged),
        (Phase::Failed, cause, true)
    );
    let told = server.next_range(Time::ZERO, &b.asks()).unwrap_err();
    assert_eq!((told.kind, &*told.message), (RefusalKind::Diverged, cause));
    server.stop(Time::ZERO, "told to stop by SIGTERM");
    assert_eq!(server.phase().1, cause, "the first cause counts");
    let kept = server.save_desk(Time::ZERO).coordinator.unwrap();
    assert_eq!(kept.failed.as_deref(), Some(cause));
}

#[test]
fn a_cause_names_its_worker_once() {
    let (server, later) = abandoned(LeaveReason::Failed);
    let (_, cause) = server.phase();
    assert_eq!(cause, "worker 0 failed: signal 9; it was the last worker");
    assert_eq!(server.status(later).workers[0].doing, "failed: signal 9");
}

#[test]
fn a_server_that_was_started_anew_ends_the_job_and_workers_are_told_why() {
    let mut plan = plan(Consistency::Asp, 2);
    plan.map = ShardMap::plan(&plan.layout, 2, Generation(1)).unwrap();
    let server = Server::new(plan, Time::ZERO).unwrap();
    let mut worker = Pusher::join(&server);
    let met = |lives: &[u64]| Register {
        worker: Some(worker.worker),
        session: Some(worker.session),
        lives: lives.iter().copied().map(Life).collect(),
        ..registration()
    };
    // Those who know less, as much or more have met the same servers.
    for lives in [&[3][..], &[3, 8], &[], &[3], &[3, 8]] {
        server.register(Time::ZERO, &met(lives)).unwrap();
    }
    let refusal = server.register(Time::ZERO, &met(&[3, 80])).unwrap_err();
    let anew = "server 1 was started anew and has lost its parameters";
    assert!(refusal.message.starts_with(anew), "{refusal}");
    assert_eq!(server.status(Time::ZERO).phase, Phase::Failed);
    let kept = server.save_desk(Time::ZERO).coordinator.unwrap();
    assert_eq!(kept.failed, None, "the server is at fault, not the job");
    let told = server.next_range(Time::ZERO, &worker.asks()).unwrap_err();
    assert_eq!(
        (told.kind, told.message.starts_with(anew)),
        (RefusalKind::Stopping, true)
    );
    assert!(
        worker.push(&server, vec![]).is_ok(),
        "what is on its way is taken"
    );
}

#[test]
fn what_is_said_of_lives_is_judged_and_an_earlier_life_of_this_server_is_known() {
    let server = server(Consistency::Asp, 1);
    let met = |lives: &[u64]| Register {
        lives: lives.iter().copied().map(Life).collect(),
        ..registration()
    };
    let too_many = server.register(Time::ZERO, &met(&[3, 8])).unwrap_err();
    assert_eq!(too_many.kind, RefusalKind::Invalid);
    assert!(too_many.message.contains("found 2"), "{too_many}");
    let earlier = server.register(Time::ZERO, &met(&[2])).unwrap_err();
    assert!(
        earlier.message.starts_with("server 0 was started anew"),
        "{earlier}"
    );
}

#[test]
fn a_server_that_is_told_to_stop_after_the_end_leaves_the_job_done() {
    let server = server(Consistency::Asp, 1);
    let mut worker = Pusher::join(&server);
    while let Grant::Range { epoch, start, end } = worker.grant(&server) {
        let range = DataRange {
            epoch,
            start,
            end,
            checksum: 0,
        };
        worker.push(&server, vec![range]).unwrap();
    }
    server.stop(Time::ZERO, "told to stop by SIGTERM");
    assert_eq!(server.phase(), (Phase::Done, String::new()));
}

#[test]
fn a_job_that_an_observer_concludes_is_done_once_nothing_is_on_loan() {
    let server = server(Consistency::Asp, 1);
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let observer = server.register(Time::ZERO, &observer).unwrap();
    let mut a = Pusher::join(&server);
    let range = a.range(&server);
    let conclude = |session, worker| Conclude {
        session,
        worker,
        why: "the target is reached".into(),
    };
    let refused = server.conclude(Time::ZERO, &conclude(a.session, a.worker));
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("only an observer"), "{words}");
    let conclude = conclude(observer.session, observer.worker);
    server.conclude(Time::ZERO, &conclude).unwrap();
    assert_eq!(server.phase().0, Phase::Training, "a range is on loan");
    assert_eq!(a.grant(&server), Grant::Done);
    a.push(&server, vec![range]).unwrap();
    server.tick(Time::ZERO);
    let expected = (Phase::Done, "the target is reached".to_owned());
    assert_eq!(server.phase(), expected);
}

#[test]
fn rows_of_a_stream_are_offered_by_observers_and_to_jobs_on_streams_alone() {
    let whole = server(Consistency::Asp, 1);
    let plan = plan(Consistency::Asp, 1);
    let streamed = Server::new(
        Plan {
            coordinator: coordinator::Plan {
                streamed: true,
                examples_total: u64::MAX / 4,
                ..plan.coordinator.clone()
            },
            ..plan
        },
        Time::ZERO,
    )
    .unwrap();
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let offer = |server: &Server, rows, closed| {
        let observer = server.register(Time::ZERO, &observer).unwrap();
        let (session, worker) = (observer.session, observer.worker);
        let offer = Offer {
            session,
            worker,
            rows,
            closed,
        };
        server.offer(Time::ZERO, offer)
    };
    let refused = offer(&whole, 10, false).unwrap_err().to_string();
    assert!(refused.contains("no stream"), "{refused}");
    let mut a = Pusher::join(&streamed);
    assert!(
        matches!(a.grant(&streamed), Grant::Wait(_)),
        "nothing has arrived"
    );
    assert_eq!(offer(&streamed, 3, false).unwrap(), 0);
    let range = a.range(&streamed);
    assert_eq!((range.start, range.end), (0, 3));
    assert!(matches!(a.grant(&streamed), Grant::Wait(_)));
    a.push(&streamed, vec![range]).unwrap();
    assert_eq!(streamed.phase().0, Phase::Training);
    assert_eq!(offer(&streamed, 3, true).unwrap(), 3);
    assert_eq!(streamed.phase().0, Phase::Done);
    assert_eq!(streamed.status(Time::ZERO).examples_total, 3);
}

#[test]
fn a_job_whose_workers_all_fell_silent_waits_for_one_and_is_given_up_in_the_end() {
    let at = |seconds| Time::from_origin(Duration::from_secs(seconds));
    for comes_back in [true, false] {
        let server = server(Consistency::Asp, 2);
        let mut workers = [Pusher::join(&server), Pusher::join(&server)];
        let range = workers[0].range(&server);
        assert_eq!(server.tick(at(11)).len(), 2);
        assert_eq!(server.phase().0, Phase::Training);
        assert!(!server.is_finished(at(12)));
        assert!(!server.is_finished(at(60)));
        if comes_back {
            let again = Register {
                worker: Some(WorkerId(0)),
                after: Some(workers[0].session),
                ..registration()
            };
            let mut again = Pusher::of(&server.register(at(60), &again).unwrap());
            assert!(server.tick(at(69)).is_empty());
            assert_eq!(server.phase().0, Phase::Training);
            assert!(!server.is_finished(at(69)));
            assert_eq!(
                again.range(&server),
                range,
                "what was on loan is dealt again"
            );
            continue;
        }
        assert!(server.tick(at(71)).is_empty());
        assert_eq!(server.phase().0, Phase::Training);
        assert!(server.tick(at(72)).is_empty());
        let (phase, cause) = server.phase();
        assert_eq!(phase, Phase::Failed);
        let words = "gave no sign of life for 11.0 s (the lease is 10.0 s); it was the last worker, and none has come in \
                     the 61.0 s since";
        assert!(cause.ends_with(words), "{cause}");
        assert!(!server.is_finished(at(72)));
        assert!(server.is_finished(at(78)));
    }
}

#[test]
fn a_server_that_was_paused_itself_takes_nobody_for_silent_and_one_that_nobody_knows_ends_at_once()
{
    let at = |seconds| Time::from_origin(Duration::from_secs(seconds));
    let server = server(Consistency::Asp, 1);
    let mut worker = Pusher::join(&server);
    assert!(server.tick(at(1)).is_empty());
    server.slept(Duration::from_secs(20));
    assert!(server.tick(at(21)).is_empty());
    let range = worker.range(&server);
    worker.push_at(at(22), &server, vec![range]).unwrap();
    assert_eq!(
        server.tick(at(60)).len(),
        1,
        "a lease runs out all the same"
    );
    let idle = Server::new(plan(Consistency::Asp, 1), Time::ZERO).unwrap();
    idle.stop(at(1), "told to stop by SIGTERM");
    assert!(idle.is_finished(at(1)));
}

/// What a worker says that goes because a server does not answer.
fn outage(worker: &Pusher) -> Leave {
    Leave {
        session: worker.session,
        worker: worker.worker,
        reason: LeaveReason::Stopped,
        cause: "server 1 did not answer for 120 s".into(),
    }
}

#[test]
fn the_outage_of_a_server_breaks_a_job_off_and_does_not_fail_it_for_good() {
    let cause = "worker 0 left: server 1 did not answer for 120 s";
    for on_worker_loss in [OnWorkerLoss::Stop, OnWorkerLoss::Continue] {
        let plan = Plan {
            on_worker_loss,
            ..plan(Consistency::Bsp, 1)
        };
        let server = Server::new(plan, Time::ZERO).unwrap();
        let worker = Pusher::join(&server);
        server.leave(Time::ZERO, &outage(&worker));
        let strict = on_worker_loss == OnWorkerLoss::Stop;
        assert_eq!(
            server.phase().0 == Phase::Failed,
            strict,
            "it may come back"
        );
        assert!(!server.is_finished(Time::ZERO));
        let later = Time::from_origin(Duration::from_secs(6));
        assert!(server.is_finished(later));
        let (phase, words) = server.phase();
        assert_eq!(phase, Phase::Failed);
        assert!(words.ends_with(cause), "{words}");
        let kept = server.save_desk(later).coordinator.unwrap();
        assert_eq!(kept.failed, None, "both may be started again");
    }
}

#[test]
fn workers_that_fall_silent_while_others_have_yet_to_come_are_waited_for() {
    let server = server(Consistency::Asp, 2);
    Pusher::join(&server);
    let at = |seconds| Time::from_origin(Duration::from_secs(seconds));
    // The lease of the one ends before the time to join of the other.
    for seconds in [55, 61, 100] {
        server.tick(at(seconds));
        assert_ne!(server.phase().0, Phase::Failed, "at {seconds} s");
    }
    server.tick(at(116));
    let (phase, cause) = server.phase();
    assert_eq!(phase, Phase::Failed);
    assert!(
        cause.starts_with("worker 0 gave no sign of life"),
        "{cause}"
    );
    let kept = server.save_desk(at(116)).coordinator.unwrap();
    assert_eq!(kept.failed, None, "silence decides nothing");
}

fn sign_of_life(worker: &Pusher) -> Heartbeat {
    Heartbeat {
        session: worker.session,
        worker: worker.worker,
        clock: Clock(worker.clock),
        doing: "computing".into(),
        idle: false,
        sent_bytes: 0,
        received_bytes: 0,
        compute: Duration::ZERO,
        waited: Duration::ZERO,
        retries: 0,
    }
}

#[test]
fn a_worker_that_hung_takes_no_place_again_and_another_one_does() {
    let mut plan = plan(Consistency::Bsp, 2);
    plan.bounds.iteration = Duration::from_secs(20);
    let server = Server::new(plan, Time::ZERO).unwrap();
    let (hung, mut fast) = (Pusher::join(&server), Pusher::join(&server));
    let range = fast.range(&server);
    fast.push(&server, vec![range]).unwrap();
    let mut lost = Vec::new();
    for seconds in 0..22 {
        let now = Time::from_origin(Duration::from_secs(seconds));
        for worker in [&hung, &fast] {
            // A fenced one is told so.
            server.heartbeat(now, &sign_of_life(worker)).ok();
        }
        lost.extend(server.tick(now));
    }
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!((lost[0].worker, lost[0].hangs), (hung.worker, true));
    let now = Time::from_origin(Duration::from_secs(22));
    let again = Register {
        worker: Some(hung.worker),
        after: Some(hung.session),
        ..registration()
    };
    let refusal = server.register(now, &again).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert!(
        refusal.message.contains("finished no iteration"),
        "{refusal}"
    );
    let other = server.register(now, &registration()).unwrap();
    assert_eq!(other.worker, hung.worker);
}

#[test]
fn a_server_that_has_returned_believes_those_who_leave_how_the_job_ended() {
    for (reason, failed) in [
        (LeaveReason::Done, None),
        (LeaveReason::JobFailed, Some("the gradient is NaN")),
    ] {
        let second = || Plan {
            server: ServerId(1),
            ..plan(Consistency::Asp, 1)
        };
        let leave = Leave {
            session: SessionId(7),
            worker: WorkerId(0),
            reason,
            cause: "the gradient is NaN".into(),
        };
        let fresh = Server::new(second(), Time::ZERO).unwrap();
        fresh.leave(Time::ZERO, &leave);
        assert_eq!(fresh.phase().0, Phase::Joining, "nobody was here before");
        let returned = Server::new(second(), Time::ZERO).unwrap();
        let desk = fresh.save_desk(Time::ZERO);
        returned.restore_desk(Time::ZERO, &desk, 100).unwrap();
        returned.leave(Time::ZERO, &leave);
        let kept = returned.save_desk(Time::ZERO).failed;
        assert_eq!(kept.as_deref(), failed);
        assert!(!returned.is_finished(Time::ZERO));
        assert!(returned.is_finished(Time::from_origin(Duration::from_secs(6))));
    }
}
