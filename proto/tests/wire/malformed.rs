//! What no peer should send is named, and never panics.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use prost::Message;
use thalweg_common::message::{Address, Coordinates, HistoryEvent, Pull, PullReply, Push};
use thalweg_proto::codec::{ReplyAssembler, RequestAssembler};
use thalweg_proto::convert::ConvertError;
use thalweg_proto::v1;
use thalweg_proto::v1::history_event::What;

use crate::any_request;
use crate::support::LIMITS;

/// A push of one part of three values at coordinates 2, 5 and 9.
fn push() -> v1::Push {
    let coordinates = v1::Coordinates {
        count: 3,
        offsets: offsets(&[2, 5, 9]),
    };
    v1::Push {
        fingerprint: Bytes::from_static(&[7; 16]),
        form: Some(form(1)),
        parts: vec![v1::Part {
            shard: 4,
            sequence: 1,
            address: Some(v1::part::Address::Coordinates(coordinates)),
            payload_bytes: 12,
            payload: Bytes::from_static(&[0; 12]),
            ..v1::Part::default()
        }],
        ..v1::Push::default()
    }
}

fn offsets(offsets: &[u32]) -> Bytes {
    offsets
        .iter()
        .flat_map(|offset| offset.to_le_bytes())
        .collect()
}

fn form(dtype: i32) -> v1::Form {
    v1::Form {
        kind: 1,
        dtype,
        codec: 1,
    }
}

fn backwards() -> v1::DataRange {
    v1::DataRange {
        start: 2,
        end: 1,
        ..v1::DataRange::default()
    }
}

/// The error of the push after `change`.
fn error_of(change: impl FnOnce(&mut v1::Push)) -> ConvertError {
    let mut push = push();
    change(&mut push);
    Push::try_from(push).expect_err("the push is wrong")
}

fn coordinates(count: u32, list: &[u32]) -> Option<v1::part::Address> {
    let offsets = offsets(list);
    Some(v1::part::Address::Coordinates(v1::Coordinates {
        count,
        offsets,
    }))
}

#[test]
fn the_push_that_the_others_are_made_of_is_right() {
    let push = Push::try_from(push()).unwrap();
    let expected = Coordinates::new(vec![2, 5, 9]).unwrap();
    assert_eq!(push.parts[0].address, Address::Coordinates(expected));
}

type Change = fn(&mut v1::Push);

/// Every change of the right push must be refused with its text.
fn refused(cases: &[(Change, &str)]) {
    for (change, expected) in cases {
        assert_eq!(error_of(change).to_string(), *expected);
    }
}

#[test]
fn a_wrong_field_of_a_push_is_named_with_what_was_expected_and_found() {
    refused(&[
        (
            |push| push.fingerprint = Bytes::from_static(b"short"),
            "fingerprint: expected 16 bytes, found 5 bytes",
        ),
        (
            |push| push.form = None,
            "parts[0].form: expected kind, dtype and codec, here or once in the push, found nothing",
        ),
        (
            |push| push.form.as_mut().unwrap().kind = 0,
            "form.kind: expected one of gradient (1), delta (2), statistic (3), found 0 \
             (unspecified)",
        ),
        (
            |push| push.parts.push(push.parts[0].clone()),
            "parts[1].shard: expected at most one part per shard, found shard 4 a second time",
        ),
        (
            |push| push.parts.clear(),
            "parts: expected a part for every shard of the server, found none",
        ),
        (
            |push| push.ranges.push(backwards()),
            "ranges[0].end: expected at least start, 2, found 1",
        ),
    ]);
}

#[test]
fn a_wrong_field_of_a_part_is_named_with_what_was_expected_and_found() {
    refused(&[
        (
            |push| push.parts[0].form = Some(form(9)),
            "parts[0].form.dtype: expected one of f32 (1), bf16 (2), int8 (3), found 9",
        ),
        (
            |push| push.parts[0].form = Some(form(2)),
            "parts[0].payload_bytes: expected 8 (3 elements of bf16), found 12",
        ),
        (
            |push| {
                let codec = 2;
                push.parts[0].form = Some(v1::Form { codec, ..form(3) });
            },
            "parts[0].payload_bytes: expected 8 (3 elements of int8), found 12",
        ),
        (
            |push| push.parts[0].form = Some(form(3)),
            "parts[0].form.codec: expected f32 or bf16 with raw, int8 with block_scaled, found int8 \
             with raw",
        ),
        (
            |push| push.parts[0].sequence = 0,
            "parts[0].sequence: expected a number from 1, found 0",
        ),
        (
            |push| push.parts[0].payload_bytes = 16,
            "parts[0].payload_bytes: expected 12 (3 elements of f32), found 16",
        ),
        (
            |push| push.parts[0].payload = Bytes::from_static(&[0; 8]),
            "parts[0].payload: expected payload_bytes, 12, or none of them, found 8 bytes",
        ),
        (
            |push| push.parts[0].payload = Bytes::new(),
            "parts[0].values: expected 12 bytes inline (chunks exist only on the session stream), \
             found none",
        ),
    ]);
}

