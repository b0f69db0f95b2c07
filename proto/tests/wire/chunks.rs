//! Chunks in and out of their places: what is assembled, what is refused, what breaks the stream.

use bytes::Bytes;
use prost::Message;
use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, Coordinates, Dtype, Kind, Part, Payload, Push, PushHeader, Request,
};
use thalweg_proto::codec::{
    Assembled, FrameError, FrameLimits, Pool, RequestAssembler, RequestEnvelope, request_frames,
};
use thalweg_proto::v1;
use thalweg_proto::v1::chunk::Data;
use thalweg_proto::v1::client_frame::Body;

use crate::support::LIMITS;

fn part(shard: u32, address: Address) -> Part {
    let values = vec![0.5; address.len()];
    Part {
        shard: ShardId(shard),
        sequence: Sequence::FIRST,
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address,
        payload: Payload::from_values(&values),
        at_read: Payload::default(),
    }
}

fn push(parts: Vec<Part>) -> Request {
    let header = PushHeader {
        fingerprint: Fingerprint(7),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        weight: 32,
        loss_sum: 16.0,
        rate_factor: 1.0,
        ranges: Vec::new(),
    };
    Request::Push(Push { header, parts })
}

/// The frames of a push whose only part has `values` values.
fn frames(request_id: u64, values: u32) -> Vec<v1::ClientFrame> {
    let request = push(vec![part(0, Address::Range(0..values))]);
    let envelope = RequestEnvelope {
        request_id,
        deadline: None,
    };
    request_frames(envelope, &request, &LIMITS)
        .expect("a small head")
        .collect()
}

fn chunk(frame: &mut v1::ClientFrame) -> &mut v1::Chunk {
    match &mut frame.body {
        Some(Body::Chunk(chunk)) => chunk,
        other => panic!("a chunk, not {other:?}"),
    }
}

/// The error of feeding all frames, the last of which is wrong.
fn error_of(frames: Vec<v1::ClientFrame>) -> FrameError {
    let mut assembler = RequestAssembler::new(LIMITS);
    let last = frames.len() - 1;
    for (index, frame) in frames.into_iter().enumerate() {
        match assembler.accept(frame) {
            Ok(Assembled::Pending) if index < last => {}
            Err(error) if index == last => return error,
            other => panic!("frame {index} of {last}: {other:?}"),
        }
    }
    unreachable!("there is a last frame")
}

#[test]
fn a_clock_only_part_costs_about_ten_bytes() {
    let bytes = |parts: u32| {
        let parts = (0..parts).map(|shard| {
            let mut part = part(shard, Address::NONE);
            part.sequence = Sequence(9_000);
            part.version_read = Version(36_000);
            part
        });
        let envelope = RequestEnvelope {
            request_id: 900,
            deadline: None,
        };
        let mut frames = request_frames(envelope, &push(parts.collect()), &LIMITS).unwrap();
        frames.next().unwrap().encoded_len()
    };
    let per_part = (bytes(101) - bytes(1)) / 100;
    assert!(per_part <= 11, "{per_part} bytes");
}

#[test]
fn frames_of_two_requests_may_alternate() {
    let mut assembler = RequestAssembler::new(LIMITS);
    let mut whole = Vec::new();
    for (one, two) in frames(1, 3000).into_iter().zip(frames(2, 3000)) {
        for frame in [one, two] {
            if let Assembled::Whole(envelope, _) = assembler.accept(frame).unwrap() {
                whole.push(envelope.request_id);
            }
        }
    }
    assert_eq!(whole, [1, 2]);
}

#[test]
fn the_segments_of_an_assembled_part_are_the_bytes_that_came() {
    let frames = frames(1, 3000);
    let mut sent = Vec::new();
    let mut assembler = RequestAssembler::new(LIMITS);
    for frame in frames {
        if let Some(Body::Chunk(v1::Chunk {
            data: Some(Data::Values(data)),
            ..
        })) = &frame.body
        {
            sent.push(data.as_ptr());
        }
        if let Assembled::Whole(_, Request::Push(push)) = assembler.accept(frame).unwrap() {
            let segments = push.parts[0].payload.segments();
            let found: Vec<_> = segments.iter().map(|segment| segment.as_ptr()).collect();
            assert_eq!(found, sent);
        }
    }
    assert_eq!(sent.len(), 3);
}

