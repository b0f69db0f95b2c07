//! Addresses: which elements of a shard a part speaks of.

use std::sync::Arc;

use bytes::Bytes;
use thalweg_common::message::{Address, Coordinates};

use super::ConvertError;
use super::section::{Missing, SectionKind};
use crate::v1;

/// Bytes per coordinate.
pub(crate) const COORDINATE_BYTES: usize = 4;

/// An address on the wire, whichever message it stands in.
pub(super) enum WireAddress {
    Range(v1::ElementRange),
    Coordinates(v1::Coordinates),
    Rows(v1::Rows),
}

/// An address that was read, or the announcement of coordinates that follow in chunks.
pub(super) enum OpenAddress {
    Whole(Address),
    Coordinates { bytes: u64 },
}

impl OpenAddress {
    /// The number of elements that the address names; `None` for rows, whose length is a matter of
    /// the table.
    pub(super) fn elements(&self) -> Option<u64> {
        match self {
            Self::Whole(Address::Rows { .. }) => None,
            Self::Whole(address) => Some(address.len() as u64),
            Self::Coordinates { bytes } => Some(bytes / COORDINATE_BYTES as u64),
        }
    }
}

/// Reads an address. Coordinates may be announced without being there.
pub(super) fn open(address: WireAddress) -> Result<OpenAddress, ConvertError> {
    match address {
        WireAddress::Range(range) => element_range(&range),
        WireAddress::Coordinates(list) if list.offsets.is_empty() && list.count > 0 => {
            let bytes = u64::from(list.count) * COORDINATE_BYTES as u64;
            return Ok(OpenAddress::Coordinates { bytes });
        }
        WireAddress::Coordinates(list) => inline_coordinates(&list),
        WireAddress::Rows(rows) => Ok(Address::Rows {
            table: rows.table,
            keys: rows.keys,
        }),
    }
    .map(OpenAddress::Whole)
}

fn element_range(range: &v1::ElementRange) -> Result<Address, ConvertError> {
    match range.start.checked_add(range.count) {
        Some(end) => Ok(Address::Range(range.start..end)),
        None => Err(ConvertError::invalid(
            "range.count",
            format!(
                "at most {} elements from {} on",
                u32::MAX - range.start,
                range.start
            ),
            range.count,
        )),
    }
}

fn inline_coordinates(list: &v1::Coordinates) -> Result<Address, ConvertError> {
    let expected = u64::from(list.count) * COORDINATE_BYTES as u64;
    if list.offsets.len() as u64 != expected {
        return Err(ConvertError::invalid(
            "coordinates.offsets",
            format!("{expected} bytes for a count of {}", list.count),
            format!("{} bytes", list.offsets.len()),
        ));
    }
    coordinates([&list.offsets]).map(Address::Coordinates)
}

/// Reads little-endian coordinates out of segments of whole ones, and checks their order.
pub(crate) fn coordinates<'a>(
    segments: impl IntoIterator<Item = &'a Bytes>,
) -> Result<Coordinates, ConvertError> {
    let mut segments = segments.into_iter();
    let first = segments.next().map_or(&[][..], |segment| segment.as_ref());
    // One allocation when all is in one segment, the usual case.
    let mut offsets: Arc<[u32]> = read_offsets(first).collect();
    let rest: Vec<u32> = segments.flat_map(|segment| read_offsets(segment)).collect();
    if !rest.is_empty() {
        offsets = offsets.iter().copied().chain(rest).collect();
    }
    Coordinates::new(offsets).map_err(|error| {
        ConvertError::invalid(
            "coordinates.offsets",
            "offsets that rise strictly",
            format!(
                "{} after {} at {}",
                error.found, error.before, error.position
            ),
        )
    })
}

fn read_offsets(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .as_chunks::<COORDINATE_BYTES>()
        .0
        .iter()
        .map(|offset| u32::from_le_bytes(*offset))
}

/// The little-endian bytes of coordinates.
pub(super) fn coordinate_bytes(coordinates: &Coordinates) -> Bytes {
    let mut bytes = Vec::with_capacity(coordinates.len() * COORDINATE_BYTES);
    for offset in coordinates.as_slice() {
        bytes.extend_from_slice(&offset.to_le_bytes());
    }
    bytes.into()
}

/// Writes an address without the bytes of its coordinates.
pub(super) fn close(address: &Address) -> WireAddress {
    match address {
        Address::Range(range) => WireAddress::Range(v1::ElementRange {
            start: range.start,
            count: range.end.saturating_sub(range.start),
        }),
        Address::Coordinates(coordinates) => WireAddress::Coordinates(v1::Coordinates {
            count: u32::try_from(coordinates.len())
                .expect("distinct u32 offsets, at most 2^32 − 1"),
            offsets: Bytes::new(),
        }),
        Address::Rows { table, keys } => WireAddress::Rows(v1::Rows {
            table: *table,
            keys: keys.clone(),
        }),
    }
}

/// The address as it stands in its message; announced coordinates join the missing sections.
pub(super) fn place(address: OpenAddress, part: usize, missing: &mut Vec<Missing>) -> Address {
    match address {
        OpenAddress::Whole(address) => address,
        OpenAddress::Coordinates { bytes } => {
            missing.push(Missing {
                part,
                kind: SectionKind::Coordinates,
                bytes,
            });
            Address::NONE
        }
    }
}
