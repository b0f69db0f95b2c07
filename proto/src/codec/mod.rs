//! Frames of the session stream, without any I/O: messages are cut into frames, frames assembled
//! into messages.
//!
//! On the way of a gradient this stands between `worker::push` and `server::ingress`, and for the
//! answer between `server::shard` and `worker::pull`.

mod limits;
mod pool;
mod envelope;
mod error;
mod frames;
mod interleave;
mod chunks;
mod gather;
mod assembly;
mod request;
mod reply;

pub use assembly::{Assembled, Assembler};
pub use envelope::{ReplyEnvelope, RequestEnvelope};
pub use error::FrameError;
pub use frames::Frames;
pub use interleave::Interleave;
pub use limits::{FrameLimits, LimitsError};
pub use pool::Pool;
pub use reply::{ReplyAssembler, ReplyFrames, reply_frames};
pub use request::{RequestAssembler, RequestFrames, request_frames};
pub(crate) use tonic_prost::ProstCodec as WireCodec;
