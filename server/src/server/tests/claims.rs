//! What callers claim of themselves is judged: weights, numbers of sessions, lives of servers, texts.

use thalweg_common::message::{Conclude, Heartbeat, Push, Reply, Request};

use super::*;
use crate::direct::Handled;

fn observation() -> Register {
    Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    }
}

fn at_server_1(workers: u32) -> Server {
    let mut plan = plan(Consistency::Asp, workers);
    plan.server = ServerId(1);
    plan.map = ShardMap::plan(&plan.layout, 2, Generation(1)).unwrap();
    Server::new(plan, Time::ZERO).unwrap()
}

#[test]
fn a_push_that_weighs_more_than_the_job_is_refused_and_many_that_weigh_all_of_it_end_it() {
    let server = server(Consistency::Asp, 1);
    let worker = Pusher::join(&server);
    for weight in [DATA.rows + 1, u64::MAX] {
        let header = PushHeader {
            weight,
            ..worker.header(vec![])
        };
        let refusal = server.judge_push(Time::ZERO, &header, 1).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert!(
            refusal.message.contains("the whole job has 100"),
            "{refusal}"
        );
    }
    assert_eq!(server.phase().0, Phase::Joining);
    let stream = plan_of_a_stream();
    let server = Server::new(stream, Time::ZERO).unwrap();
    let mut worker = Pusher::join(&server);
    for _ in 0..8 {
        worker.sequence += 1;
        worker.clock += 1;
        let header = PushHeader {
            weight: u64::MAX / 4,
            ..worker.header(vec![])
        };
        let part = worker.part(0, &header);
        let mut event = server.judge_push(Time::ZERO, &header, 1).unwrap();
        let ack = server.push_part(Time::ZERO, &header, &part);
        event.note(1, &ack);
        server.finish_push(Time::ZERO, &header, &event);
    }
    assert_eq!(
        server.phase().0,
        Phase::Done,
        "counted to the brim, not past it"
    );
}

fn plan_of_a_stream() -> Plan {
    let mut plan = plan(Consistency::Asp, 1);
    plan.coordinator.examples_total = u64::MAX / 4;
    plan
}

#[test]
fn lives_that_an_observer_claims_end_no_job() {
    let server = server(Consistency::Asp, 1);
    let mut worker = Pusher::join(&server);
    let claim = Register {
        lives: vec![Life(1)],
        ..observation()
    };
    let told = server.register(Time::ZERO, &claim).unwrap_err();
    assert_eq!(told.kind, RefusalKind::Stopping);
    assert!(told.message.starts_with("server 0 was started anew"));
    let asks = Register {
        data: None,
        lives: vec![Life(1)],
        ..registration()
    };
    server.register(Time::ZERO, &asks).unwrap_err();
    let range = worker.range(&server);
    worker.push(&server, vec![range]).unwrap();
    assert_eq!(server.phase().0, Phase::Training);
    // Nor does what they claim stick.
    let server = at_server_1(1);
    let claim = Register {
        session: Some(SessionId(2).of_observer()),
        lives: vec![Life(1)],
        ..observation()
    };
    server.register(Time::ZERO, &claim).unwrap();
    let worker = Register {
        worker: Some(WorkerId(0)),
        session: Some(SessionId(1)),
        lives: vec![Life(3)],
        ..registration()
    };
    server.register(Time::ZERO, &worker).unwrap();
}

#[test]
fn server_0_takes_no_number_that_it_did_not_give_and_no_server_an_observers_for_a_workers() {
    let server = server(Consistency::Asp, 2);
    let first = Pusher::join(&server);
    let next = SessionId(first.session.0 + 1);
    for (register, kind) in [
        (observation(), RefusalKind::Invalid),
        (registration(), RefusalKind::UnknownSession),
    ] {
        let guess = Register {
            session: Some(next),
            ..register
        };
        let refusal = server.register(Time::ZERO, &guess).unwrap_err();
        assert_eq!(refusal.kind, kind, "{refusal}");
    }
    let guess = Register {
        session: Some(next.of_observer()),
        ..observation()
    };
    let refusal = server.register(Time::ZERO, &guess).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::UnknownSession);
    // The one who really comes next is not in its way.
    let mut second = Pusher::join(&server);
    assert_eq!(second.session, next);
    let range = second.range(&server);
    second.push(&server, vec![range]).unwrap();
    let observer = server.register(Time::ZERO, &observation()).unwrap();
    assert!(observer.session.is_of_observer());
    let again = Register {
        session: Some(observer.session),
        ..observation()
    };
    let again = server.register(Time::ZERO, &again).unwrap();
    assert_eq!(again.session, observer.session);
    let beside = at_server_1(2);
    for (session, register) in [
        (SessionId(1), observation()),
        (SessionId(1).of_observer(), registration()),
    ] {
        let wrong = Register {
            worker: Some(WorkerId(0)),
            session: Some(session),
            ..register
        };
        let refusal = beside.register(Time::ZERO, &wrong).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{refusal}");
    }
}

