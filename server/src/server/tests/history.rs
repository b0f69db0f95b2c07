//! What a server tells of its past.

use thalweg_common::message::{Happened, HistoryEvent, Pushed, StatusRequest};

use super::*;

fn told(server: &Server) -> Vec<HistoryEvent> {
    server.history(&StatusRequest {
        history: 100,
        worker: None,
    })
}

fn seconds(seconds: u64) -> Time {
    Time::from_origin(Duration::from_secs(seconds))
}

/// Applied on every shard, of one element each.
fn applied(sequence: u64, staleness: u64) -> Pushed {
    Pushed {
        sequence: Sequence(sequence),
        clock: Clock(sequence),
        elements: SHARDS.into(),
        staleness,
        applied: SHARDS,
        ..Pushed::default()
    }
}

#[test]
fn every_push_loss_fence_and_join_is_told_in_its_order() {
    let mut plan = plan(Consistency::Asp, 2);
    plan.training.staleness.limit = Some(0);
    plan.training.staleness.beyond = BeyondLimit::Count;
    let server = Server::new(plan, Time::ZERO).unwrap();
    let mut pushers = [Pusher::join(&server), Pusher::join(&server)];
    for pusher in &mut pushers {
        let range = pusher.range(&server);
        pusher.push(&server, vec![range]).unwrap();
    }
    pushers[0].push_again(&server, vec![]).unwrap();
    let [old, _] = pushers;
    server.tick(seconds(11));
    let fenced = |again: &Pusher| again.push_again(&server, vec![]).unwrap_err().kind;
    assert_eq!(fenced(&old), RefusalKind::Fenced);
    let register = Register {
        worker: Some(old.worker),
        ..registration()
    };
    let new = server.register(seconds(12), &register).unwrap();
    assert_eq!(
        server.ask(seconds(13), &old.pull(1)).unwrap_err().kind,
        RefusalKind::Fenced
    );
    let wrong = Register {
        fingerprint: Some(Fingerprint(6)),
        ..registration()
    };
    let refusal = server.register(seconds(14), &wrong).unwrap_err();

    let joined = |clock, after| Happened::Joined {
        clock: Clock(clock),
        place: "here".into(),
        after,
    };
    let silent = || "gave no sign of life for 11.0 s (the lease is 10.0 s)".to_owned();
    let again = Pushed {
        applied: 0,
        elements: 0,
        duplicates: SHARDS,
        ..applied(1, 0)
    };
    let late = Pushed {
        late: SHARDS,
        ..applied(1, 1)
    };
    let expected = [
        (0, 0, joined(0, None)),
        (0, 1, joined(0, None)),
        (0, 0, Happened::Pushed(applied(1, 0))),
        (0, 1, Happened::Pushed(late)),
        (0, 0, Happened::Pushed(again)),
        (11, 0, Happened::Lost { why: silent() }),
        (11, 1, Happened::Lost { why: silent() }),
        (
            0,
            0,
            Happened::Fenced {
                asked: Asked::Push,
                holder: None,
                why: silent(),
            },
        ),
        (12, 0, joined(1, Some(old.session))),
        (
            13,
            0,
            Happened::Fenced {
                asked: Asked::Pull,
                holder: Some(new.session),
                why: String::new(),
            },
        ),
    ];
    let events = told(&server);
    let (last, events) = events.split_last().unwrap();
    let seen = events.iter().map(|event| {
        let worker = event.worker.unwrap();
        (event.at.as_secs(), worker.0, event.what.clone())
    });
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(
        last.what,
        Happened::Refused {
            asked: Asked::Register,
            kind: RefusalKind::WrongJob,
            message: refusal.message
        }
    );
    assert_eq!((last.worker, last.session), (None, None));
    assert_eq!(events[8].session, Some(new.session));
}

#[test]
fn a_wait_is_told_after_the_push_that_ended_it_and_a_round_keeps_what_came() {
    let server = server(Consistency::Bsp, 2);
    let (mut a, mut b) = (Pusher::join(&server), Pusher::join(&server));
    let (first, second) = (a.range(&server), b.range(&server));
    a.push(&server, vec![first]).unwrap();
    assert!(matches!(
        server.ask(Time::ZERO, &a.pull(1)),
        Ok(Gate::Parked(_))
    ));
    assert!(matches!(
        server.ask(Time::ZERO, &b.pull(1)),
        Ok(Gate::Parked(_))
    ));
    b.push(&server, vec![second]).unwrap();
    let events = told(&server);
    let kept = Happened::Pushed(Pushed {
        applied: 0,
        kept: SHARDS,
        ..applied(1, 0)
    });
    let waited = Happened::Waited {
        floor: Clock(1),
        time: Duration::ZERO,
        last: b.worker,
    };
    let of = |worker: WorkerId, what: &Happened| (Some(worker), what.clone());
    let seen: Vec<_> = events[2..]
        .iter()
        .map(|e| (e.worker, e.what.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            of(a.worker, &kept),
            of(b.worker, &kept),
            of(a.worker, &waited)
        ]
    );
    assert_eq!(events[4].session, Some(a.session));
}

#[test]
fn a_push_of_which_a_part_was_refused_is_told_with_the_reason_and_moves_no_clock() {
    let server = server(Consistency::Asp, 1);
    let mut pusher = Pusher::join(&server);
    let stolen = DataRange {
        epoch: 0,
        start: 0,
        end: 5,
        checksum: 0,
    };
    pusher.push(&server, vec![stolen]).unwrap();
    let pushed = Pushed {
        applied: SHARDS - 1,
        refused: 1,
        reason: Some(RefusalKind::Invalid),
        ..applied(1, 0)
    };
    assert_eq!(told(&server).last().unwrap().what, Happened::Pushed(pushed));
    assert_eq!(server.status(Time::ZERO).workers[0].clock, Clock(0));
}
