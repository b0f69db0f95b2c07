//! Sending: which sections travel in the head, and the others cut into chunks.
//!
//! A chunk is a slice of a segment wherever the segment is long enough; only segments shorter than
//! [`FrameLimits::CHUNK_BYTES_MIN`] are copied together.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use thalweg_common::error::RefusalKind;

use super::limits::FrameLimits;
use crate::convert::ConvertError;
use crate::convert::section::{Section, SectionKind};
use crate::v1;
use crate::v1::chunk::Data;

/// Room for a section's tag, its length, and the growth of the lengths around it.
const SECTION_OVERHEAD_BYTES: usize = 24;

/// Puts sections into the head while they fit, in order, and returns the others.
///
/// `head_bytes` is the head's frame without any section.
pub(super) fn inline_what_fits(
    head_bytes: usize,
    sections: Vec<Section>,
    limits: &FrameLimits,
    mut inline: impl FnMut(Section),
) -> Result<Vec<Section>, ConvertError> {
    let room = limits
        .message_bytes_max
        .checked_sub(head_bytes)
        .ok_or_else(|| {
            let expected = format!(
                "at most {} bytes without its data",
                limits.message_bytes_max
            );
            ConvertError::invalid("frame", expected, format!("{head_bytes} bytes"))
                .of_kind(RefusalKind::TooLarge)
        })?;
    let mut budget = room.min(limits.chunk_bytes);
    let mut rest = Vec::new();
    for section in sections {
        match budget.checked_sub(section.bytes() + SECTION_OVERHEAD_BYTES) {
            Some(left) => {
                budget = left;
                inline(section);
            }
            None => rest.push(section),
        }
    }
    Ok(rest)
}

/// The chunks of sections, in order.
#[derive(Debug)]
pub(super) struct Chunks {
    sections: VecDeque<Section>,
    offset: u64,
    chunk_bytes: usize,
}

impl Chunks {
    pub(super) fn new(sections: Vec<Section>, limits: &FrameLimits) -> Self {
        Self {
            sections: sections.into(),
            offset: 0,
            chunk_bytes: limits.chunk_bytes,
        }
    }

    /// Whether all chunks are out.
    pub(super) fn is_done(&self) -> bool {
        self.sections.is_empty()
    }
}

impl Iterator for Chunks {
    type Item = v1::Chunk;

    fn next(&mut self) -> Option<v1::Chunk> {
        let section = self.sections.front_mut()?;
        let data = take(&mut section.segments, self.chunk_bytes);
        let part = u32::try_from(section.part).expect("a head that fits a message has fewer parts");
        let (offset, length) = (self.offset, data.len() as u64);
        let data = match section.kind {
            SectionKind::Coordinates => Data::Coordinates(data),
            SectionKind::Values => Data::Values(data),
            SectionKind::AtRead => Data::AtRead(data),
        };
        if section.segments.is_empty() {
            self.sections.pop_front();
            self.offset = 0;
        } else {
            self.offset += length;
        }
        Some(v1::Chunk {
            part,
            offset,
            data: Some(data),
        })
    }
}

/// Takes the next chunk of at most `chunk_bytes` off the front of `segments`.
fn take(segments: &mut Vec<Bytes>, chunk_bytes: usize) -> Bytes {
    let only = segments.len() == 1;
    let first = &mut segments[0];
    if first.len() > chunk_bytes {
        return first.split_to(chunk_bytes);
    }
    if only || first.len() >= FrameLimits::CHUNK_BYTES_MIN {
        return segments.remove(0);
    }
    let mut joined = BytesMut::with_capacity(chunk_bytes);
    while let Some(first) = segments.first_mut()
        && joined.len() < chunk_bytes
    {
        let length = first.len().min(chunk_bytes - joined.len());
        joined.extend_from_slice(&first[..length]);
        first.advance(length);
        if first.is_empty() {
            segments.remove(0);
        }
    }
    joined.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks_of(segments: Vec<Bytes>, chunk_bytes: usize) -> Vec<v1::Chunk> {
        let limits = FrameLimits {
            chunk_bytes,
            ..FrameLimits::default()
        };
        let section = Section {
            part: 3,
            kind: SectionKind::Values,
            segments,
        };
        Chunks::new(vec![section], &limits).collect()
    }

    fn values(chunk: &v1::Chunk) -> &Bytes {
        match &chunk.data {
            Some(Data::Values(data)) => data,
            other => panic!("values, not {other:?}"),
        }
    }

    #[test]
    fn a_long_segment_is_sliced_and_not_copied() {
        let whole = Bytes::from(vec![7_u8; 10_000]);
        let chunks = chunks_of(vec![whole.clone()], 4096);
        let cut: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.offset, values(chunk).len()))
            .collect();
        assert_eq!(cut, [(0, 4096), (4096, 4096), (8192, 1808)]);
        assert_eq!(values(&chunks[1]).as_ptr(), whole[4096..].as_ptr());
    }

    #[test]
    fn short_segments_are_joined_so_that_no_inner_chunk_is_short() {
        let segments: Vec<_> = (0_u8..100).map(|i| Bytes::from(vec![i; 400])).collect();
        let chunks = chunks_of(segments.clone(), 8192);
        let (last, inner) = chunks.split_last().unwrap();
        assert!(
            inner
                .iter()
                .all(|chunk| values(chunk).len() >= FrameLimits::CHUNK_BYTES_MIN)
        );
        assert!(values(last).len() <= 8192);
        let joined: Vec<u8> = chunks
            .iter()
            .flat_map(|chunk| values(chunk).to_vec())
            .collect();
        assert_eq!(joined, segments.concat());
    }
}
