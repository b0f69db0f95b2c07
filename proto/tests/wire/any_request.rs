//! Arbitrary requests.

use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Life, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Conclude, Coordinates, DataRange, DataSummary, Heartbeat, Kind, Leave, LeaveReason,
    NextRange, Offer, Part, Payload, Pull, PullPart, Push, PushHeader, Register, Request,
    SessionRole, StatusRequest,
};
use thalweg_common::push_format::PushFormat;

pub(crate) fn payload(values: usize) -> impl Strategy<Value = Payload> {
    (vec(any::<u32>(), values), vec(1_usize..3000, 0..6)).prop_map(|(bits, cuts)| {
        let bytes: Bytes = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let mut payload = Payload::default();
        let mut rest = bytes;
        for cut in cuts {
            let cut = (cut * Payload::VALUE_BYTES).min(rest.len());
            payload.push(rest.split_to(cut));
        }
        payload.push(rest);
        payload
    })
}

/// An address of elements, not rows.
fn elements() -> impl Strategy<Value = Address> {
    let length = prop_oneof![Just(0_u32), 1_u32..40, 900_u32..4000];
    prop_oneof![
        Just(Address::NONE),
        (0_u32..1 << 20, length.clone())
            .prop_map(|(start, count)| { Address::Range(start..start + count) }),
        length.prop_flat_map(|count| {
            btree_set(any::<u32>(), count as usize).prop_map(|offsets| {
                let offsets: Vec<u32> = offsets.into_iter().collect();
                Address::Coordinates(Coordinates::new(offsets).expect("a set is in order"))
            })
        }),
    ]
}

fn rows() -> impl Strategy<Value = Address> {
    (any::<u32>(), vec(any::<u64>(), 0..9)).prop_map(|(table, keys)| Address::Rows { table, keys })
}

fn part(shard: u32) -> impl Strategy<Value = Part> {
    let kind = prop_oneof![
        Just(Kind::Gradient),
        Just(Kind::Delta),
        Just(Kind::Statistic)
    ];
    let address = prop_oneof![5 => elements(), 1 => rows()];
    (1_u64.., any::<u64>(), kind, address, any::<Index>()).prop_flat_map(
        move |(sequence, version, kind, address, index)| {
            let values = address.len();
            let format = PushFormat::ALL[index.index(PushFormat::ALL.len())];
            let written = format.bytes(values as u64) / Payload::VALUE_BYTES as u64;
            let at_read =
                prop_oneof![Just(0), Just(values), Just(2 * values)].prop_flat_map(payload);
            let written = usize::try_from(written).expect("a short part");
            (payload(written), at_read).prop_map(move |(payload, at_read)| Part {
                shard: ShardId(shard),
                sequence: Sequence(sequence),
                version_read: Version(version),
                kind,
                dtype: format.dtype(),
                codec: format.codec(),
                address: address.clone(),
                payload,
                at_read,
            })
        },
    )
}

pub(crate) fn range() -> impl Strategy<Value = DataRange> {
    (any::<u64>(), any::<u32>(), any::<u32>(), any::<u64>()).prop_map(
        |(epoch, start, count, checksum)| DataRange {
            epoch,
            start: u64::from(start),
            end: u64::from(start) + u64::from(count),
            checksum,
        },
    )
}

/// Any push.
pub(crate) fn push() -> impl Strategy<Value = Push> {
    let parts = btree_set(any::<u32>(), 1..6)
        .prop_flat_map(|shards| shards.into_iter().map(part).collect::<Vec<_>>());
    let ids = (any::<u128>(), any::<u64>(), any::<u64>(), any::<u32>());
    let rest = (
        any::<u64>(),
        any::<u64>(),
        -1e300..1e300,
        vec(range(), 0..4),
    );
    (ids, rest, parts).prop_map(|(ids, (clock, weight, loss_sum, ranges), parts)| {
        let (fingerprint, generation, session, worker) = ids;
        let header = PushHeader {
            fingerprint: Fingerprint(fingerprint),
            generation: Generation(generation),
            session: SessionId(session),
            worker: WorkerId(worker),
            clock: Clock(clock),
            weight,
            loss_sum,
            rate_factor: 0.25,
            ranges,
        };
        Push { header, parts }
    })
}

