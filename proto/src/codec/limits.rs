//! What a frame, a part and the work in flight may measure.

use thiserror::Error;

/// The bounds of a session stream, in bytes. Both ends are given the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// A frame as protobuf.
    pub message_bytes_max: usize,
    /// The data of a chunk, and the data that a frame carries inline: a multiple of four, at least
    /// [`Self::CHUNK_BYTES_MIN`].
    pub chunk_bytes: usize,
    /// The coordinates of one part, and its values.
    pub part_bytes_max: usize,
    /// All coordinates and values that were announced on one stream and have not all come.
    pub in_flight_bytes_max: usize,
    /// Messages of one stream whose chunks have not all come.
    pub open_messages_max: usize,
}

/// Bounds that cannot hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LimitsError {
    /// A chunk holds whole values, and not too few of them.
    #[error("chunk_bytes: expected a multiple of 4 from 4096 on, found {0}")]
    ChunkBytes(usize),
    /// A chunk travels in a frame.
    #[error(
        "message_bytes_max: expected at least chunk_bytes + {envelope} = {least}, found {found}",
        envelope = FrameLimits::ENVELOPE_BYTES
    )]
    MessageBytes {
        /// The least that would do.
        least: usize,
        /// What was given.
        found: usize,
    },
}

impl FrameLimits {
    /// What a chunk's frame adds to its data, at most: request id, part, offset, tags, lengths.
    pub const ENVELOPE_BYTES: usize = 64;

    /// The least length of a chunk that does not end its section: a bound on the number of segments
    /// that a peer can make of a part.
    pub const CHUNK_BYTES_MIN: usize = 4096;

    /// Checks that the bounds hold together.
    ///
    /// # Errors
    /// [`LimitsError`] names the bound that does not.
    pub fn check(self) -> Result<Self, LimitsError> {
        if self.chunk_bytes < Self::CHUNK_BYTES_MIN || !self.chunk_bytes.is_multiple_of(4) {
            return Err(LimitsError::ChunkBytes(self.chunk_bytes));
        }
        let least = self.chunk_bytes.saturating_add(Self::ENVELOPE_BYTES);
        if self.message_bytes_max < least {
            return Err(LimitsError::MessageBytes {
                least,
                found: self.message_bytes_max,
            });
        }
        Ok(self)
    }
}

impl Default for FrameLimits {
    /// Messages of 2 MiB, chunks of 1 MiB (`docs/decisions` has the measurement), parts of 64 MiB,
    /// 256 MiB in flight in at most 64 messages.
    fn default() -> Self {
        Self {
            message_bytes_max: 2 << 20,
            chunk_bytes: 1 << 20,
            part_bytes_max: 64 << 20,
            in_flight_bytes_max: 256 << 20,
            open_messages_max: 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_cannot_hold_together_are_named() {
        let limits = FrameLimits::default();
        assert_eq!(limits.check(), Ok(limits));
        let odd = FrameLimits {
            chunk_bytes: 4098,
            ..limits
        };
        assert_eq!(odd.check(), Err(LimitsError::ChunkBytes(4098)));
        let tight = FrameLimits {
            message_bytes_max: limits.chunk_bytes,
            ..limits
        };
        let error = tight.check().unwrap_err().to_string();
        assert_eq!(
            error,
            "message_bytes_max: expected at least chunk_bytes + 64 = 1048640, found 1048576"
        );
    }
}