#[test]
fn a_push_that_is_finished_after_its_slot_was_taken_moves_nobodys_clock() {
    let server = server(Consistency::Asp, 1);
    let mut old = Pusher::join(&server);
    let range = old.range(&server);
    old.sequence += 1;
    old.clock += 1;
    let header = old.header(vec![range]);
    let part = old.part(1, &header);
    let mut event = server.judge_push(Time::ZERO, &header, 1).unwrap();
    let ack = server.push_part(Time::ZERO, &header, &part);
    event.note(1, &ack);
    let new = Register {
        worker: Some(WorkerId(0)),
        ..registration()
    };
    let new = server.register(Time::ZERO, &new).unwrap();
    let before = server.status(Time::ZERO).workers[0].clock;
    server.finish_push(Time::ZERO, &header, &event);
    let status = server.status(Time::ZERO);
    assert_eq!(status.workers[0].clock, before);
    assert!(old.session < new.session);
}

#[test]
fn texts_of_callers_are_kept_in_part() {
    let server = server(Consistency::Asp, 2);
    let long = "x".repeat(1 << 20);
    let wide = Register {
        place: long.clone(),
        ..registration()
    };
    let worker = server.register(Time::ZERO, &wide).unwrap();
    let heartbeat = Heartbeat {
        session: worker.session,
        worker: worker.worker,
        clock: Clock(0),
        doing: long.clone(),
        idle: false,
        sent_bytes: 0,
        received_bytes: 0,
        compute: Duration::ZERO,
        waited: Duration::ZERO,
        retries: 0,
    };
    server.heartbeat(Time::ZERO, &heartbeat).unwrap();
    let told = &server.status(Time::ZERO).workers[0];
    assert!(told.place.len() < 1_000 && told.doing.len() < 1_000);
    server.leave(
        Time::ZERO,
        &Leave {
            session: worker.session,
            worker: worker.worker,
            reason: LeaveReason::Failed,
            cause: long.clone(),
        },
    );
    let told = &server.status(Time::ZERO).workers[0];
    assert!((1_000..3_000).contains(&told.doing.len()));
    let observer = server.register(Time::ZERO, &observation()).unwrap();
    let conclude = Conclude {
        session: observer.session,
        worker: observer.worker,
        why: long,
    };
    server.conclude(Time::ZERO, &conclude).unwrap();
    server.tick(Time::ZERO);
    assert!(server.status(Time::ZERO).cause.len() < 3_000);
}

/// A push of all shards.
fn whole(pusher: &mut Pusher, range: DataRange) -> Push {
    pusher.sequence += 1;
    let header = pusher.header(vec![range]);
    let parts = (0..SHARDS).map(|shard| pusher.part(shard, &header));
    let parts = parts.collect();
    Push { header, parts }
}

#[test]
fn a_push_that_claims_what_it_was_not_given_is_refused_whole() {
    let server = server(Consistency::Asp, 2);
    let mut thief = Pusher::join(&server);
    let mut other = Pusher::join(&server);
    let range = other.range(&server);
    let push = whole(&mut thief, range);
    let reply = server.handle(Time::ZERO, Request::Push(push.clone()));
    let Handled::Reply(Reply::Refused(refusal)) = reply else {
        panic!("{reply:?}");
    };
    assert!(
        refusal.message.contains("not on loan to worker 0"),
        "{refusal}"
    );
    let status = server.status(Time::ZERO);
    assert!(
        status
            .shards
            .iter()
            .all(|shard| shard.version == Version(0))
    );
    // Whose they are may push them, and again without harm.
    let push = whole(&mut other, range);
    for _ in 0..2 {
        let reply = server.handle(Time::ZERO, Request::Push(push.clone()));
        let Handled::Reply(Reply::Pushed(acks)) = reply else {
            panic!("{reply:?}");
        };
        assert_eq!(acks.len(), SHARDS as usize);
        let refused = |ack: &PartAck| matches!(ack.outcome, Outcome::Refused(_));
        assert!(!acks.iter().any(refused));
    }
}
