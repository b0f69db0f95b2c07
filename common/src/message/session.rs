//! The life of a session: register, ask for data, give signs of life, leave.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::ids::{Clock, Fingerprint, Generation, Life, ServerId, SessionId, WorkerId};

/// The protocol versions that this build speaks.
pub const PROTOCOL_VERSIONS: RangeInclusive<u32> = 1..=1;

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRole {
    /// Pulls, pushes, asks for data ranges.
    Worker,
    /// Pulls and asks how things stand; never holds a gate.
    Observer,
}

/// What a worker found in its data, compared with the resolved job's at registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSummary {
    /// Training rows.
    pub rows: u64,
    /// Input features.
    pub features: u64,
    /// A hash of the content.
    pub hash: u64,
}

/// Opens a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// Protocol versions that the caller speaks, least and greatest.
    pub protocol: RangeInclusive<u32>,
    /// What the session may do.
    pub role: SessionRole,
    /// The job's fingerprint, when the caller knows it; a first contact learns it.
    pub fingerprint: Option<Fingerprint>,
    /// The wanted worker slot; `None` takes the first free one.
    pub worker: Option<WorkerId>,
    /// The session that server 0 gave, when registering with the other servers.
    pub session: Option<SessionId>,
    /// What the worker found in its data. `None` asks for the job alone: no session is opened and
    /// the answer's session is 0.
    pub data: Option<DataSummary>,
    /// Where the caller runs, for people: host and process id.
    pub place: String,
    /// The lives of servers 0, 1, … as the caller has met them. Empty at a first contact; at the
    /// end server 0 is told of all.
    pub lives: Vec<Life>,
    /// Where server 0 has let the worker's clock start, when registering with the other servers: all
    /// count alike then. `None` lets each server say for itself.
    pub clock: Option<Clock>,
    /// The session that the caller had in this slot and that is over: it comes back only if nobody has
    /// taken the slot since.
    pub after: Option<SessionId>,
}

/// An open session.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// The protocol version that both will speak.
    pub protocol: u32,
    /// The session.
    pub session: SessionId,
    /// The worker slot; observers share one past the last slot.
    pub worker: WorkerId,
    /// Which server answered.
    pub server: ServerId,
    /// How many servers the job has.
    pub servers: u32,
    /// The resolved job's fingerprint.
    pub fingerprint: Fingerprint,
    /// The present shard map's generation.
    pub generation: Generation,
    /// The resolved job, as the text that `thalweg check` prints.
    pub job: String,
    /// The present life of the server that answers.
    pub life: Life,
    /// The clock of the session's slot when it has finished nothing.
    pub clock: Clock,
}

/// Asks for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRange {
    /// The asking session.
    pub session: SessionId,
    /// Its worker.
    pub worker: WorkerId,
    /// Grants of data that the session has received: a number that does not rise says that the
    /// last answer was lost, and gets it again.
    pub received: u64,
    /// Iterations for which data are wanted, so that a worker that trains a while by itself asks once
    /// for all of it where its data are its own, as under rounds. 0 is taken as 1, and one answer has
    /// [`GRANTS_MAX`] grants at most.
    pub wanted: u64,
}

/// The most grants in one answer.
pub const GRANTS_MAX: usize = 1_024;

/// What the coordinator answers to a worker that asks for data.
#[derive(Clone, Debug, PartialEq)]
pub struct Granted {
    /// The data, in the order in which they are to be trained on; at least one grant. A wait or the end
    /// comes last.
    pub grants: Vec<Grant>,
    /// What the schedule's learning rate is to be multiplied by, in (0, 1]: the worker writes it
    /// into the pushes that follow.
    pub rate_factor: f64,
}

/// Data to train on, or why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Train on these positions of the epoch's permutation, batch after batch.
    Range {
        /// The epoch, from 0.
        epoch: u64,
        /// The first position.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// This round has no batch for this worker: push a clock-only part.
    ClockOnly,
    /// Nothing to do at present; ask again after this long.
    Wait(Duration),
    /// The job is done.
    Done,
}

impl Grant {
    /// Whether there is something to train on, or to say that there is not.
    #[must_use]
    pub fn is_iterations(self) -> bool {
        matches!(self, Self::Range { .. } | Self::ClockOnly)
    }

    /// The iterations that it is, in batches of `batch_examples` (≥ 1).
    #[must_use]
    pub fn iterations(self, batch_examples: u64) -> u64 {
        match self {
            Self::Range { start, end, .. } => end.saturating_sub(start).div_ceil(batch_examples),
            Self::ClockOnly => 1,
            Self::Wait(_) | Self::Done => 0,
        }
    }
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The session.
    pub session: SessionId,
    /// The worker.
    pub worker: WorkerId,
    /// Iterations begun, for people: `clock` at the server says those finished.
    pub clock: Clock,
    /// What the worker does, in words.
    pub doing: String,
    /// Whether it was told to wait for data: an idle worker holds no gate and no round.
    pub idle: bool,
    /// Bytes that the worker has sent to all servers, at its sockets.
    pub sent_bytes: u64,
    /// Bytes that the worker has received from all servers, at its sockets.
    pub received_bytes: u64,
    /// Time spent computing gradients.
    pub compute: Duration,
    /// Time spent waiting for pulls.
    pub waited: Duration,
    /// Requests that the session has sent again, to all servers.
    pub retries: u64,
}

/// The answer to a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// Examples committed.
    pub progress: u64,
    /// Whether the worker is to stop: the job is done, or the server is ending.
    pub stop: bool,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// The job is done.
    Done,
    /// The worker was told to stop.
    Stopped,
    /// The worker failed.
    Failed,
    /// A gradient is not finite, its own or, as a server has told it, another's: the job has failed.
    Diverged,
    /// A server has told it that the job has failed.
    JobFailed,
}

/// Closes a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Leave {
    /// The session.
    pub session: SessionId,
    /// The worker.
    pub worker: WorkerId,
    /// Why.
    pub reason: LeaveReason,
    /// The cause in words, when it failed.
    pub cause: String,
}

/// An observer has seen enough: no more data is dealt out, and the job is done as soon as what is on
/// loan has come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclude {
    /// The observer's session.
    pub session: SessionId,
    /// Its worker number, one past the last slot.
    pub worker: WorkerId,
    /// What was reached, in words.
    pub why: String,
}

/// Rows of a stream have arrived and can be dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The observer's session.
    pub session: SessionId,
    /// Its worker number, one past the last slot.
    pub worker: WorkerId,
    /// Rows since the stream began; what is less than an earlier offer changes nothing.
    pub rows: u64,
    /// Whether the stream has ended: the job is done when all of them are used.
    pub closed: bool,
}
