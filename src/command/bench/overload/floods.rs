//! The floods: what each sends when its connection opens, and what it goes on with.

use serde::Serialize;
use thalweg_common::seed;

use super::frames::{
    ACK, END_HEADERS, END_STREAM, INITIAL_WINDOW_SIZE, Inbound, Kind, PREFACE, call_block, frame,
    literal, message, reset, settings,
};

/// A call that everybody may make and that costs little.
const CHEAP_CALL: &str = "/thalweg.v1.ParameterServer/GetStatus";

/// The stream of workers.
const SESSION_CALL: &str = "/thalweg.v1.ParameterServer/Session";

/// A call with a large message.
const LARGE_CALL: &str = "/thalweg.v1.ParameterServer/Push";

/// The largest message that a server takes by default, bytes.
const MESSAGE_BYTES_MAX: u32 = 2 << 20;

/// Streams that a connection may have open, and some.
const STREAMS: u32 = 12;

/// Bytes that are made at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Connections of a flood that works by volume.
const LINES: usize = 8;

/// What is done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    RandomBytes,
    TlsBytes,
    RapidReset,
    Pings,
    Settings,
    EmptyData,
    Continuation,
    SlowLoris,
    OpenStreams,
    ZeroWindow,
    LargeMessage,
    HalfHandshakes,
}

/// The least that a flood must have done: what did less has shown nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Least {
    /// Bytes.
    pub(super) bytes: u64,
    /// Of these, bytes past the openings of its connections.
    pub(super) past_opening: u64,
    /// Connections that stood.
    pub(super) connections: u64,
}

impl Flood {
    /// All, in the order of running.
    pub(super) const ALL: [Self; 12] = [
        Self::RandomBytes,
        Self::TlsBytes,
        Self::RapidReset,
        Self::Pings,
        Self::Settings,
        Self::EmptyData,
        Self::Continuation,
        Self::SlowLoris,
        Self::OpenStreams,
        Self::ZeroWindow,
        Self::LargeMessage,
        Self::HalfHandshakes,
    ];

    /// Its name for `--only`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RandomBytes => "random-bytes",
            Self::TlsBytes => "tls-bytes",
            Self::RapidReset => "rapid-reset",
            Self::Pings => "pings",
            Self::Settings => "settings",
            Self::EmptyData => "empty-data",
            Self::Continuation => "continuation",
            Self::SlowLoris => "slow-loris",
            Self::OpenStreams => "open-streams",
            Self::ZeroWindow => "zero-window",
            Self::LargeMessage => "large-message",
            Self::HalfHandshakes => "half-handshakes",
        }
    }

    /// Whether the server is one with certificates.
    pub(super) fn wants_tls(self) -> bool {
        self == Self::HalfHandshakes
    }

    /// Whether it works by being there: it takes all places, and sends next to nothing.
    pub(super) fn holds(self) -> bool {
        matches!(
            self,
            Self::SlowLoris | Self::HalfHandshakes | Self::OpenStreams
        )
    }

    /// What it must have done at least: a hundredth of what 8 s came to on a machine that did nothing else
    /// (docs/OVERLOAD.md), or less where a turn sends little, so that 0.8 s of a busy one do it.
    pub(super) fn least(self) -> Least {
        let past = |past_opening| Least {
            bytes: past_opening,
            past_opening,
            connections: 1,
        };
        match self {
            Self::Continuation => past(2_000_000),
            Self::RapidReset | Self::EmptyData => past(1_000_000),
            // Random bytes are cut off after a turn, and each line waits before it comes again.
            Self::RandomBytes | Self::Pings | Self::Settings => past(400_000),
            Self::TlsBytes | Self::LargeMessage => past(280_000),
            Self::ZeroWindow => past(20_000),
            Self::SlowLoris => Least {
                connections: 32,
                ..past(100)
            },
            // These have said with their opening what they have to say; what counts is how many they are, of the 64
            // that a round opens.
            Self::OpenStreams => Least {
                bytes: 7_500,
                past_opening: 0,
                connections: 32,
            },
            Self::HalfHandshakes => Least {
                bytes: 800,
                past_opening: 0,
                connections: 32,
            },
        }
    }

    /// Whether it takes in what the server answers.
    pub(super) fn reads(self) -> bool {
        self != Self::ZeroWindow
    }

    /// Connections at once, where a server has so many places.
    pub(super) fn lines(self, places: usize) -> usize {
        if self.holds() { places + 64 } else { LINES }
    }
}