#[test]
fn a_chunk_that_comes_twice_breaks_the_stream() {
    let mut frames = frames(1, 3000);
    frames.truncate(2);
    frames.push(frames[1].clone());
    let error = error_of(frames).to_string();
    assert_eq!(
        error,
        "request 1: expected values of part 0 at offset 4096, found values of part 0 at offset 0"
    );
}

#[test]
fn a_chunk_for_another_part_or_section_breaks_the_stream() {
    let mut other = frames(1, 3000);
    other.truncate(2);
    chunk(&mut other[1]).part = 5;
    assert!(matches!(error_of(other), FrameError::Misplaced { .. }));
    let mut section = frames(1, 3000);
    section.truncate(2);
    chunk(&mut section[1]).data = Some(Data::Coordinates(Bytes::from(vec![0; 4096])));
    assert!(matches!(error_of(section), FrameError::Misplaced { .. }));
}

#[test]
fn a_chunk_that_nobody_announced_breaks_the_stream() {
    assert_eq!(
        error_of(vec![frames(1, 3000).remove(1)]),
        FrameError::Unannounced(1)
    );
}

#[test]
fn a_chunk_of_a_wrong_length_breaks_the_stream() {
    for (length, expected) in [
        (
            4095,
            "request 1: expected a chunk of 4096 to 12000 bytes, a multiple of 4, found 4095 bytes",
        ),
        (
            4098,
            "request 1: expected a chunk of 4096 to 12000 bytes, a multiple of 4, found 4098 bytes",
        ),
        (
            12004,
            "request 1: expected a chunk of 4096 to 12000 bytes, a multiple of 4, found 12004 bytes",
        ),
        (
            0,
            "request 1: expected a chunk of 4096 to 12000 bytes, a multiple of 4, found 0 bytes",
        ),
    ] {
        let mut frames = frames(1, 3000);
        frames.truncate(2);
        chunk(&mut frames[1]).data = Some(Data::Values(Bytes::from(vec![0; length])));
        assert_eq!(error_of(frames).to_string(), expected);
    }
    let mut frames = frames(1, 3000);
    frames.truncate(2);
    chunk(&mut frames[1]).data = None;
    assert_eq!(error_of(frames), FrameError::EmptyChunk(1));
}

#[test]
fn the_word_more_must_agree_with_the_announced_lengths() {
    let mut early = frames(1, 3000);
    early.truncate(1);
    early[0].more = false;
    assert_eq!(
        error_of(early),
        FrameError::More {
            request_id: 1,
            expected: true,
            found: false
        }
    );
    let mut late = frames(1, 3000);
    late.last_mut().unwrap().more = true;
    assert_eq!(
        error_of(late),
        FrameError::More {
            request_id: 1,
            expected: false,
            found: true
        }
    );
}

#[test]
fn request_id_zero_and_one_in_use_break_the_stream() {
    assert_eq!(
        error_of(vec![frames(0, 1).remove(0)]),
        FrameError::NoRequestId
    );
    let head = frames(1, 3000).remove(0);
    assert_eq!(error_of(vec![head.clone(), head]), FrameError::Reused(1));
}

#[test]
fn the_chunks_of_a_refused_head_are_dropped_and_the_stream_goes_on() {
    let mut assembler = RequestAssembler::new(LIMITS);
    let mut wrong = frames(1, 3000);
    if let Some(Body::Push(push)) = &mut wrong[0].body {
        push.parts[0].sequence = 0;
    }
    let mut wrong = wrong.into_iter();
    match assembler.accept(wrong.next().unwrap()).unwrap() {
        Assembled::Refused(envelope, refusal) => {
            assert_eq!(
                (envelope.request_id, refusal.kind),
                (1, RefusalKind::Invalid)
            );
            assert!(
                refusal.message.starts_with("push.parts[0].sequence"),
                "{refusal}"
            );
        }
        other => panic!("{other:?}"),
    }
    for frame in wrong {
        assert!(matches!(assembler.accept(frame), Ok(Assembled::Pending)));
    }
    let right = frames(1, 1).remove(0);
    assert!(matches!(assembler.accept(right), Ok(Assembled::Whole(..))));
}

