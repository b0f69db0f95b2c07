//! Acknowledgements: part by part, repeated, refused, and of what was never asked.

use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{Clock, Fingerprint, Generation, SessionId, WorkerId};
use thalweg_common::message::{Address, Codec, Dtype, Kind, Payload};

use super::*;

fn header() -> PushHeader {
    PushHeader {
        fingerprint: Fingerprint(1),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        weight: 1,
        loss_sum: 0.0,
        rate_factor: 1.0,
        ranges: vec![],
    }
}

fn part(shard: u32, sequence: Sequence) -> Part {
    Part {
        shard: ShardId(shard),
        sequence,
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address: Address::NONE,
        payload: Payload::default(),
        at_read: Payload::default(),
    }
}

/// Two pushes to shards 0 and 2 of server 0 and shard 1 of server 1.
fn outbox() -> Outbox {
    let mut outbox = Outbox::default();
    for _ in 0..2 {
        let sequence = outbox.next_sequence();
        let pending = BTreeMap::from([
            (ServerId(0), vec![part(0, sequence), part(2, sequence)]),
            (ServerId(1), vec![part(1, sequence)]),
        ]);
        outbox.add(header(), pending, None);
    }
    outbox
}

fn ack(shard: u32, sequence: u64, outcome: Outcome) -> PartAck {
    PartAck {
        shard: ShardId(shard),
        sequence: Sequence(sequence),
        outcome,
    }
}

fn applied(shard: u32, sequence: u64) -> PartAck {
    ack(
        shard,
        sequence,
        Outcome::Applied {
            version: Version(sequence),
            staleness: 0,
        },
    )
}

#[test]
fn a_push_is_settled_when_every_server_has_acknowledged_every_part() {
    let mut outbox = outbox();
    assert_eq!((outbox.in_flight(), outbox.settled()), (2, Sequence(0)));
    outbox
        .acknowledge(Sequence(2), ServerId(1), &[applied(1, 2)])
        .unwrap();
    outbox
        .acknowledge(Sequence(2), ServerId(0), &[applied(0, 2), applied(2, 2)])
        .unwrap();
    assert_eq!((outbox.in_flight(), outbox.settled()), (2, Sequence(0)));
    outbox
        .acknowledge(Sequence(1), ServerId(1), &[applied(1, 1)])
        .unwrap();
    assert_eq!(outbox.waiting().next(), Some(ServerId(0)));
    assert_eq!(outbox.unacknowledged(), outbox.waiting().count() as u64);
    outbox
        .acknowledge(Sequence(1), ServerId(0), &[applied(0, 1), applied(2, 1)])
        .unwrap();
    assert_eq!((outbox.in_flight(), outbox.settled()), (0, Sequence(2)));
    outbox.forget(Sequence(1));
    assert_eq!(outbox.pushes.len(), 1);
    assert_eq!(outbox.next_sequence(), Sequence(3));
}

#[test]
fn parts_that_are_to_come_later_are_sent_again_alone_under_the_same_sequence() {
    let mut outbox = outbox();
    let refusal = Refusal::new(RefusalKind::Overloaded, "full");
    let acks = [applied(0, 1), ack(2, 1, Outcome::Refused(refusal.clone()))];
    let said = outbox.acknowledge(Sequence(1), ServerId(0), &acks).unwrap();
    assert_eq!(said.again, Some(refusal));
    let again = outbox.request(Sequence(1), ServerId(0)).unwrap();
    assert_eq!(again.parts, [part(2, Sequence(1))]);
    let acks = [ack(
        2,
        1,
        Outcome::Duplicate {
            version: Version(9),
        },
    )];
    let said = outbox.acknowledge(Sequence(1), ServerId(0), &acks).unwrap();
    assert_eq!(said.versions, [(ShardId(2), Version(9))]);
    assert_eq!(outbox.request(Sequence(1), ServerId(0)), None);
}

#[test]
fn an_acknowledgement_that_does_not_fit_is_named() {
    let mut outbox = outbox();
    let error = outbox
        .acknowledge(Sequence(1), ServerId(0), &[applied(0, 1)])
        .unwrap_err();
    assert_eq!(error, "1 acknowledgements of 2 parts");
    let error = outbox
        .acknowledge(Sequence(1), ServerId(1), &[applied(5, 1)])
        .unwrap_err();
    assert_eq!(
        error,
        "an acknowledgement of push 1 to shard 5; sent push 1 to shard 1"
    );
}
