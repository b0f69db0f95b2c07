//! HTTP/2 as bytes: just enough to begin calls by hand, and to break them. No library is in between, since a library
//! does not do what an attacker does.

/// What a client's connection begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before the payload of a frame.
const HEAD_BYTES: usize = 9;

/// The error code of a stream that its client no longer wants.
const CANCEL: u32 = 8;

/// Kinds of frames, by RFC 9113, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Data = 0,
    Headers = 1,
    RstStream = 3,
    Settings = 4,
    Ping = 6,
    WindowUpdate = 8,
    Continuation = 9,
}

/// The flag of a PING or SETTINGS that answers one.
pub(super) const ACK: u8 = 1;

/// The flag of the last frame that a side sends on a stream.
pub(super) const END_STREAM: u8 = 1;

/// The flag of a header block that is whole.
pub(super) const END_HEADERS: u8 = 4;

/// The setting of how much may be sent on a stream that nobody reads.
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;

/// Writes a frame.
pub(super) fn frame(out: &mut Vec<u8>, kind: Kind, flags: u8, (stream, payload): (u32, &[u8])) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind as u8, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Writes SETTINGS.
pub(super) fn settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let mut payload = Vec::with_capacity(6 * settings.len());
    for (name, value) in settings {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(out, Kind::Settings, 0, (0, &payload));
}

/// Writes the reset of a stream.
pub(super) fn reset(out: &mut Vec<u8>, stream: u32) {
    frame(out, Kind::RstStream, 0, (stream, &CANCEL.to_be_bytes()));
}

/// The header block of a gRPC call, every field literal and in nobody's table.
pub(super) fn call_block(path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "thalweg"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        literal(&mut block, name, value);
    }
    block
}

/// Writes one header field. Name and value are shorter than 127 bytes, so that one byte has their length.
pub(super) fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        let length = u8::try_from(text.len()).unwrap_or(126).min(126);
        block.push(length);
        block.extend_from_slice(&text.as_bytes()[..length.into()]);
    }
}

/// A gRPC message: its flag and length, then its bytes. `declared` may be another length than theirs.
pub(super) fn message(declared: u32, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0];
    message.extend_from_slice(&declared.to_be_bytes());
    message.extend_from_slice(bytes);
    message
}

/// Frames that come in, of which no more is kept than is not whole.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    bytes: Vec<u8>,
}

impl Inbound {
    /// Takes bytes; answers with the payloads of the PINGs in them that ask for an answer.
    pub(super) fn pings(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.bytes.extend_from_slice(bytes);
        let mut pings = Vec::new();
        let mut at = 0;
        while let Some(head) = self.bytes.get(at..at + HEAD_BYTES) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let begin = at + HEAD_BYTES;
            let Some(payload) = self.bytes.get(begin..begin + length) else {
                break;
            };
            if kind == Kind::Ping as u8 && flags & ACK == 0 {
                pings.push(payload.to_vec());
            }
            at = begin + length;
        }
        self.bytes.drain(..at);
        pings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_standard() {
        let mut out = Vec::new();
        frame(&mut out, Kind::Ping, ACK, (0, &[1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(out, [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        out.clear();
        settings(&mut out, &[(INITIAL_WINDOW_SIZE, 0x0102_0304)]);
        assert_eq!(out, [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
        out.clear();
        reset(&mut out, 0x0000_0103);
        assert_eq!(out, [0, 0, 4, 3, 0, 0, 0, 1, 3, 0, 0, 0, 8]);
        out.clear();
        frame(&mut out, Kind::Data, END_STREAM, (5, &[9; 300]));
        assert_eq!(out[..9], [0, 1, 44, 0, 1, 0, 0, 0, 5]);
        assert_eq!(out.len(), 309);
    }

    #[test]
    fn a_header_is_literal_and_a_message_says_what_it_wants_of_its_length() {
        let mut block = Vec::new();
        literal(&mut block, "te", "trailers");
        assert_eq!(block, b"\x00\x02te\x08trailers");
        assert!(
            call_block("/a/B")
                .windows(12)
                .any(|found| found == b"\x00\x05:path\x04/a/B")
        );
        assert_eq!(message(u32::MAX, b"x"), [0, 255, 255, 255, 255, b'x']);
    }

    #[test]
    fn pings_are_found_across_reads_and_answers_to_ours_are_none() {
        let mut bytes = Vec::new();
        settings(&mut bytes, &[]);
        frame(&mut bytes, Kind::Ping, 0, (0, &[1; 8]));
        frame(&mut bytes, Kind::Ping, ACK, (0, &[2; 8]));
        frame(&mut bytes, Kind::Ping, 0, (0, &[3; 8]));
        let mut inbound = Inbound::default();
        let mut pings = Vec::new();
        for byte in &bytes {
            pings.extend(inbound.pings(std::slice::from_ref(byte)));
        }
        assert_eq!(pings, [vec![1; 8], vec![3; 8]]);
        assert!(inbound.bytes.is_empty());
    }
}
