//! Why a worker or an observer could not join: what was expected, what was found, how to mend it.

use thalweg_common::error::{Next, Refusal, RefusalKind};
use thalweg_common::ids::{Fingerprint, ServerId};
use thiserror::Error;

use super::client::ClientError;

/// Why a worker or an observer could not join.
#[derive(Clone, Debug, Error)]
pub enum JoinError {
    /// A server cannot be reached or does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A server turned the caller away.
    #[error("the server at {address} refused: {refusal}")]
    Refused {
        /// Who.
        address: String,
        /// Its words.
        refusal: Refusal,
    },
    /// Two addresses are of different jobs.
    #[error(
        "{first} and {second} serve different jobs (fingerprints {} and {}); name the servers of \
         one job",
        .fingerprints.0, .fingerprints.1
    )]
    DifferentJobs {
        /// An address.
        first: String,
        /// One of another job.
        second: String,
        /// Their fingerprints.
        fingerprints: (Fingerprint, Fingerprint),
    },
    /// Two addresses are of one server.
    #[error(
        "{first} and {second} are both server {server}; name each of the {servers} servers once"
    )]
    Twice {
        /// The server.
        server: ServerId,
        /// An address.
        first: String,
        /// Another.
        second: String,
        /// Servers of the job.
        servers: u32,
    },
    /// Not all servers were named.
    #[error(
        "the job has {servers} servers, found {found}; missing: server {}; name all of them",
        words(.missing)
    )]
    Missing {
        /// Servers of the job.
        servers: u32,
        /// Those found, with their addresses.
        found: String,
        /// Those not found.
        missing: Vec<u32>,
    },
    /// An answer that does not fit the question.
    #[error("the server at {address} answered what was not asked: {found}; run one release on all")]
    Malformed {
        /// Who.
        address: String,
        /// What was found.
        found: String,
    },
    /// The caller was told to stop before all servers had taken its session.
    #[error("told to stop before all servers had taken the session")]
    Stopped,
}

impl JoinError {
    /// Whether another try may do.
    pub(super) fn may_go_better(&self) -> bool {
        match self {
            Self::Client(
                ClientError::Unreachable { .. }
                | ClientError::Mute { .. }
                | ClientError::Lost { .. },
            ) => true,
            // A slot may become free: that of a worker that is lost, at the end of its lease.
            Self::Refused { refusal, .. } => {
                refusal.kind == RefusalKind::SlotsTaken || refusal.kind.next() == Next::RetryLater
            }
            Self::Client(
                ClientError::Address { .. }
                | ClientError::Foreign { .. }
                | ClientError::Encrypted { .. }
                | ClientError::Denied { .. }
                | ClientError::Late { .. }
                | ClientError::Request(_),
            )
            | Self::DifferentJobs { .. }
            | Self::Twice { .. }
            | Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::Stopped => false,
        }
    }

    /// Whether the slot that was asked for is another worker's.
    pub(super) fn slot_is_taken(&self) -> bool {
        matches!(
            self,
            Self::Refused { refusal, .. } if refusal.kind == RefusalKind::SlotsTaken
        )
    }
}

fn words(numbers: &[u32]) -> String {
    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    words.join(", ")
}
