//! What goes into the loop and what comes out of it.

use std::fmt;
use std::time::Duration;

use thalweg_common::ids::{Clock, ServerId};
use thalweg_common::message::{Reply, Request};
use thalweg_common::time::Time;

use crate::worker::compute::{ComputeDone, ComputeTask};
use crate::worker::failure::Failure;

/// Pairs a reply with its request. Never used twice by one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happens to a worker.
#[derive(Debug)]
pub enum Event {
    /// The worker begins; the first event.
    Start,
    /// A server has answered. An answer to a request that was given up is ignored.
    Reply {
        /// Who.
        server: ServerId,
        /// Which request.
        id: RequestId,
        /// What.
        reply: Reply,
    },
    /// A batch has been computed.
    Computed(ComputeDone),
    /// The time of the last [`Effect::WakeAt`] has come.
    Tick,
    /// The connection with a server broke; what was on its way to or from it may be lost.
    Lost {
        /// Which.
        server: ServerId,
        /// Why, in words.
        cause: String,
    },
    /// There is a connection again.
    Back {
        /// With whom.
        server: ServerId,
    },
    /// The worker is to end in order: what it holds back is pushed, then it leaves.
    Stop,
}

/// What a worker wants done.
#[derive(Debug)]
pub enum Effect {
    /// Send a request. Requests to one server are sent in the order of their effects.
    Send {
        /// To whom.
        server: ServerId,
        /// What the reply is to carry.
        id: RequestId,
        /// What.
        request: Request,
        /// When the worker will no longer wait for the answer.
        deadline: Time,
    },
    /// Compute a batch, and answer with [`Event::Computed`]. At most one is under way.
    Compute(ComputeTask),
    /// Give [`Event::Tick`] at this time. The latest one counts.
    WakeAt(Time),
    /// Tell people; the worker goes on.
    Tell(Notice),
    /// The worker has ended. No effect follows.
    Finish(Outcome),
}

/// What people are told while a worker goes on. `server` is a server's number and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A server cannot be reached: told soon after it was lost, then now and again.
    Unreachable {
        /// Who.
        server: String,
        /// For how long.
        lost: Duration,
        /// What the transport said last.
        cause: String,
        /// How long the worker will try on.
        gives_up_in: Duration,
    },
    /// A server of which that was told can be reached again.
    Reachable {
        /// Who.
        server: String,
        /// For how long it could not.
        lost: Duration,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable {
                server,
                lost,
                cause,
                gives_up_in,
            } => write!(
                f,
                "{server} cannot be reached for {} s now ({cause}); this worker tries on, and \
                 gives up in {} s",
                lost.as_secs(),
                gives_up_in.as_secs()
            ),
            Self::Reachable { server, lost } => {
                write!(
                    f,
                    "{server} can be reached again, after {} s",
                    lost.as_secs()
                )
            }
        }
    }
}

/// How a worker ended.
#[derive(Debug)]
pub enum Outcome {
    /// The servers say that the job is over: the coordinator grants no more, or a sign of life was
    /// answered so. Whether it reached its end, they know.
    Done,
    /// It was told to stop by [`Event::Stop`]; every push is acknowledged and every server knows.
    Stopped,
    /// It could not go on.
    Failed(Failure),
}

/// Figures of a worker, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Iterations finished.
    pub clock: Clock,
    /// Examples computed.
    pub examples: u64,
    /// Pushes made.
    pub pushes: u64,
    /// Requests sent again, whatever the cause.
    pub repeats: u64,
}
