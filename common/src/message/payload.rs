//! The values of a part as they came: little-endian f32 in one or more segments, not copied.

use bytes::Bytes;

/// Little-endian f32 values in segments. A large part arrives in chunks, each a segment; every
/// segment holds whole values.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    segments: Vec<Bytes>,
    bytes: usize,
}

impl Payload {
    /// Bytes per value.
    pub const VALUE_BYTES: usize = 4;

    /// A payload of one segment. A length that is no multiple of four is judged by the receiver.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        let mut payload = Self::default();
        payload.push(bytes);
        payload
    }

    /// Copies values into a payload.
    #[must_use]
    pub fn from_values(values: &[f32]) -> Self {
        let mut bytes = Vec::with_capacity(values.len() * Self::VALUE_BYTES);
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        Self::from_bytes(bytes.into())
    }

    /// Adds a segment at the end. Empty segments are dropped.
    pub fn push(&mut self, segment: Bytes) {
        if !segment.is_empty() {
            self.bytes += segment.len();
            self.segments.push(segment);
        }
    }

    /// The length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of whole values.
    #[must_use]
    pub fn values(&self) -> usize {
        self.bytes / Self::VALUE_BYTES
    }

    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = f32> {
        self.segments.iter().flat_map(|segment| {
            segment
                .as_chunks::<4>()
                .0
                .iter()
                .map(|value| f32::from_le_bytes(*value))
        })
    }

    /// Copies the values into `out`, which has [`Self::values`] elements.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn copy_to(&self, out: &mut [f32]) {
        assert_eq!(out.len(), self.values(), "a payload is copied whole");
        let mut rest = out;
        for segment in &self.segments {
            let (values, _) = segment.as_chunks::<4>();
            let (head, tail) = rest.split_at_mut(values.len());
            for (to, from) in head.iter_mut().zip(values) {
                *to = f32::from_le_bytes(*from);
            }
            rest = tail;
        }
    }
}

impl PartialEq for Payload {
    /// Equal values, wherever the segments end.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
            && self
                .segments
                .iter()
                .flatten()
                .eq(other.segments.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_read_as_one_run_of_values() {
        let whole = Payload::from_values(&[1.0, -2.0, 3.5]);
        let mut cut = Payload::default();
        for segment in whole.segments()[0].chunks(4) {
            cut.push(Bytes::copy_from_slice(segment));
        }
        assert_eq!(whole, cut);
        assert_eq!(cut.values(), 3);
        let mut out = [0.0; 3];
        cut.copy_to(&mut out);
        assert_eq!(
            out.map(f32::to_bits),
            [1.0_f32, -2.0, 3.5].map(f32::to_bits)
        );
        assert!(cut.iter().eq(whole.iter()));
    }
}