#[test]
fn a_wrong_address_is_named_with_what_was_expected_and_found() {
    refused(&[
        (
            |push| push.parts[0].address = coordinates(3, &[2, 9, 5]),
            "parts[0].coordinates.offsets: expected offsets that rise strictly, found 5 after 9 at 2",
        ),
        (
            |push| push.parts[0].address = coordinates(4, &[2, 5, 9]),
            "parts[0].coordinates.offsets: expected 16 bytes for a count of 4, found 12 bytes",
        ),
        (
            |push| push.parts[0].address = None,
            "parts[0].payload_bytes: expected 0 (0 elements of f32), found 12",
        ),
        (
            |push| {
                let range = v1::ElementRange {
                    start: u32::MAX,
                    count: 3,
                };
                push.parts[0].address = Some(v1::part::Address::Range(range));
            },
            "parts[0].range.count: expected at most 0 elements from 4294967295 on, found 3",
        ),
    ]);
}

#[test]
fn values_at_read_are_as_long_as_they_say() {
    let error = error_of(|push| push.parts[0].value_at_read = Bytes::from_static(&[0; 12]));
    let text =
        "parts[0].value_at_read: expected value_at_read_bytes, 0, or none of them, found 12 bytes";
    assert_eq!(error.to_string(), text);
    let error = error_of(|push| {
        push.parts[0].value_at_read = Bytes::from_static(&[0; 9]);
        push.parts[0].value_at_read_bytes = 9;
    });
    let text = "parts[0].value_at_read_bytes: expected a multiple of 4, found 9";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_pull_must_say_what_it_asks_for() {
    let pull = v1::Pull {
        fingerprint: Bytes::from_static(&[7; 16]),
        parts: vec![v1::PullPart {
            shard: 1,
            address: None,
        }],
        ..v1::Pull::default()
    };
    assert_eq!(Pull::try_from(pull).unwrap_err().field, "parts[0].address");
}

#[test]
fn a_read_of_a_broken_value_is_refused() {
    let read = v1::Read {
        payload_bytes: 6,
        payload: Bytes::from_static(&[0; 6]),
        ..Default::default()
    };
    let reads = v1::Reads { reads: vec![read] };
    let reply = v1::PullReply {
        outcome: Some(v1::pull_reply::Outcome::Ready(reads)),
    };
    let error = PullReply::try_from(reply).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reads[0].payload_bytes: expected a multiple of 4, found 6"
    );
}

#[test]
fn a_push_cut_short_anywhere_is_refused() {
    let bytes = Bytes::from(push().encode_to_vec());
    for length in 0..bytes.len() {
        if let Ok(push) = v1::Push::decode(bytes.slice(..length)) {
            assert!(
                Push::try_from(push).is_err(),
                "{length} of {} bytes",
                bytes.len()
            );
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        let bytes = Bytes::from(bytes);
        if let Ok(frame) = v1::ClientFrame::decode(bytes.clone()) {
            drop(RequestAssembler::new(LIMITS).accept(frame));
        }
        if let Ok(frame) = v1::ServerFrame::decode(bytes) {
            drop(ReplyAssembler::new(LIMITS).accept(frame));
        }
    }

    #[test]
    fn a_frame_with_one_byte_changed_never_panics(
        request in any_request::request(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let envelope = thalweg_proto::codec::RequestEnvelope { request_id: 1, deadline: None };
        let mut assembler = RequestAssembler::new(LIMITS);
        for frame in thalweg_proto::codec::request_frames(envelope, &request, &LIMITS).unwrap() {
            let mut bytes = frame.encode_to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(frame) = v1::ClientFrame::decode(Bytes::from(bytes)) {
                drop(assembler.accept(frame));
            }
        }
    }
}

#[test]
fn an_event_of_a_history_that_says_nothing_known_is_refused() {
    let event = |what| v1::HistoryEvent {
        what,
        ..v1::HistoryEvent::default()
    };
    let fenced = v1::Fenced {
        asked: 9,
        ..v1::Fenced::default()
    };
    let pushed = v1::Pushed {
        reason: Some(77),
        ..v1::Pushed::default()
    };
    let turned_away = v1::TurnedAway {
        asked: 1,
        refusal: None,
    };
    for (what, found) in [
        (None, "what: expected joined, left"),
        (
            Some(What::Fenced(fenced)),
            "fenced.asked: expected one of push (1)",
        ),
        (
            Some(What::Pushed(pushed)),
            "pushed.kind: expected one of the refusal kinds",
        ),
        (
            Some(What::Refused(turned_away)),
            "refused.refusal: expected the reason, found nothing",
        ),
    ] {
        let error = HistoryEvent::try_from(event(what)).unwrap_err();
        assert!(error.to_string().starts_with(found), "{error}");
    }
}
