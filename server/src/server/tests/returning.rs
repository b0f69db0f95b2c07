//! A server that returns: what was acknowledged before its checkpoint is there, what was on loan is open,
//! nobody's session is known, and everybody goes on.

use thalweg_common::message::{Leave, LeaveReason};
use thalweg_proto::transport;

use super::*;
use crate::checkpoint::{About, Checkpoints, Keeper, KeeperOptions, RealDisk, begin};
use crate::saved::SavedCoordinator;

/// A server that goes on from what another one is now, as one from its checkpoint does.
fn returned(server: &Server, plan: Plan, sessions_after: u64) -> Server {
    let again = Server::new(plan, Time::ZERO).unwrap();
    let mut desk = None;
    let saved: Vec<_> = server
        .shard_ids()
        .map(|shard| {
            let (saved, kept) = server.save(Time::ZERO, shard).unwrap();
            desk = desk.take().or(kept);
            saved
        })
        .collect();
    let desk = desk.expect("the first shard comes with the desk");
    again
        .restore_desk(Time::ZERO, &desk, sessions_after)
        .unwrap();
    for shard in &saved {
        again.restore_shard(shard).unwrap();
    }
    again
}

fn again(pusher: &Pusher) -> Register {
    Register {
        worker: Some(pusher.worker),
        after: Some(pusher.session),
        ..registration()
    }
}

#[test]
fn a_job_goes_on_after_its_server_returned_and_every_row_counts_once() {
    for consistency in [
        Consistency::Asp,
        Consistency::Ssp { lag: 2 },
        Consistency::Bsp,
    ] {
        let first = server(consistency, 2);
        let mut workers = [Pusher::join(&first), Pusher::join(&first)];
        for worker in &mut workers {
            let range = worker.range(&first);
            worker.push(&first, vec![range]).unwrap();
        }
        // One is acknowledged and waits for its round, if there are rounds; one is on loan.
        let range = workers[0].range(&first);
        workers[0].push(&first, vec![range]).unwrap();
        let _on_loan = workers[1].range(&first);
        let second = returned(&first, plan(consistency, 2), 1 << 24);
        assert_eq!(
            second.progress(),
            first.progress() + u64::from(consistency == Consistency::Bsp) * 10
        );
        let refusal = workers[0].push(&second, vec![]).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::UnknownSession);
        let mut workers = workers.map(|worker| {
            let back = second.register(Time::ZERO, &again(&worker)).unwrap();
            assert!(1 << 24 < back.session.0 && worker.session < back.session);
            assert_eq!(back.worker, worker.worker);
            Pusher::of(&back)
        });
        let mut idle = 0;
        while idle < workers.len() {
            idle = 0;
            for worker in &mut workers {
                match worker.grant(&second) {
                    Grant::Range { epoch, start, end } => {
                        let range = DataRange {
                            epoch,
                            start,
                            end,
                            checksum: start,
                        };
                        worker.push(&second, vec![range]).unwrap();
                    }
                    Grant::ClockOnly => drop(worker.push(&second, vec![]).unwrap()),
                    Grant::Wait(_) | Grant::Done => idle += 1,
                }
            }
        }
        for worker in &workers {
            second.leave(
                Time::ZERO,
                &Leave {
                    session: worker.session,
                    worker: worker.worker,
                    reason: LeaveReason::Done,
                    cause: String::new(),
                },
            );
        }
        let status = second.status(Time::ZERO);
        assert_eq!(status.phase, Phase::Done, "{consistency:?}");
        assert_eq!(status.epochs[0].rows, DATA.rows);
        assert_eq!(status.progress, DATA.rows, "{consistency:?}");
        let examples: u64 = status.workers.iter().map(|worker| worker.examples).sum();
        assert_eq!(examples, DATA.rows);
    }
}

#[test]
fn a_job_that_was_done_is_done_and_one_that_was_stopped_goes_on() {
    let first = server(Consistency::Asp, 1);
    let mut worker = Pusher::join(&first);
    let range = worker.range(&first);
    worker.push(&first, vec![range]).unwrap();
    first.stop(Time::ZERO, "told to stop");
    let second = returned(&first, plan(Consistency::Asp, 1), 100);
    assert_eq!(second.phase(), (Phase::Joining, String::new()));
    let mut worker = Pusher::of(&second.register(Time::ZERO, &registration()).unwrap());
    while let Grant::Range { epoch, start, end } = worker.grant(&second) {
        let range = DataRange {
            epoch,
            start,
            end,
            checksum: start,
        };
        worker.push(&second, vec![range]).unwrap();
    }
    assert_eq!(second.phase().0, Phase::Done);
    let third = returned(&second, plan(Consistency::Asp, 1), 200);
    assert_eq!(third.phase().0, Phase::Done);
    let worker = Pusher::of(&third.register(Time::ZERO, &registration()).unwrap());
    assert_eq!(worker.grant_again(&third, Time::ZERO), Grant::Done);
}