#[test]
fn coordinates_in_chunks_are_judged_when_they_are_whole() {
    let list = Coordinates::new((0..3000_u32).collect::<Vec<_>>()).unwrap();
    let request = push(vec![part(0, Address::Coordinates(list))]);
    let envelope = RequestEnvelope {
        request_id: 1,
        deadline: None,
    };
    let mut frames: Vec<_> = request_frames(envelope, &request, &LIMITS)
        .unwrap()
        .collect();
    chunk(&mut frames[2]).data = Some(Data::Coordinates(Bytes::from(vec![0; 4096])));
    let mut assembler = RequestAssembler::new(LIMITS);
    let mut last = Assembled::Pending;
    for frame in frames {
        assert!(matches!(last, Assembled::Pending));
        last = assembler.accept(frame).unwrap();
    }
    match last {
        Assembled::Refused(_, refusal) => assert_eq!(
            refusal.message,
            "push.parts[0].coordinates.offsets: expected offsets that rise strictly, found 0 after \
             1023 at 1024"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_part_past_its_bound_is_refused_before_a_byte_of_it_has_come() {
    let limits = FrameLimits {
        part_bytes_max: 8192,
        ..LIMITS
    };
    let mut assembler = RequestAssembler::new(limits);
    match assembler.accept(frames(1, 3000).remove(0)).unwrap() {
        Assembled::Refused(_, refusal) => {
            assert_eq!(refusal.kind, RefusalKind::TooLarge);
            assert!(refusal.message.contains("part_bytes_max"), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn announced_bytes_and_open_messages_are_bounded() {
    let limits = FrameLimits {
        in_flight_bytes_max: 30_000,
        ..LIMITS
    };
    let mut assembler = RequestAssembler::new(limits);
    for (request_id, pending) in [(1, true), (2, true), (3, false)] {
        let head = frames(request_id, 3000).remove(0);
        match assembler.accept(head).unwrap() {
            Assembled::Pending => assert!(pending),
            Assembled::Refused(_, refusal) => {
                assert!(!pending);
                assert_eq!(refusal.kind, RefusalKind::Overloaded);
            }
            Assembled::Whole(..) => panic!("nothing has come"),
        }
    }
    assert_eq!(assembler.in_flight_bytes(), 24_000);

    let mut assembler = RequestAssembler::new(LIMITS);
    for request_id in 1..=8 {
        let assembled = assembler
            .accept(frames(request_id, 3000).remove(0))
            .unwrap();
        assert_eq!(matches!(assembled, Assembled::Pending), request_id <= 4);
    }
    let error = assembler.accept(frames(9, 3000).remove(0)).unwrap_err();
    assert_eq!(error, FrameError::TooManyOpen { max: 4 });
}

#[test]
fn streams_that_share_room_have_no_more_of_it_together_and_give_it_back() {
    let pool = Pool::new(20_000);
    let stream = || RequestAssembler::new(LIMITS).within(pool.clone());
    let accept = |stream: &mut RequestAssembler, frame| stream.accept(frame).unwrap();
    let (mut one, mut other) = (stream(), stream());
    let mut whole = frames(1, 3000).into_iter();
    let first = accept(&mut one, whole.next().unwrap());
    assert!(matches!(first, Assembled::Pending));
    match accept(&mut other, frames(1, 3000).remove(0)) {
        Assembled::Refused(_, refusal) => {
            assert_eq!(refusal.kind, RefusalKind::Overloaded);
            assert!(refusal.message.contains("20000 bytes"), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
    let rest: Vec<_> = whole.map(|frame| accept(&mut one, frame)).collect();
    assert!(matches!(rest.last(), Some(Assembled::Whole(..))));
    let again = accept(&mut other, frames(2, 3000).remove(0));
    assert!(matches!(again, Assembled::Pending));
    // A stream that breaks off takes nothing with it.
    drop(other);
    let third = accept(&mut stream(), frames(1, 3000).remove(0));
    assert!(matches!(third, Assembled::Pending));
}

#[test]
fn a_request_of_a_later_schema_is_refused_as_unsupported() {
    let frame = v1::ClientFrame {
        request_id: 1,
        ..Default::default()
    };
    match RequestAssembler::new(LIMITS).accept(frame).unwrap() {
        Assembled::Refused(_, refusal) => assert_eq!(refusal.kind, RefusalKind::Unsupported),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_that_fits_no_frame_is_the_senders_error() {
    let parts = (0..2000).map(|shard| part(shard, Address::NONE)).collect();
    let envelope = RequestEnvelope {
        request_id: 1,
        deadline: None,
    };
    let error = request_frames(envelope, &push(parts), &LIMITS).unwrap_err();
    assert_eq!(error.kind, RefusalKind::TooLarge);
}
