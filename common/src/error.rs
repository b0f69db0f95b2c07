//! Refusals: the closed set of reasons why a server does not do what it was asked, each with what
//! the caller does next.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// A field has a value that can never be right: lengths, order, bounds.
    Invalid,
    /// A gradient holds NaN or infinity and the policy is `reject`.
    NonFinite,
    /// Larger than a configured bound.
    TooLarge,
    /// Known to the schema, not served by this build or for this job.
    Unsupported,
    /// The peer speaks no protocol version that this side speaks.
    Protocol,
    /// The server serves another job, or the same job resolved differently.
    WrongJob,
    /// The server does not hold this shard.
    UnknownShard,
    /// The shard map is another generation's.
    WrongGeneration,
    /// No such session: never registered here, or closed.
    UnknownSession,
    /// A later session of the same worker, or an expired lease, has replaced this one.
    Fenced,
    /// All worker slots of the job are taken.
    SlotsTaken,
    /// The sequence is more than the window ahead of the last contiguous one.
    TooFar,
    /// A bound of work in flight is reached; nothing was done.
    Overloaded,
    /// The request's deadline passed before it was served; nothing was done.
    Deadline,
    /// The server is ending.
    Stopping,
    /// The job has failed, and goes on for nobody: neither here nor at a server that is started again.
    JobFailed,
    /// The same, because its training diverged.
    Diverged,
    /// A broken invariant on the server's side.
    Internal,
    /// The caller has shown nothing that says who it is.
    Unauthenticated,
    /// The caller's role may not do this, or the session is another's.
    Forbidden,
}

/// What the caller of a refused request does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing will make this request right; tell the user.
    GiveUp,
    /// Send the same request with the same sequence after a back-off.
    RetryLater,
    /// Fetch the shard map, then send the same sequence to the shard's present holder.
    NewMap,
    /// This session is over; register anew or stop.
    Register,
}

impl RefusalKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 20] = [
        Self::Invalid,
        Self::NonFinite,
        Self::TooLarge,
        Self::Unsupported,
        Self::Protocol,
        Self::WrongJob,
        Self::UnknownShard,
        Self::WrongGeneration,
        Self::UnknownSession,
        Self::Fenced,
        Self::SlotsTaken,
        Self::TooFar,
        Self::Overloaded,
        Self::Deadline,
        Self::Stopping,
        Self::JobFailed,
        Self::Diverged,
        Self::Internal,
        Self::Unauthenticated,
        Self::Forbidden,
    ];

    /// What the caller does next.
    #[must_use]
    pub fn next(self) -> Next {
        match self {
            Self::Invalid
            | Self::NonFinite
            | Self::TooLarge
            | Self::Unsupported
            | Self::Protocol
            | Self::WrongJob
            | Self::UnknownShard
            | Self::SlotsTaken
            | Self::Stopping
            | Self::JobFailed
            | Self::Diverged
            | Self::Internal
            | Self::Unauthenticated
            | Self::Forbidden => Next::GiveUp,
            Self::TooFar | Self::Overloaded | Self::Deadline => Next::RetryLater,
            Self::WrongGeneration => Next::NewMap,
            Self::UnknownSession | Self::Fenced => Next::Register,
        }
    }

    /// The name in logs, counters and status pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NonFinite => "non_finite",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Protocol => "protocol",
            Self::WrongJob => "wrong_job",
            Self::UnknownShard => "unknown_shard",
            Self::WrongGeneration => "wrong_generation",
            Self::UnknownSession => "unknown_session",
            Self::Fenced => "fenced",
            Self::SlotsTaken => "slots_taken",
            Self::TooFar => "too_far",
            Self::Overloaded => "overloaded",
            Self::Deadline => "deadline",
            Self::Stopping => "stopping",
            Self::JobFailed => "job_failed",
            Self::Diverged => "diverged",
            Self::Internal => "internal",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A request that was not done, with what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// The reason, from a closed set.
    pub kind: RefusalKind,
    /// Expected, found, and how to mend it; one line.
    pub message: String,
    /// Not before this is the same request worth sending again; `None` if the server does not say.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal of `kind` that says `message`.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The same, with the time after which the request is worth sending again.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..self
        }
    }

    /// Shorthand for [`RefusalKind::Invalid`].
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }
}