#[test]
fn a_server_that_returned_waits_for_its_first_worker_as_long_as_a_fresh_one() {
    let first = server(Consistency::Bsp, 2);
    let mut worker = Pusher::join(&first);
    let range = worker.range(&first);
    worker.push(&first, vec![range]).unwrap();
    let second = returned(&first, plan(Consistency::Bsp, 2), 100);
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let at = |seconds| Time::from_origin(Duration::from_secs(seconds));
    let observer = second.register(at(590), &observer).unwrap();
    // Its workers may take longer than the time to join to read their data.
    assert!(second.tick(at(599)).is_empty());
    assert!(!second.is_finished(at(599)));
    assert_eq!(second.phase().0, Phase::Joining);
    assert!(!second.is_finished(at(601)), "the observer is told first");
    let (phase, cause) = second.phase();
    assert_eq!(phase, Phase::Failed);
    assert!(
        cause.ends_with("and no worker came within 600 s"),
        "{cause}"
    );
    assert_eq!(kept(&second).failed, None, "it is nobody's fault");
    second.leave(
        at(601),
        &Leave {
            session: observer.session,
            worker: observer.worker,
            reason: LeaveReason::Done,
            cause: String::new(),
        },
    );
    assert!(second.is_finished(at(601)));
}

/// What server 0 keeps beside its shards.
fn kept(server: &Server) -> SavedCoordinator {
    let kept = server.save_desk(Time::ZERO).coordinator;
    kept.expect("server 0 keeps a ledger")
}

/// A server of two workers, the loss of any of which ends the job.
fn strict(rate: f64) -> Server {
    let mut plan = Plan {
        on_worker_loss: OnWorkerLoss::Stop,
        ..plan(Consistency::Asp, 2)
    };
    plan.training.rate = Arc::new(move |_| rate);
    Server::new(plan, Time::ZERO).unwrap()
}

/// A worker that has pushed a gradient.
fn at_work(server: &Server) -> Pusher {
    let mut worker = Pusher::join(server);
    let range = worker.range(server);
    worker.push(server, vec![range]).unwrap();
    worker
}

/// The worker fails.
fn fail(server: &Server, worker: &Pusher) {
    let leave = Leave {
        session: worker.session,
        worker: worker.worker,
        reason: LeaveReason::Failed,
        cause: "signal 9".into(),
    };
    server.leave(Time::ZERO, &leave);
}

#[test]
fn that_a_job_has_failed_is_kept_and_whoever_returns_all_the_same_goes_on() {
    let first = strict(1.0);
    let worker = at_work(&first);
    assert_eq!(kept(&first).failed, None);
    fail(&first, &worker);
    // Whoever is told to stop after that takes nothing from it.
    first.stop(Time::ZERO, "told to stop by SIGTERM");
    let cause = "worker 0 failed: signal 9";
    assert_eq!(kept(&first).failed.as_deref(), Some(cause));
    let second = returned(&first, plan(Consistency::Asp, 2), 100);
    assert_eq!(second.phase(), (Phase::Joining, String::new()));
    assert_eq!(kept(&second).failed, None);
}

#[test]
fn a_server_that_is_told_to_stop_keeps_no_failure_whatever_comes_after() {
    let server = strict(1.0);
    let worker = at_work(&server);
    server.stop(Time::ZERO, "told to stop by SIGTERM");
    fail(&server, &worker);
    assert_eq!(server.phase().0, Phase::Failed);
    assert_eq!(kept(&server).failed, None);
}

#[test]
fn the_last_checkpoint_says_that_the_job_has_failed_also_where_parameters_have_diverged() {
    for (rate, is_fresh) in [(1.0, false), (f64::INFINITY, true)] {
        let server = Arc::new(strict(rate));
        let plan = server.plan();
        let about = About {
            job: plan.job.clone(),
            fingerprint: plan.fingerprint,
            server: plan.server,
            servers: 1,
            generation: 1,
            shards: server.shard_ids().collect(),
        };
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = || {
            let path = folder.path().to_owned();
            Checkpoints::new(path, Arc::new(RealDisk), about.clone(), 3)
        };
        let options = KeeperOptions {
            checkpoints: checkpoints(),
            every: None,
            begun: begin(&server, (&checkpoints(), None), (Time::ZERO, 1)).unwrap(),
        };
        let clock = transport::Clock::start();
        let keeper = Keeper::start(server.clone(), options, clock).unwrap();
        fail(&server, &at_work(&server));
        assert_eq!(checkpoints().failure(), None, "it is not the last");
        keeper.end();
        let cause = checkpoints().failure();
        assert_eq!(cause.as_deref(), Some("worker 0 failed: signal 9"));
        let newest = checkpoints();
        let found = newest.newest().unwrap().unwrap();
        assert_eq!(found.manifest.is_fresh, is_fresh, "rate {rate}");
    }
}

