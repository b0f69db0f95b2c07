//! What workers and servers say to each other, as domain types.
//!
//! The unit is the **part**: what one push sends to one shard. A part is judged whole, applied
//! whole and acknowledged alone; nothing promises atomicity across parts. None of these types is a
//! protobuf type: the `proto` crate converts both ways and judges every field on the way in.

mod address;
mod payload;
mod push;
mod pull;
mod session;
mod status;
mod history;
mod waits;

pub use address::{Address, CoordinateError, Coordinates};
pub use history::{
    Asked, HISTORY_TOLD_MAX, Happened, HistoryEvent, Pushed, StatusRequest, last_events,
};
pub use payload::Payload;
pub use pull::{Holder, Pull, PullPart, PullReply, Read};
pub use push::{
    Codec, DUPLICATE_WINDOW, DataRange, Dtype, Kind, Outcome, Part, PartAck, Push, PushHeader,
};
pub use session::{
    Conclude, DataSummary, GRANTS_MAX, Grant, Granted, Heartbeat, HeartbeatReply, Leave,
    LeaveReason, NextRange, Offer, PROTOCOL_VERSIONS, Register, Registered, SessionRole,
};
pub use status::{
    CheckpointStatus, EpochStatus, PartTally, Phase, ShardStatus, StalenessHistogram, Status, Wait,
    WorkerState, WorkerStatus,
};

pub use waits::{WaitSum, Waited, Waits};

use crate::error::Refusal;

/// Everything that a session may ask of a server.
#[derive(Clone, Debug)]
pub enum Request {
    /// Open a session.
    Register(Register),
    /// Parts for the shards of one server.
    Push(Push),
    /// Parameters of the shards of one server.
    Pull(Pull),
    /// The next data ranges (server 0 only).
    NextRange(NextRange),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// How things stand.
    Status(StatusRequest),
    /// Close a session.
    Leave(Leave),
    /// End the job as done (observers, server 0 only).
    Conclude(Conclude),
    /// Rows of a stream have arrived (observers, server 0 only).
    Offer(Offer),
}

/// The answer to a [`Request`], variant for variant, or a refusal.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To [`Request::Register`].
    Registered(Box<Registered>),
    /// To [`Request::Push`]: one acknowledgement per part, in the order of the parts.
    Pushed(Vec<PartAck>),
    /// To [`Request::Pull`].
    Pulled(PullReply),
    /// To [`Request::NextRange`].
    Granted(Granted),
    /// To [`Request::Heartbeat`].
    Heartbeat(HeartbeatReply),
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Leave`].
    Left,
    /// To [`Request::Conclude`].
    Concluded,
    /// To [`Request::Offer`]: every row below this one has been used.
    Offered(u64),
    /// Nothing of the request was done.
    Refused(Refusal),
}
