//! Arbitrary replies.

use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Life, Sequence, ServerId, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Grant, Granted, HeartbeatReply, Holder, Outcome, PartAck, PullReply, Read, Registered, Reply,
};

use crate::any_request::{micros, payload, range};

fn refusal() -> impl Strategy<Value = Refusal> {
    (
        0..RefusalKind::ALL.len(),
        ".{0,40}",
        option::of(1..=u32::MAX),
    )
        .prop_map(|(kind, message, again)| Refusal {
            retry_after: again.map(|millis| Duration::from_millis(millis.into())),
            ..Refusal::new(RefusalKind::ALL[kind], message)
        })
}

fn ack() -> impl Strategy<Value = PartAck> {
    let version = || any::<u64>().prop_map(Version);
    let outcome = prop_oneof![
        (version(), any::<u64>())
            .prop_map(|(version, staleness)| Outcome::Applied { version, staleness }),
        (version(), any::<u64>())
            .prop_map(|(version, staleness)| Outcome::Accepted { version, staleness }),
        version().prop_map(|version| Outcome::Duplicate { version }),
        (version(), any::<u64>())
            .prop_map(|(version, staleness)| Outcome::Dropped { version, staleness }),
        refusal().prop_map(Outcome::Refused),
    ];
    (any::<u32>(), any::<u64>(), outcome).prop_map(|(shard, sequence, outcome)| PartAck {
        shard: ShardId(shard),
        sequence: Sequence(sequence),
        outcome,
    })
}

/// Any answer to a pull.
pub(crate) fn pull_reply() -> impl Strategy<Value = PullReply> {
    let length = prop_oneof![Just(0_usize), 1_usize..40, 900_usize..4000];
    let read = move |shard| {
        (
            any::<u64>(),
            any::<u64>(),
            length.clone().prop_flat_map(payload),
            length.clone().prop_flat_map(payload),
        )
            .prop_map(move |(version, applied, payload, at_read)| Read {
                shard: ShardId(shard),
                version: Version(version),
                applied: Sequence(applied),
                payload,
                at_read,
            })
    };
    let reads = btree_set(any::<u32>(), 0..6)
        .prop_flat_map(move |shards| shards.into_iter().map(read.clone()).collect::<Vec<_>>());
    let holder = (any::<u32>(), any::<u64>(), micros(), ".{0,20}").prop_map(
        |(worker, clock, since, why)| Holder {
            worker: WorkerId(worker),
            clock: Clock(clock),
            since,
            why,
        },
    );
    prop_oneof![
        3 => reads.prop_map(PullReply::Ready),
        1 => (any::<u64>(), vec(holder, 0..4))
            .prop_map(|(floor, holders)| PullReply::NotYet { floor: Clock(floor), holders }),
    ]
}

fn registered() -> impl Strategy<Value = Registered> {
    let ids = any::<(u32, u64, u32, u128, u64)>();
    (ids, 0_u32..9, 1_u32..9, ".{0,20}").prop_map(|(ids, server, more, job)| Registered {
        protocol: ids.0,
        session: SessionId(ids.1),
        worker: WorkerId(ids.2),
        server: ServerId(server),
        servers: server + more,
        fingerprint: Fingerprint(ids.3),
        generation: Generation(ids.4),
        life: Life(ids.1 ^ ids.4),
        clock: Clock(ids.4),
        job,
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    prop_oneof![
        range().prop_map(|range| Grant::Range {
            epoch: range.epoch,
            start: range.start,
            end: range.end,
        }),
        Just(Grant::ClockOnly),
        micros().prop_map(Grant::Wait),
        Just(Grant::Done),
    ]
}

/// Any reply but a status.
pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => pull_reply().prop_map(Reply::Pulled),
        2 => vec(ack(), 0..6).prop_map(Reply::Pushed),
        1 => registered().prop_map(|registered| Reply::Registered(Box::new(registered))),
        1 => vec(grant(), 1..4)
            .prop_map(|grants| Reply::Granted(Granted { grants, rate_factor: 0.5 })),
        1 => any::<(u64, bool)>()
            .prop_map(|(progress, stop)| Reply::Heartbeat(HeartbeatReply { progress, stop })),
        1 => Just(Reply::Left),
        1 => Just(Reply::Concluded),
        1 => any::<u64>().prop_map(Reply::Offered),
        1 => refusal().prop_map(Reply::Refused),
    ]
}