#[test]
fn what_an_earlier_release_kept_says_nothing_of_a_failure() {
    let kept = kept(&strict(1.0));
    let mut earlier = serde_json::to_value(&kept).unwrap();
    let removed = earlier.as_object_mut().unwrap().remove("failed");
    assert_eq!(removed, Some(serde_json::Value::Null));
    let read: SavedCoordinator = serde_json::from_value(earlier).unwrap();
    assert_eq!(read, kept);
}

#[test]
fn a_worker_that_comes_back_does_not_take_its_slot_from_another() {
    let server = server(Consistency::Asp, 1);
    let old = Pusher::join(&server);
    let back = server.register(Time::ZERO, &again(&old)).unwrap();
    assert!(old.session < back.session, "nobody else had it");
    let new = Register {
        worker: Some(WorkerId(0)),
        ..registration()
    };
    server.register(Time::ZERO, &new).unwrap();
    let refusal = server
        .register(Time::ZERO, &again(&Pusher::of(&back)))
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::SlotsTaken);
    assert!(refusal.message.contains("not needed any more"), "{refusal}");
}

#[test]
fn a_worker_that_comes_back_in_a_round_has_given_what_it_gave_and_owes_what_it_did_not() {
    let server = server(Consistency::Bsp, 2);
    let (mut a, mut b) = (Pusher::join(&server), Pusher::join(&server));
    let range = a.range(&server);
    a.push(&server, vec![range]).unwrap();
    assert_eq!(server.progress(), 0, "the round waits for the other one");
    let back = server.register(Time::ZERO, &again(&a)).unwrap();
    assert_eq!((back.clock, server.progress()), (Clock(1), 0));
    let mut a = Pusher::of(&back);
    let range = b.range(&server);
    b.push(&server, vec![range]).unwrap();
    assert_eq!(server.progress(), 20, "with what the earlier session gave");
    let range = a.range(&server);
    a.push(&server, vec![range]).unwrap();
    assert_eq!(server.progress(), 20);
    let back = server.register(Time::ZERO, &again(&b)).unwrap();
    assert_eq!(
        (back.clock, server.progress()),
        (Clock(2), 30),
        "it is over"
    );
    let mut b = Pusher::of(&back);
    for worker in [&mut a, &mut b] {
        let range = worker.range(&server);
        worker.push(&server, vec![range]).unwrap();
    }
    assert_eq!(server.progress(), 50, "they are in one round again");
}

#[test]
fn another_server_counts_as_server_0_does_once_that_has_returned() {
    let server = Server::new(
        Plan {
            server: ServerId(1),
            map: {
                let layout = plan(Consistency::Bsp, 2).layout;
                ShardMap::plan(&layout, 2, Generation(1)).unwrap()
            },
            ..plan(Consistency::Bsp, 2)
        },
        Time::ZERO,
    )
    .unwrap();
    let told = |worker: u32, session: u64, clock: u64| Register {
        worker: Some(WorkerId(worker)),
        session: Some(SessionId(session)),
        clock: Some(Clock(clock)),
        ..registration()
    };
    for (worker, session) in [(0, 1), (1, 2)] {
        let registered = server
            .register(Time::ZERO, &told(worker, session, 0))
            .unwrap();
        assert_eq!(registered.clock, Clock(0));
    }
    let registered = server.register(Time::ZERO, &told(0, 9, 7)).unwrap();
    assert_eq!(registered.clock, Clock(7));
    let again = server.register(Time::ZERO, &told(0, 9, 7)).unwrap();
    assert_eq!(again.clock, Clock(7), "a sign of life changes nothing");
    let status = server.status(Time::ZERO);
    assert_eq!(status.workers[0].clock, Clock(7));
}

#[test]
fn workers_that_do_not_come_back_are_lost_in_the_time_to_join() {
    let first = server(Consistency::Asp, 2);
    let mut worker = Pusher::join(&first);
    let range = worker.range(&first);
    worker.push(&first, vec![range]).unwrap();
    let second = returned(&first, plan(Consistency::Asp, 2), 100);
    let at = |seconds| Time::from_origin(Duration::from_secs(seconds));
    // From when the first of them is there.
    second.register(at(300), &registration()).unwrap();
    let lost = |seconds| -> Vec<_> {
        let lapsed = second.tick(at(seconds)).into_iter();
        let never_came = lapsed.filter(|lapse| lapse.session.is_none());
        never_came.map(|lapse| lapse.worker).collect()
    };
    assert_eq!(lost(359), []);
    assert_eq!(lost(361), [WorkerId(1)]);
}