/// What one connection of a flood sends.
#[derive(Debug)]
pub(super) struct Script {
    flood: Flood,
    /// Numbers the connection, and seeds what is random.
    number: u64,
    pieces: u64,
    next_stream: u32,
    inbound: Inbound,
}

impl Script {
    /// Of connection `number`.
    pub(super) fn new(flood: Flood, number: u64) -> Self {
        Self {
            flood,
            number,
            pieces: 0,
            next_stream: 1,
            inbound: Inbound::default(),
        }
    }

    /// The beginning. A flood of HTTP/2 makes a call first as any client does, so that it is stopped by what stops
    /// floods, and not because nobody knows it.
    pub(super) fn opening(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.flood {
            Flood::RandomBytes | Flood::TlsBytes | Flood::SlowLoris => return out,
            Flood::HalfHandshakes => return self.half_handshake(),
            Flood::ZeroWindow => {
                out.extend_from_slice(PREFACE);
                settings(&mut out, &[(INITIAL_WINDOW_SIZE, 0)]);
            }
            Flood::RapidReset
            | Flood::Pings
            | Flood::Settings
            | Flood::EmptyData
            | Flood::Continuation
            | Flood::OpenStreams
            | Flood::LargeMessage => {
                out.extend_from_slice(PREFACE);
                settings(&mut out, &[]);
            }
        }
        self.call(&mut out, CHEAP_CALL, Some(&message(0, &[])));
        match self.flood {
            Flood::EmptyData => self.call(&mut out, SESSION_CALL, None),
            Flood::Continuation => {
                let stream = self.stream();
                let block = call_block(SESSION_CALL);
                frame(&mut out, Kind::Headers, 0, (stream, &block));
            }
            Flood::OpenStreams => {
                (0..STREAMS).for_each(|_| self.call(&mut out, SESSION_CALL, None));
            }
            Flood::RandomBytes
            | Flood::TlsBytes
            | Flood::RapidReset
            | Flood::Pings
            | Flood::Settings
            | Flood::SlowLoris
            | Flood::ZeroWindow
            | Flood::LargeMessage
            | Flood::HalfHandshakes => {}
        }
        out
    }

    /// The next bytes; none from a flood that has said what it has to say.
    pub(super) fn more(&mut self) -> Vec<u8> {
        self.pieces += 1;
        match self.flood {
            Flood::RandomBytes => self.random(PIECE_BYTES),
            Flood::TlsBytes => self.records(),
            Flood::RapidReset => self.fill(|script, out| {
                let stream = script.next_stream;
                script.call(out, SESSION_CALL, None);
                reset(out, stream);
            }),
            Flood::Pings => self.fill(|_, out| frame(out, Kind::Ping, 0, (0, &[7; 8]))),
            Flood::Settings => self.fill(|_, out| settings(out, &[])),
            Flood::EmptyData => {
                // The session is the second stream of its connection.
                self.fill(|_, out| frame(out, Kind::Data, 0, (3, &[])))
            }
            Flood::Continuation => {
                let mut block = Vec::new();
                literal(&mut block, "x-flood", "of headers without an end");
                self.fill(|_, out| frame(out, Kind::Continuation, 0, (3, &block)))
            }
            // A byte of what could become a preface.
            Flood::SlowLoris => {
                let sent = usize::try_from(self.pieces - 1).unwrap_or(usize::MAX);
                PREFACE.get(sent).map_or_else(Vec::new, |byte| vec![*byte])
            }
            Flood::OpenStreams | Flood::HalfHandshakes => Vec::new(),
            Flood::ZeroWindow => {
                let mut out = Vec::new();
                self.call(&mut out, CHEAP_CALL, Some(&message(0, &[])));
                out
            }
            Flood::LargeMessage => self.large(),
        }
    }

