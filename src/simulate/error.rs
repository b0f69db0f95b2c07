//! Why a simulation ends without a result.

use std::time::Duration;

use thalweg_worker::worker::Failure;
use thiserror::Error;

use crate::job::MemberError;

/// Why a simulation ends without a result.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// A server or a worker cannot be made.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A worker computed a gradient that is no number.
    #[error("worker {worker} failed after {at:?} of virtual time: {failure}")]
    Failed {
        /// The worker.
        worker: u32,
        /// When.
        at: Duration,
        /// Why.
        failure: Box<Failure>,
    },
    /// A server was killed.
    #[error(
        "server {server} was killed after {at:?} of virtual time, and its parameters are lost with it: no \
         job goes on without one of its servers"
    )]
    ServerKilled {
        /// The server.
        server: u32,
        /// When.
        at: Duration,
    },
}

impl SimulateError {
    /// Whether a gradient that is no number ended the job: its rate is too high for it.
    #[must_use]
    pub fn diverged(&self) -> bool {
        match self {
            Self::Failed { failure, .. } => failure.is_divergence(),
            Self::Member(_) | Self::ServerKilled { .. } => false,
        }
    }
}
