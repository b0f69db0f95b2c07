//! Whatever one side says, the other side hears: through protobuf bytes, inline and in chunks.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{Clock, Sequence, ServerId, SessionId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    Asked, CheckpointStatus, EpochStatus, Happened, HistoryEvent, PartTally, Phase, Pull,
    PullReply, Push, Pushed, Reply, Request, ShardStatus, StalenessHistogram, Status,
    StatusRequest, Wait, WaitSum, Waited, WorkerState, WorkerStatus,
};
use thalweg_proto::codec::{ReplyEnvelope, RequestEnvelope};
use thalweg_proto::v1;

use crate::support::{reply_round_trip, request_round_trip, through_bytes};
use crate::{any_reply, any_request};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_request_survives_the_stream(request in any_request::request(), request_id in 1_u64.., ms in 1_u32..) {
        let deadline = Some(Duration::from_millis(u64::from(ms)));
        let sent = RequestEnvelope { request_id, deadline };
        let (envelope, found) = request_round_trip(sent, &request);
        prop_assert_eq!(envelope, sent);
        match (&found, &request) {
            (Request::Push(found), Request::Push(expected)) => prop_assert_eq!(found, expected),
            (Request::Pull(found), Request::Pull(expected)) => prop_assert_eq!(found, expected),
            _ => prop_assert_eq!(format!("{found:?}"), format!("{request:?}")),
        }
    }

    #[test]
    fn a_reply_survives_the_stream(reply in any_reply::reply(), request_id in 1_u64.., credit in any::<u32>()) {
        let sent = ReplyEnvelope { request_id, credit };
        let (envelope, found) = reply_round_trip(sent, &reply);
        prop_assert_eq!(envelope, sent);
        match (&found, &reply) {
            (Reply::Pulled(found), Reply::Pulled(expected)) => prop_assert_eq!(found, expected),
            _ => prop_assert_eq!(format!("{found:?}"), format!("{reply:?}")),
        }
    }

    #[test]
    fn a_push_a_pull_and_its_answer_survive_a_unary_call(
        push in any_request::push(), pull in any_request::pull(), answer in any_reply::pull_reply(),
    ) {
        let (wire, _) = through_bytes(&v1::Push::from(&push));
        prop_assert_eq!(Push::try_from(wire), Ok(push));
        let (wire, _) = through_bytes(&v1::Pull::from(&pull));
        prop_assert_eq!(Pull::try_from(wire), Ok(pull));
        let (wire, _) = through_bytes(&v1::PullReply::from(&answer));
        prop_assert!(PullReply::try_from(wire).as_ref() == Ok(&answer));
    }
}

#[test]
fn a_status_survives_the_stream() {
    let sent = ReplyEnvelope {
        request_id: 1,
        credit: 0,
    };
    let (_, found) = reply_round_trip(sent, &Reply::Status(Box::new(status())));
    match found {
        Reply::Status(found) => assert_eq!(*found, status()),
        other => panic!("a status, not {other:?}"),
    }
}

#[test]
fn a_request_without_a_deadline_has_none_at_the_other_end() {
    let sent = RequestEnvelope {
        request_id: 1,
        deadline: None,
    };
    assert_eq!(
        request_round_trip(sent, &Request::Status(StatusRequest::default())).0,
        sent
    );
}

