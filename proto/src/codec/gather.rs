//! Receiving: the missing sections of one message, filled chunk by chunk.

use bytes::Bytes;
use thalweg_common::message::{Coordinates, Payload};

use super::error::FrameError;
use super::limits::FrameLimits;
use crate::convert::section::{Missing, SectionKind};
use crate::convert::{ConvertError, address};
use crate::v1;
use crate::v1::chunk::Data;

/// A section that has come whole.
#[derive(Debug)]
pub enum Filled {
    /// Coordinates, not yet judged.
    Coordinates(Vec<Bytes>),
    /// Values.
    Values(Payload),
    /// What was read of elements.
    AtRead(Payload),
}

impl Filled {
    /// Reads coordinates.
    pub(super) fn coordinates(segments: &[Bytes]) -> Result<Coordinates, ConvertError> {
        address::coordinates(segments)
    }
}

/// Collects the sections of one message in the order in which they were announced.
#[derive(Debug)]
pub(super) struct Gather {
    request_id: u64,
    missing: std::vec::IntoIter<Missing>,
    current: Option<Missing>,
    segments: Vec<Bytes>,
    received: u64,
}

impl Gather {
    pub(super) fn new(request_id: u64, missing: Vec<Missing>) -> Self {
        let mut missing = missing.into_iter();
        let current = missing.next();
        Self {
            request_id,
            missing,
            current,
            segments: Vec::new(),
            received: 0,
        }
    }

    /// Whether every section has come.
    pub(super) fn is_done(&self) -> bool {
        self.current.is_none()
    }

    /// Takes a chunk; returns the part and the section that it completes.
    pub(super) fn take(&mut self, chunk: v1::Chunk) -> Result<Option<(usize, Filled)>, FrameError> {
        let request_id = self.request_id;
        let current = self.current.ok_or(FrameError::Unannounced(request_id))?;
        let (kind, data) = match chunk.data {
            Some(Data::Coordinates(data)) => (SectionKind::Coordinates, data),
            Some(Data::Values(data)) => (SectionKind::Values, data),
            Some(Data::AtRead(data)) => (SectionKind::AtRead, data),
            None => return Err(FrameError::EmptyChunk(request_id)),
        };
        let place = |part: u64, kind: SectionKind, offset: u64| {
            format!("{} of part {part} at offset {offset}", kind.name())
        };
        let expected = (current.part as u64, current.kind, self.received);
        let found = (u64::from(chunk.part), kind, chunk.offset);
        if found != expected {
            return Err(FrameError::Misplaced {
                request_id,
                expected: place(expected.0, expected.1, expected.2),
                found: place(found.0, found.1, found.2),
            });
        }
        self.judge_length(current.bytes - self.received, data.len())?;
        self.received += data.len() as u64;
        self.segments.push(data);
        if self.received < current.bytes {
            return Ok(None);
        }
        self.current = self.missing.next();
        self.received = 0;
        let segments = std::mem::take(&mut self.segments);
        let filled = match current.kind {
            SectionKind::Coordinates => Filled::Coordinates(segments),
            SectionKind::Values => Filled::Values(payload(segments)),
            SectionKind::AtRead => Filled::AtRead(payload(segments)),
        };
        Ok(Some((current.part, filled)))
    }

    fn judge_length(&self, rest: u64, found: usize) -> Result<(), FrameError> {
        let least = rest.min(FrameLimits::CHUNK_BYTES_MIN as u64);
        if (least..=rest).contains(&(found as u64)) && found.is_multiple_of(Payload::VALUE_BYTES) {
            return Ok(());
        }
        let expected = format!("{least} to {rest} bytes, a multiple of 4");
        Err(FrameError::Length {
            request_id: self.request_id,
            expected,
            found,
        })
    }
}

fn payload(segments: Vec<Bytes>) -> Payload {
    let mut payload = Payload::default();
    segments
        .into_iter()
        .for_each(|segment| payload.push(segment));
    payload
}