    /// What is to be said to what came: PINGs are answered, so that the connection counts as alive.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.flood {
            Flood::RandomBytes | Flood::TlsBytes | Flood::SlowLoris | Flood::HalfHandshakes => {}
            Flood::RapidReset
            | Flood::Pings
            | Flood::Settings
            | Flood::EmptyData
            | Flood::Continuation
            | Flood::OpenStreams
            | Flood::ZeroWindow
            | Flood::LargeMessage => {
                for ping in self.inbound.pings(bytes) {
                    frame(&mut out, Kind::Ping, ACK, (0, &ping));
                }
            }
        }
        out
    }

    /// Whether the connection has no more streams to open: their numbers end at 2³¹.
    pub(super) fn is_used_up(&self) -> bool {
        self.next_stream > 0x7fff_0000
    }

    fn stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// A call with its only message, or one that stays open.
    fn call(&mut self, out: &mut Vec<u8>, path: &str, only: Option<&[u8]>) {
        let stream = self.stream();
        frame(out, Kind::Headers, END_HEADERS, (stream, &call_block(path)));
        if let Some(only) = only {
            frame(out, Kind::Data, END_STREAM, (stream, only));
        }
    }

    /// Declares more than a server takes, or as much as it takes and then sends a little of it.
    fn large(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for declared in [u32::MAX, MESSAGE_BYTES_MAX] {
            let stream = self.next_stream;
            self.call(&mut out, LARGE_CALL, None);
            let begun = message(declared, &[0; 1_000]);
            frame(&mut out, Kind::Data, 0, (stream, &begun));
        }
        // Without window updates of the connection the server would have nothing to say to it.
        let more = (1_u32 << 16).to_be_bytes();
        frame(&mut out, Kind::WindowUpdate, 0, (0, &more));
        out
    }

    fn fill(&mut self, mut one: impl FnMut(&mut Self, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(PIECE_BYTES + 256);
        while out.len() < PIECE_BYTES {
            one(self, &mut out);
        }
        out
    }

    fn random(&self, bytes: usize) -> Vec<u8> {
        let start = seed::mix(self.number ^ seed::mix(self.pieces));
        let words = (0..bytes.div_ceil(8) as u64).map(|i| seed::mix(start ^ i).to_le_bytes());
        words.flatten().collect()
    }

    /// Records of TLS with random content.
    fn records(&self) -> Vec<u8> {
        let content = self.random(1 << 12);
        let mut out = vec![0x16, 3, 1, 0x10, 0];
        out.extend_from_slice(&content);
        out
    }

    /// The beginning of a greeting, or on every second connection a record that fits none.
    fn half_handshake(&self) -> Vec<u8> {
        if self.number.is_multiple_of(2) {
            return vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4];
        }
        let mut out = vec![0x17, 3, 3, 0, 32];
        out.extend_from_slice(&self.random(32));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flood_has_a_name_of_its_own_and_something_to_send() {
        let names: std::collections::BTreeSet<_> =
            Flood::ALL.iter().map(|flood| flood.name()).collect();
        assert_eq!(names.len(), Flood::ALL.len());
        for flood in Flood::ALL {
            let mut script = Script::new(flood, 1);
            let sent = script.opening().len() + script.more().len();
            assert!(
                0 < sent && sent < 2 * PIECE_BYTES,
                "{}: {sent}",
                flood.name()
            );
        }
    }

    #[test]
    fn openings_alone_are_no_flood() {
        for flood in Flood::ALL {
            let (least, name) = (flood.least(), flood.name());
            let opening = Script::new(flood, 1).opening().len() as u64;
            assert!(opening < least.bytes, "{name}");
            assert!(
                0 < least.past_opening || 1 < least.connections,
                "{name}: {least:?}"
            );
            assert_eq!(flood.holds(), 1 < least.connections, "{name}");
        }
    }

    #[test]
    fn a_rapid_reset_resets_what_it_opens() {
        let mut script = Script::new(Flood::RapidReset, 1);
        script.opening();
        let out = script.more();
        let mut heads = Vec::new();
        let mut at = 0;
        while at < out.len() {
            let length = u32::from_be_bytes([0, out[at], out[at + 1], out[at + 2]]) as usize;
            let stream = u32::from_be_bytes([out[at + 5], out[at + 6], out[at + 7], out[at + 8]]);
            heads.push((out[at + 3], stream));
            at += 9 + length;
        }
        assert_eq!(heads[..4], [(1, 3), (3, 3), (1, 5), (3, 5)]);
    }

    #[test]
    fn connections_of_random_bytes_differ() {
        let piece = |number| Script::new(Flood::RandomBytes, number).more();
        assert_ne!(piece(1), piece(2));
        assert_eq!(piece(1), piece(1));
        assert_eq!(piece(1).len(), PIECE_BYTES);
    }

    #[test]
    fn pings_are_answered_so_that_the_connection_lives() {
        let mut script = Script::new(Flood::OpenStreams, 1);
        let mut ping = Vec::new();
        frame(&mut ping, Kind::Ping, 0, (0, &[5; 8]));
        let answer = script.answer(&ping);
        assert_eq!(answer[3..5], [Kind::Ping as u8, ACK]);
        assert_eq!(answer[9..], [5; 8]);
    }
}