pub(crate) fn micros() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

/// Any pull.
pub(crate) fn pull() -> impl Strategy<Value = Pull> {
    let part = |shard| {
        prop_oneof![5 => elements(), 1 => rows()].prop_map(move |address| PullPart {
            shard: ShardId(shard),
            address,
        })
    };
    let parts = btree_set(any::<u32>(), 0..6)
        .prop_flat_map(move |shards| shards.into_iter().map(part).collect::<Vec<_>>());
    let ids = (any::<u128>(), any::<u64>(), any::<u64>(), any::<u32>());
    (ids, any::<u64>(), micros(), parts).prop_map(|(ids, clock, patience, parts)| Pull {
        fingerprint: Fingerprint(ids.0),
        generation: Generation(ids.1),
        session: SessionId(ids.2),
        worker: WorkerId(ids.3),
        clock: Clock(clock),
        patience,
        parts,
    })
}

fn register() -> impl Strategy<Value = Register> {
    let role = prop_oneof![Just(SessionRole::Worker), Just(SessionRole::Observer)];
    let data = any::<(u64, u64, u64)>();
    let data = data.prop_map(|(rows, features, hash)| DataSummary {
        rows,
        features,
        hash,
    });
    let known = (
        option::of(any::<u128>()),
        option::of(any::<u32>()),
        option::of(any::<u64>()),
    );
    (1_u32..9, 0_u32..9, role, known, option::of(data), ".{0,20}").prop_map(
        |(least, more, role, (fingerprint, worker, session), data, place)| Register {
            protocol: least..=least + more,
            role,
            fingerprint: fingerprint.map(Fingerprint),
            worker: worker.map(WorkerId),
            session: session.map(SessionId),
            data,
            lives: place
                .bytes()
                .map(|byte| Life(u64::from(byte) << 56))
                .collect(),
            clock: session.map(Clock),
            after: session.map(|session| SessionId(session ^ 1)),
            place,
        },
    )
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    (
        any::<(u64, u32, u64, u64, u64, bool)>(),
        ".{0,20}",
        micros(),
        micros(),
        any::<u64>(),
    )
        .prop_map(
            |(
                (session, worker, clock, sent_bytes, received_bytes, idle),
                doing,
                compute,
                waited,
                retries,
            )| {
                Heartbeat {
                    session: SessionId(session),
                    worker: WorkerId(worker),
                    clock: Clock(clock),
                    doing,
                    idle,
                    sent_bytes,
                    received_bytes,
                    compute,
                    waited,
                    retries,
                }
            },
        )
}

fn leave() -> impl Strategy<Value = Leave> {
    let reason = prop_oneof![
        Just(LeaveReason::Done),
        Just(LeaveReason::Stopped),
        Just(LeaveReason::Failed),
        Just(LeaveReason::Diverged),
        Just(LeaveReason::JobFailed),
    ];
    (any::<u64>(), any::<u32>(), reason, ".{0,20}").prop_map(|(session, worker, reason, cause)| {
        Leave {
            session: SessionId(session),
            worker: WorkerId(worker),
            reason,
            cause,
        }
    })
}

/// Any request.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => push().prop_map(Request::Push),
        3 => pull().prop_map(Request::Pull),
        1 => register().prop_map(Request::Register),
        1 => any::<(u64, u32, u64, u64)>().prop_map(|(session, worker, received, wanted)| {
            Request::NextRange(NextRange {
                session: SessionId(session),
                worker: WorkerId(worker),
                received,
                wanted,
            })
        }),
        1 => heartbeat().prop_map(Request::Heartbeat),
        1 => (any::<u32>(), option::of(any::<u32>())).prop_map(|(history, worker)| {
            Request::Status(StatusRequest { history, worker: worker.map(WorkerId) })
        }),
        1 => leave().prop_map(Request::Leave),
        1 => (any::<u64>(), any::<u32>(), ".{0,20}").prop_map(|(session, worker, why)| {
            Request::Conclude(Conclude { session: SessionId(session), worker: WorkerId(worker), why })
        }),
        1 => any::<(u64, u32, u64, bool)>().prop_map(|(session, worker, rows, closed)| {
            Request::Offer(Offer { session: SessionId(session), worker: WorkerId(worker), rows, closed })
        }),
    ]
}
