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

const SILENT: &str = "gave no sign of life for 11.0 s (the lease is 10.0 s)";

fn joined(clock: u64, after: Option<SessionId>) -> Happened {
    Happened::Joined {
        clock: Clock(clock),
        place: "here".into(),
        after,
    }
}

fn lost() -> Happened {
    Happened::Lost { why: SILENT.into() }
}

fn fenced(asked: Asked, holder: Option<SessionId>) -> Happened {
    Happened::Fenced {
        asked,
        holder,
        why: holder.map_or(SILENT, |_| "").into(),
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
    let refusal = old.push_again(&server, vec![]).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Fenced);
    let register = Register {
        worker: Some(old.worker),
        ..registration()
    };
    let new = server.register(seconds(12), &register).unwrap();
    let refusal = server.ask(seconds(13), &old.pull(1)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Fenced);

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
        (11, 0, lost()),
        (11, 1, lost()),
        (0, 0, fenced(Asked::Push, None)),
        (12, 0, joined(1, Some(old.session))),
        (13, 0, fenced(Asked::Pull, Some(new.session))),
    ];
    let events = told(&server);
    let seen = events.iter().map(|event| {
        let worker = event.worker.unwrap();
        (event.at.as_secs(), worker.0, event.what.clone())
    });
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(events[8].session, Some(new.session));
}

#[test]
fn a_refused_registration_is_told_with_the_reason() {
    let server = server(Consistency::Asp, 1);
    let wrong = Register {
        fingerprint: Some(Fingerprint(6)),
        ..registration()
    };
    let refusal = server.register(seconds(14), &wrong).unwrap_err();
    let what = Happened::Refused {
        asked: Asked::Register,
        kind: RefusalKind::WrongJob,
        message: refusal.message,
    };
    let event = HistoryEvent {
        at: Duration::from_secs(14),
        worker: None,
        session: None,
        what,
    };
    assert_eq!(told(&server), [event]);
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
    let later = Duration::from_secs(2);
    b.push_at(Time::ZERO + later, &server, vec![second])
        .unwrap();
    let events = told(&server);
    let kept = Happened::Pushed(Pushed {
        applied: 0,
        kept: SHARDS,
        ..applied(1, 0)
    });
    let waited = Happened::Waited {
        floor: Clock(1),
        time: later,
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
