//! Frames of a client, as a server takes them: heads and chunks in any order, of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use thalweg_proto::codec::{Assembled, FrameLimits, RequestAssembler, request_frames};
use thalweg_proto::v1::ClientFrame;

fuzz_target!(|bytes: &[u8]| {
    let limits = FrameLimits::default();
    let mut assembler = RequestAssembler::new(limits);
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(frame) = ClientFrame::decode_length_delimited(&mut rest) else {
            return;
        };
        match assembler.accept(frame) {
            Ok(Assembled::Pending | Assembled::Refused(..)) => {}
            Ok(Assembled::Whole(envelope, request)) => again(envelope, &request, limits),
            Err(_) => return,
        }
    }
});

/// What was taken is sent: a server must take it again, and find the same.
fn again(
    envelope: thalweg_proto::codec::RequestEnvelope,
    request: &thalweg_common::message::Request,
    limits: FrameLimits,
) {
    let Ok(frames) = request_frames(envelope, request, &limits) else {
        return;
    };
    let mut assembler = RequestAssembler::new(limits);
    for frame in frames {
        match assembler.accept(frame) {
            Ok(Assembled::Pending) => {}
            Ok(Assembled::Whole(_, found)) => {
                // NaN is not equal to itself, and may be in a push.
                assert_eq!(format!("{found:?}"), format!("{request:?}"));
                return;
            }
            other => panic!("what was taken is not taken again: {other:?}"),
        }
    }
    panic!("a request was cut into frames that are not all of it");
}