fn status() -> Status {
    let staleness = stale([3, 1 << 40]);
    Status {
        server: ServerId(1),
        job: "flights".into(),
        phase: Phase::Training,
        cause: String::new(),
        diverged: true,
        progress: 64_000,
        examples_total: 98_000,
        up: Duration::from_micros(1_234_567),
        trained: Duration::from_secs(1),
        loss_sum: 31_250.5,
        rate_factor: 1.0,
        loss_weight: 64_000.0,
        workers: vec![worker_status(None), worker_status(Some(SessionId(7)))],
        shards: vec![ShardStatus {
            shard: ShardId(4),
            elements: 1 << 20,
            version: Version(2000),
            progress: 64_000,
            pending: 1,
            staleness: staleness.clone(),
        }],
        staleness,
        pushed_bytes: 1,
        pulled_bytes: 2,
        received_bytes: 3,
        sent_bytes: 4,
        refusals: RefusalKind::ALL.into_iter().zip(1..).collect(),
        epochs: vec![EpochStatus {
            epoch: 0,
            rows: 98_000,
            checksum: u64::MAX,
        }],
        waits: vec![Waited {
            worker: WorkerId(3),
            on: WorkerId(0),
            sum: WaitSum {
                count: 7,
                total: Duration::from_micros(1_234),
                longest: Duration::from_micros(900),
            },
        }],
        history: history(),
        checkpoint: Some(CheckpointStatus {
            number: 7,
            age: Duration::from_millis(12_345),
            took: Duration::from_micros(678),
            bytes: 1 << 40,
            returns: 2,
            written: 9,
            failed: 1,
        }),
    }
}

/// An event of every kind, and pushes that were refused for every reason.
fn history() -> Vec<HistoryEvent> {
    let words = || "gave no sign of life".to_owned();
    let mut events = vec![
        Happened::Left { why: words() },
        Happened::Lost { why: words() },
        Happened::Waited {
            floor: Clock(18),
            time: Duration::from_micros(1_402_001),
            last: WorkerId(3),
        },
    ];
    for session in [None, Some(SessionId(4))] {
        events.push(Happened::Joined {
            clock: Clock(17),
            place: "host 4711".into(),
            after: session,
        });
        events.push(Happened::Fenced {
            asked: Asked::Pull,
            holder: session,
            why: words(),
        });
    }
    let asked = [
        Asked::Push,
        Asked::Pull,
        Asked::Range,
        Asked::Heartbeat,
        Asked::Register,
    ];
    events.extend(asked.map(|asked| Happened::Refused {
        asked,
        kind: RefusalKind::WrongJob,
        message: words(),
    }));
    let reasons = RefusalKind::ALL.into_iter().map(Some).chain([None]);
    events.extend(reasons.map(|reason| {
        Happened::Pushed(Pushed {
            sequence: Sequence(1),
            clock: Clock(2),
            elements: 3,
            staleness: 4,
            applied: 5,
            kept: 6,
            left_out: 7,
            duplicates: 8,
            refused: 9,
            late: 10,
            reason,
        })
    }));
    let event = |(number, what): (u32, Happened)| HistoryEvent {
        at: Duration::from_micros(number.into()),
        worker: number.is_multiple_of(3).then_some(WorkerId(number)),
        session: (number % 3 != 1).then_some(SessionId(number.into())),
        what,
    };
    (0..).zip(events).map(event).collect()
}

fn stale(parts: [u64; 2]) -> StalenessHistogram {
    let mut histogram = StalenessHistogram::default();
    for staleness in parts {
        histogram.record(staleness);
    }
    histogram
}

fn worker_status(session: Option<SessionId>) -> WorkerStatus {
    WorkerStatus {
        worker: WorkerId(2),
        session,
        state: if session.is_some() {
            WorkerState::Active
        } else {
            WorkerState::Absent
        },
        place: "host 4711".into(),
        doing: "computing".into(),
        clock: Clock(99),
        examples: 6400,
        parts: PartTally {
            came: 21,
            applied: 5,
            waiting: 4,
            left_out: 3,
            duplicates: 2,
            refusals: [(RefusalKind::Fenced, 1), (RefusalKind::TooFar, 6)].into(),
            late: 8,
        },
        silent: Duration::from_millis(20),
        sent_bytes: 5,
        received_bytes: 6,
        compute: Duration::from_secs(7),
        waited: Duration::from_secs(8),
        retries: 9,
        wait: session.map(|_| Wait {
            on: vec![WorkerId(0), WorkerId(1)],
            since: Duration::from_millis(9),
            why: "computing".into(),
        }),
        lease_left: session.map(|_| Duration::from_millis(600)),
        staleness: stale([2, 300]),
    }
}
