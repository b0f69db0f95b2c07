//! Arbitrary messages, and the way of one message over the wire and back.

use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use prost::Message;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, ServerId, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, Coordinates, DataRange, DataSummary, Dtype, Grant, Heartbeat, HeartbeatReply,
    Holder, Kind, Leave, LeaveReason, Outcome, Part, PartAck, Payload, Pull, PullPart, PullReply,
    Push, PushHeader, Read, Register, Registered, Reply, Request, SessionRole,
};
use thalweg_proto::codec::{
    Assembled, FrameLimits, ReplyAssembler, ReplyEnvelope, RequestAssembler, RequestEnvelope,
    reply_frames, request_frames,
};
use thalweg_proto::v1;

/// Small chunks, so that small messages need many.
pub const LIMITS: FrameLimits = FrameLimits {
    message_bytes_max: 6000,
    chunk_bytes: 4096,
    part_bytes_max: 1 << 20,
    in_flight_bytes_max: 4 << 20,
    open_messages_max: 4,
};

/// A message through protobuf bytes, whose length is returned too.
pub fn through_bytes<M: Message + Default>(message: &M) -> (M, usize) {
    let bytes = Bytes::from(message.encode_to_vec());
    let length = bytes.len();
    (M::decode(bytes).expect("what was encoded decodes"), length)
}

/// A request through frames, their bytes, and an assembler.
pub fn request_round_trip(
    envelope: RequestEnvelope,
    request: &Request,
) -> (RequestEnvelope, Request) {
    let mut assembler = RequestAssembler::new(LIMITS);
    let mut whole = None;
    for frame in request_frames(envelope, request, &LIMITS).expect("the head is small") {
        assert!(whole.is_none(), "a frame came after the last");
        let (frame, length) = through_bytes(&frame);
        assert!(
            length <= LIMITS.message_bytes_max,
            "a frame of {length} bytes"
        );
        match assembler
            .accept(frame)
            .expect("our own frames are in order")
        {
            Assembled::Pending => {}
            Assembled::Whole(envelope, request) => whole = Some((envelope, request)),
            Assembled::Refused(_, refusal) => panic!("{refusal}"),
        }
    }
    assert_eq!(assembler.in_flight_bytes(), 0);
    whole.expect("the last frame completes the request")
}

/// A reply through frames, their bytes, and an assembler.
pub fn reply_round_trip(envelope: ReplyEnvelope, reply: &Reply) -> (ReplyEnvelope, Reply) {
    let mut assembler = ReplyAssembler::new(LIMITS);
    let mut whole = None;
    for frame in reply_frames(envelope, reply, &LIMITS).expect("the head is small") {
        assert!(whole.is_none(), "a frame came after the last");
        let (frame, length) = through_bytes::<v1::ServerFrame>(&frame);
        assert!(
            length <= LIMITS.message_bytes_max,
            "a frame of {length} bytes"
        );
        match assembler
            .accept(frame)
            .expect("our own frames are in order")
        {
            Assembled::Pending => {}
            Assembled::Whole(envelope, reply) => whole = Some((envelope, reply)),
            Assembled::Refused(_, refusal) => panic!("{refusal}"),
        }
    }
    assert_eq!(assembler.in_flight_bytes(), 0);
    whole.expect("the last frame completes the reply")
}

fn payload(values: usize) -> impl Strategy<Value = Payload> {
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
    (1_u64.., any::<u64>(), kind, address).prop_flat_map(
        move |(sequence, version, kind, address)| {
            let values = address.len();
            payload(values).prop_map(move |payload| Part {
                shard: ShardId(shard),
                sequence: Sequence(sequence),
                version_read: Version(version),
                kind,
                dtype: Dtype::F32,
                codec: Codec::Raw,
                address: address.clone(),
                payload,
            })
        },
    )
}

fn range() -> impl Strategy<Value = DataRange> {
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
pub fn push() -> impl Strategy<Value = Push> {
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
            ranges,
        };
        Push { header, parts }
    })
}

fn micros() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

/// Any pull.
pub fn pull() -> impl Strategy<Value = Pull> {
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
            place,
        },
    )
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    (
        any::<(u64, u32, u64, u64, u64)>(),
        ".{0,20}",
        micros(),
        micros(),
    )
        .prop_map(
            |((session, worker, clock, sent_bytes, received_bytes), doing, compute, waited)| {
                Heartbeat {
                    session: SessionId(session),
                    worker: WorkerId(worker),
                    clock: Clock(clock),
                    doing,
                    sent_bytes,
                    received_bytes,
                    compute,
                    waited,
                }
            },
        )
}

fn leave() -> impl Strategy<Value = Leave> {
    let reason = prop_oneof![
        Just(LeaveReason::Done),
        Just(LeaveReason::Stopped),
        Just(LeaveReason::Failed)
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
pub fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => push().prop_map(Request::Push),
        3 => pull().prop_map(Request::Pull),
        1 => register().prop_map(Request::Register),
        1 => any::<(u64, u32)>().prop_map(|(session, worker)| Request::NextRange {
            session: SessionId(session),
            worker: WorkerId(worker),
        }),
        1 => heartbeat().prop_map(Request::Heartbeat),
        1 => Just(Request::Status),
        1 => leave().prop_map(Request::Leave),
    ]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    (0..RefusalKind::ALL.len(), ".{0,40}")
        .prop_map(|(kind, message)| Refusal::new(RefusalKind::ALL[kind], message))
}

fn ack() -> impl Strategy<Value = PartAck> {
    let version = || any::<u64>().prop_map(Version);
    let outcome = prop_oneof![
        (version(), any::<u64>())
            .prop_map(|(version, staleness)| Outcome::Applied { version, staleness }),
        version().prop_map(|version| Outcome::Accepted { version }),
        version().prop_map(|version| Outcome::Duplicate { version }),
        refusal().prop_map(Outcome::Refused),
    ];
    (any::<u32>(), any::<u64>(), outcome).prop_map(|(shard, sequence, outcome)| PartAck {
        shard: ShardId(shard),
        sequence: Sequence(sequence),
        outcome,
    })
}

/// Any answer to a pull.
pub fn pull_reply() -> impl Strategy<Value = PullReply> {
    let length = prop_oneof![Just(0_usize), 1_usize..40, 900_usize..4000];
    let read = move |shard| {
        (
            any::<u64>(),
            any::<u64>(),
            length.clone().prop_flat_map(payload),
        )
            .prop_map(move |(version, applied, payload)| Read {
                shard: ShardId(shard),
                version: Version(version),
                applied: Sequence(applied),
                payload,
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
pub fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => pull_reply().prop_map(Reply::Pulled),
        2 => vec(ack(), 0..6).prop_map(Reply::Pushed),
        1 => registered().prop_map(|registered| Reply::Registered(Box::new(registered))),
        1 => grant().prop_map(Reply::Granted),
        1 => any::<(u64, bool)>()
            .prop_map(|(progress, stop)| Reply::Heartbeat(HeartbeatReply { progress, stop })),
        1 => Just(Reply::Left),
        1 => refusal().prop_map(Reply::Refused),
    ]
}
