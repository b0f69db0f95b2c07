//! Laws of parts in fewer bytes: what is applied is what their bytes say, and bytes that say nothing
//! change nothing.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::*;

const NARROW: [PushFormat; 2] = [PushFormat::Bf16, PushFormat::Int8];

/// A part whose values are these bytes.
fn bytes(format: PushFormat, sequence: u64, address: Address, bytes: Bytes) -> Part {
    Part {
        dtype: format.dtype(),
        codec: format.codec(),
        payload: Payload::from_bytes(bytes),
        ..part(sequence, address, &[])
    }
}

fn whole() -> Address {
    Address::Range(0..10)
}

fn one_by_one(format: PushFormat, non_finite: NonFinite) -> Shard {
    shard_of(format, Aggregation::Push, non_finite, 1)
}

const WAY: [f32; LEN] = [0.1, -2.0, 3.3, 0.0, 1e-4, -7.7, 5.0, 0.25, -0.125, 9.9];

#[test]
fn a_shard_moves_by_what_the_bytes_say() {
    for format in NARROW {
        let mut rounded = WAY;
        format.round(&mut rounded);
        let mut narrow = one_by_one(format, NonFinite::Reject);
        let mut plain = shard(Aggregation::Push, NonFinite::Reject, 1);
        let sent = bytes(format, 1, whole(), format.encode(&WAY));
        let ack = narrow.push(&header(0, 1), &sent);
        assert!(matches!(ack.outcome, Outcome::Applied { .. }), "{ack:?}");
        plain.push(&header(0, 1), &part(1, whole(), &rounded));
        assert_eq!(values(&mut narrow), values(&mut plain), "{format}");
        // Of some elements only.
        let some = Address::Coordinates(Coordinates::new([1, 5, 7]).unwrap());
        let sent = bytes(format, 2, some, format.encode(&[1.0, -1.0, 0.5]));
        narrow.push(&header(0, 1), &sent);
        plain.push(&header(0, 1), &sparse(2, &[1, 5, 7], &[1.0, -1.0, 0.5]));
        let pairs = values(&mut narrow).into_iter().zip(values(&mut plain));
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-2, "{a}, {b}"));
    }
}

#[test]
fn a_round_is_of_what_the_bytes_say() {
    let round = Aggregation::Round { backup_workers: 0 };
    for format in NARROW {
        let mut rounded = WAY;
        format.round(&mut rounded);
        let mut narrow = shard_of(format, round, NonFinite::Reject, 2);
        let mut plain = shard(round, NonFinite::Reject, 2);
        for worker in 0..2 {
            let sent = bytes(format, 1, whole(), format.encode(&WAY));
            narrow.push(&header(worker, 1), &sent);
            plain.push(&header(worker, 1), &part(1, whole(), &rounded));
        }
        assert_eq!(narrow.status().version, Version(1));
        assert_eq!(values(&mut narrow), values(&mut plain), "{format}");
    }
}

#[test]
fn a_part_of_another_format_than_the_jobs_is_refused() {
    let mut shard = one_by_one(PushFormat::Int8, NonFinite::Reject);
    let ack = shard.push(&header(0, 1), &part(1, whole(), &WAY));
    assert_eq!(refusal(&ack).kind, RefusalKind::Unsupported);
    let expected = "pushes of this job are int8, int8 with block_scaled; shard 3 got f32 with raw";
    assert_eq!(refusal(&ack).message, expected);
    let mixed = Part {
        codec: Codec::Raw,
        ..bytes(PushFormat::Int8, 2, whole(), PushFormat::Int8.encode(&WAY))
    };
    let ack = shard.push(&header(0, 1), &mixed);
    assert_eq!(refusal(&ack).kind, RefusalKind::Unsupported);
    // A clock has no values that could be in any.
    let ack = shard.push(&header(0, 1), &part(3, Address::NONE, &[]));
    assert!(matches!(ack.outcome, Outcome::Applied { .. }), "{ack:?}");
    assert_eq!(values(&mut shard), [0.0; LEN]);
}

#[test]
fn bytes_that_cannot_be_are_refused_whole_and_remembered() {
    let mut shard = one_by_one(PushFormat::Int8, NonFinite::Reject);
    let mut written = PushFormat::Int8.encode(&WAY).to_vec();
    written[3] |= 0x80;
    for (sequence, list, expected) in [
        (1, written, "has the scale -0.07"),
        (
            2,
            vec![0; 12],
            "names 10 elements, 16 bytes of int8, but carries 12 bytes",
        ),
        (3, vec![1; 16], "has padding of int8 that is not 0; found 1"),
    ] {
        let sent = bytes(PushFormat::Int8, sequence, whole(), list.into());
        for _ in 0..2 {
            let ack = shard.push(&header(0, 1), &sent);
            assert_eq!(refusal(&ack).kind, RefusalKind::Invalid);
            let message = &refusal(&ack).message;
            assert!(message.starts_with("the part for shard 3 "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
    assert_eq!(values(&mut shard), [0.0; LEN]);
}

#[test]
fn what_is_not_finite_is_judged_as_in_f32() {
    for format in NARROW {
        let mut way = WAY;
        way[4] = f32::INFINITY;
        let sent = |sequence| bytes(format, sequence, whole(), format.encode(&way));
        let mut shard = one_by_one(format, NonFinite::Reject);
        let ack = shard.push(&header(0, 1), &sent(1));
        assert_eq!(refusal(&ack).kind, RefusalKind::NonFinite);
        let message = &refusal(&ack).message;
        assert!(message.contains("element 4 of shard 3"), "{message}");
        assert_eq!(values(&mut shard), [0.0; LEN]);

        let mut shard = one_by_one(format, NonFinite::Zero);
        shard.push(&header(0, 1), &sent(1));
        way[4] = 0.0;
        format.round(&mut way);
        let expected = way.map(|x| 0.0 - x);
        assert_eq!(values(&mut shard), expected, "{format}");
        way[4] = f32::NAN;

        let mut shard = one_by_one(format, NonFinite::Propagate);
        let sent = bytes(format, 1, whole(), format.encode(&way));
        shard.push(&header(0, 1), &sent);
        let x = values(&mut shard);
        assert!(x[4].is_nan() && x.iter().filter(|x| x.is_nan()).count() == 1);
    }
}

proptest! {
    #[test]
    fn a_part_of_any_bytes_is_applied_or_refused_and_nothing_in_between(
        list in vec(any::<u8>(), 0..48), exact in any::<bool>(), at in 0_u32..12, count in 0_u32..12,
    ) {
        for format in NARROW {
            let mut list = list.clone();
            if exact {
                list.resize(usize::try_from(format.bytes(u64::from(count))).unwrap(), 0);
            }
            let mut shard = one_by_one(format, NonFinite::Reject);
            let sent = bytes(format, 1, Address::Range(at..at + count), list.into());
            let ack = shard.push(&header(0, 1), &sent);
            match ack.outcome {
                Outcome::Applied { .. } => {
                    prop_assert!(values(&mut shard).iter().all(|x| x.is_finite()));
                }
                Outcome::Refused(refusal) => {
                    prop_assert!(!refusal.message.contains('\n'));
                    prop_assert_eq!(values(&mut shard), [0.0; LEN]);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
