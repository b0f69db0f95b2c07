//! Why a worker could not go on: what was expected, what was found, how to mend it.

use std::time::Duration;

use thalweg_common::error::{Next, Refusal, RefusalKind};
use thalweg_common::ids::WorkerId;
use thalweg_common::message::LeaveReason;

use crate::model::ModelError;
use thiserror::Error;

/// Why a worker could not go on. `server` is a server's number and address.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Failure {
    /// A server did not do what it was asked, for as long as a worker waits.
    #[error(
        "{server} did not answer for {} s ({last}); see whether it runs and what its log says, \
         then start this worker again",
        .silent.as_secs()
    )]
    Silent {
        /// Who.
        server: String,
        /// For how long.
        silent: Duration,
        /// The last thing that was heard or seen of it.
        last: String,
    },
    /// The job has ended without being done.
    #[error("the job has failed: {cause}")]
    JobFailed {
        /// A server's words.
        cause: String,
        /// Whether its training diverged.
        diverged: bool,
    },
    /// A server ends, and the job with it; started again, all of them may go on.
    #[error("{server} ends: {cause}")]
    Stopping {
        /// Who.
        server: String,
        /// Its words.
        cause: String,
    },
    /// A server will never do what it was asked.
    #[error("{server} refused: {refusal}")]
    Refused {
        /// Who.
        server: String,
        /// Its words.
        refusal: Refusal,
    },
    /// The worker has ended, and what it pushed may be lost.
    #[error(
        "pushes not acknowledged when this worker ended: {pushes}; {server} did not answer \
         ({last}); see whether it runs and what its log says"
    )]
    Unacknowledged {
        /// How many.
        pushes: u64,
        /// The first server that lacks one.
        server: String,
        /// The last thing that was heard or seen of it.
        last: String,
    },
    /// The worker has ended, and not every server could be told.
    #[error(
        "{server} could not be told that this worker ends ({last}); see whether it runs and what \
         its log says"
    )]
    Untold {
        /// The first that was not told.
        server: String,
        /// The last thing that was heard or seen of it.
        last: String,
    },
    /// The servers no longer know this session.
    #[error(
        "{server} no longer serves this session ({refusal}): another worker took its place, its \
         lease expired, or the server was started again"
    )]
    Replaced {
        /// Who.
        server: String,
        /// Its words.
        refusal: Refusal,
    },
    /// The parameters have been dealt anew.
    #[error(
        "{server} has another shard map ({refusal}); start this worker again to join with the \
         present one"
    )]
    Remapped {
        /// Who.
        server: String,
        /// Its words.
        refusal: Refusal,
    },
    /// A server's answer does not fit the question.
    #[error(
        "{server} answered what was not asked: {found}; server and worker must be of one build"
    )]
    Malformed {
        /// Who.
        server: String,
        /// What was expected and what was found.
        found: String,
    },
    /// The model cannot work on what was pulled.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A gradient holds NaN or infinity, and the policy is to reject it.
    #[error(
        "the gradient of iteration {iteration} is {value} at element {element} of `{tensor}`: \
         lower the learning rate or mend the data, or set [train] non_finite to \"zero\" or \
         \"propagate\""
    )]
    NonFinite {
        /// The iteration, from 0.
        iteration: u64,
        /// The tensor.
        tensor: String,
        /// The element within the tensor, row-major.
        element: u64,
        /// NaN or an infinity.
        value: f32,
    },
}

impl Failure {
    /// Whether a gradient was not finite, which lies in the job and in no worker.
    #[must_use]
    pub fn is_divergence(&self) -> bool {
        match self {
            Self::NonFinite { .. } | Self::JobFailed { diverged: true, .. } => true,
            Self::Refused { refusal, .. } => refusal.kind == RefusalKind::NonFinite,
            _ => false,
        }
    }

    /// As what a worker leaves that cannot go on, and the cause in words.
    pub(super) fn farewell(&self, worker: WorkerId) -> (LeaveReason, String) {
        match self {
            // Whoever hears it passes it on: it is to be the same words everywhere.
            Self::JobFailed {
                cause,
                diverged: true,
            } => (LeaveReason::Diverged, cause.clone()),
            Self::JobFailed { cause, .. } => (LeaveReason::JobFailed, cause.clone()),
            _ if self.is_divergence() => {
                let cause = format!("worker {worker} failed: {self}");
                (LeaveReason::Diverged, cause)
            }
            // With its servers it may go on.
            Self::Stopping { .. }
            | Self::Silent { .. }
            | Self::Unacknowledged { .. }
            | Self::Untold { .. } => (LeaveReason::Stopped, self.to_string()),
            _ => (LeaveReason::Failed, self.to_string()),
        }
    }

    /// The failure that a refusal amounts to; `None` if the request is to be repeated.
    pub(crate) fn of_refusal(server: String, refusal: Refusal) -> Option<Self> {
        let cause = &refusal.message;
        match refusal.kind {
            RefusalKind::JobFailed | RefusalKind::Diverged => {
                return Some(Self::JobFailed {
                    cause: cause.clone(),
                    diverged: refusal.kind == RefusalKind::Diverged,
                });
            }
            RefusalKind::Stopping => {
                return Some(Self::Stopping {
                    server,
                    cause: cause.clone(),
                });
            }
            _ => {}
        }
        match refusal.kind.next() {
            Next::RetryLater => None,
            Next::GiveUp => Some(Self::Refused { server, refusal }),
            Next::Register => Some(Self::Replaced { server, refusal }),
            Next::NewMap => Some(Self::Remapped { server, refusal }),
        }
    }
}
