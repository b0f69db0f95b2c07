//! Sections: the runs of bytes of a message that may travel apart from it, in chunks.
//!
//! A message is written as a head without them and the list of its sections; whoever sends decides
//! which go back in. It is read as a message and the list of sections that were announced and are
//! not there; whoever receives waits for them.

use bytes::Bytes;
use thalweg_common::message::{Coordinates, Payload};
use thalweg_common::push_format::PushFormat;

use super::ConvertError;

/// Which run of a part's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// Little-endian 32-bit offsets.
    Coordinates,
    /// Values.
    Values,
    /// What was read of each element.
    AtRead,
}

impl SectionKind {
    /// The name in messages to people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Coordinates => "coordinates",
            Self::Values => "values",
            Self::AtRead => "value_at_read",
        }
    }
}

/// A section to be sent: its bytes in segments of whole values.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The index of its part.
    pub(crate) part: usize,
    /// Which run.
    pub(crate) kind: SectionKind,
    /// The bytes, none of them empty.
    pub(crate) segments: Vec<Bytes>,
}

impl Section {
    /// The values of a payload; `None` if there are none.
    pub(crate) fn values(part: usize, payload: &Payload) -> Option<Self> {
        let segments = payload.segments().to_vec();
        (!segments.is_empty()).then_some(Self {
            part,
            kind: SectionKind::Values,
            segments,
        })
    }

    /// What was read of each element; `None` if nothing is said of it.
    pub(crate) fn at_read(part: usize, payload: &Payload) -> Option<Self> {
        let kind = SectionKind::AtRead;
        Self::values(part, payload).map(|section| Self { kind, ..section })
    }

    /// Coordinates, as bytes; `None` if there are none.
    pub(crate) fn coordinates(part: usize, coordinates: &Coordinates) -> Option<Self> {
        let segments = vec![super::address::coordinate_bytes(coordinates)];
        (!coordinates.is_empty()).then_some(Self {
            part,
            kind: SectionKind::Coordinates,
            segments,
        })
    }

    /// The length of all segments.
    pub(crate) fn bytes(&self) -> usize {
        self.segments.iter().map(Bytes::len).sum()
    }

    /// All bytes in one: without a copy if there is one segment.
    pub(crate) fn joined(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.segments) {
            Ok([segment]) => segment,
            Err(segments) => segments.concat().into(),
        }
    }
}

/// A section that was announced and is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The index of its part.
    pub(crate) part: usize,
    /// Which run.
    pub(crate) kind: SectionKind,
    /// Its length: a positive multiple of four.
    pub(crate) bytes: u64,
}

/// A message that was read, and the sections that it announced and does not hold.
#[derive(Debug)]
pub(crate) struct Opened<T> {
    /// The message; where a section is missing it has no coordinates, no values.
    pub(crate) message: T,
    /// In the order in which the chunks come.
    pub(crate) missing: Vec<Missing>,
}

impl<T> Opened<T> {
    /// The message, if nothing of it is missing.
    pub(crate) fn whole(self) -> Result<T, ConvertError> {
        match self.missing.first() {
            None => Ok(self.message),
            Some(missing) => Err(ConvertError::invalid(
                missing.kind.name(),
                format!(
                    "{} bytes inline (chunks exist only on the session stream)",
                    missing.bytes
                ),
                "none",
            )
            .at("parts", missing.part)),
        }
    }
}

/// Judges announced values against the bytes that came and the elements addressed.
///
/// `elements` is `None` where the address does not tell how many values there are; with it goes the
/// format that they are written in.
pub(super) fn open_values(
    part: usize,
    announced: u64,
    payload: Bytes,
    elements: Option<(u64, PushFormat)>,
) -> Result<(Payload, Option<Missing>), ConvertError> {
    if let Some((elements, format)) = elements
        && announced != format.bytes(elements)
    {
        let expected = format!(
            "{} ({elements} elements of {format})",
            format.bytes(elements)
        );
        return Err(ConvertError::invalid("payload_bytes", expected, announced));
    }
    open_run((part, SectionKind::Values), "payload", announced, payload)
}

/// The same of what was read: how long it is for so many elements depends on the job's rule.
pub(super) fn open_at_read(
    part: usize,
    announced: u64,
    payload: Bytes,
) -> Result<(Payload, Option<Missing>), ConvertError> {
    let section = (part, SectionKind::AtRead);
    open_run(section, "value_at_read", announced, payload)
}

fn open_run(
    (part, kind): (usize, SectionKind),
    field: &str,
    announced: u64,
    payload: Bytes,
) -> Result<(Payload, Option<Missing>), ConvertError> {
    if !announced.is_multiple_of(Payload::VALUE_BYTES as u64) {
        let field = format!("{field}_bytes");
        return Err(ConvertError::invalid(&field, "a multiple of 4", announced));
    }
    if announced > 0 && payload.is_empty() {
        let missing = Missing {
            part,
            kind,
            bytes: announced,
        };
        return Ok((Payload::default(), Some(missing)));
    }
    if payload.len() as u64 != announced {
        let expected = format!("{field}_bytes, {announced}, or none of them");
        let found = format!("{} bytes", payload.len());
        return Err(ConvertError::invalid(field, expected, found));
    }
    Ok((Payload::from_bytes(payload), None))
}
