//! Frames that no conforming peer sends: the stream is to be closed.

use thiserror::Error;

/// What broke a session stream. Nothing later on it can be trusted: the receiver closes it, and the
/// sender opens another and repeats what was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Request id 0.
    #[error("request_id: expected a number from 1, found 0")]
    NoRequestId,
    /// A request id that is still in use.
    #[error("request {0}: expected its remaining chunks, found another message of the same id")]
    Reused(u64),
    /// A chunk for a message that does not wait for one.
    #[error("request {0}: expected no chunk (nothing was announced, or all has come), found one")]
    Unannounced(u64),
    /// A chunk without data.
    #[error("request {0}: expected coordinates or values in a chunk, found nothing")]
    EmptyChunk(u64),
    /// A chunk out of its place.
    #[error("request {request_id}: expected {expected}, found {found}")]
    Misplaced {
        /// The message.
        request_id: u64,
        /// The part, section and offset that come next.
        expected: String,
        /// Those that came.
        found: String,
    },
    /// A chunk of a wrong length.
    #[error("request {request_id}: expected a chunk of {expected}, found {found} bytes")]
    Length {
        /// The message.
        request_id: u64,
        /// The lengths that would do.
        expected: String,
        /// The chunk's.
        found: usize,
    },
    /// The word `more` against the announced lengths.
    #[error(
        "request {request_id}: expected more = {expected} by the announced lengths, found {found}"
    )]
    More {
        /// The message.
        request_id: u64,
        /// What the announced lengths say.
        expected: bool,
        /// What the frame says.
        found: bool,
    },
    /// More messages wait for chunks than a peer within its credit opens.
    #[error("expected at most {max} messages waiting for chunks, found one more")]
    TooManyOpen {
        /// The bound.
        max: usize,
    },
}
