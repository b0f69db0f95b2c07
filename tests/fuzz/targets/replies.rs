//! Frames of a server, as a worker takes them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use thalweg_proto::codec::{FrameLimits, ReplyAssembler};
use thalweg_proto::v1::ServerFrame;

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = ReplyAssembler::new(FrameLimits::default());
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(frame) = ServerFrame::decode_length_delimited(&mut rest) else {
            return;
        };
        if assembler.accept(frame).is_err() {
            return;
        }
    }
});
