//! The way of one message over the wire and back.

use bytes::Bytes;
use prost::Message;
use thalweg_common::message::{Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, ReplyAssembler, ReplyEnvelope, RequestAssembler, RequestEnvelope,
    reply_frames, request_frames,
};
use thalweg_proto::v1;

/// Small chunks, so that small messages need many.
pub(crate) const LIMITS: FrameLimits = FrameLimits {
    message_bytes_max: 6000,
    chunk_bytes: 4096,
    part_bytes_max: 1 << 20,
    in_flight_bytes_max: 4 << 20,
    open_messages_max: 4,
};

/// A message through protobuf bytes, whose length is returned too.
pub(crate) fn through_bytes<M: Message + Default>(message: &M) -> (M, usize) {
    let bytes = Bytes::from(message.encode_to_vec());
    let length = bytes.len();
    (M::decode(bytes).expect("what was encoded decodes"), length)
}

/// A request through frames, their bytes, and an assembler.
pub(crate) fn request_round_trip(
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
pub(crate) fn reply_round_trip(envelope: ReplyEnvelope, reply: &Reply) -> (ReplyEnvelope, Reply) {
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
