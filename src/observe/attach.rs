//! Attaching to a cluster: an observer session with every server of one job.

use std::time::Duration;

use thalweg_common::config::{ConfigError, Draft};
use thalweg_common::error::Refusal;
use thalweg_common::message::{Reply, Request};
use thalweg_worker::transport::client::{Client, ClientError};
use thalweg_worker::transport::{Enlisted, JoinError, find_job, observe};
use thiserror::Error;

use super::Observer;
use crate::job::{REGISTRIES, ResolveError, blueprint, frame_limits};

/// Why a cluster cannot be observed.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// A server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The servers cannot be reached, or are not all servers of one job.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A server refuses.
    #[error("the server at {address} refuses: {refusal}")]
    Refused {
        /// The server.
        address: String,
        /// Its words.
        refusal: Refusal,
    },
    /// A server answers something else.
    #[error("the server at {address} answered out of turn: {found}")]
    Unexpected {
        /// The server.
        address: String,
        /// What came.
        found: String,
    },
    /// The server's job is not one that this build understands.
    #[error("the job of the server at {address} cannot be read here: {cause}")]
    Job {
        /// The server.
        address: String,
        /// Why.
        cause: Box<ConfigError>,
    },
    /// The server's job cannot be planned here.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A shard answered another number of values than were asked for.
    #[error(
        "the server at {address} answered {found} values of shard {shard}; asked for {expected}"
    )]
    Values {
        /// The server.
        address: String,
        /// The shard.
        shard: u32,
        /// Values that came.
        found: usize,
        /// Values asked for.
        expected: usize,
    },
}

impl ObserveError {
    pub(super) fn unexpected(client: &Client, reply: &Reply) -> Self {
        Self::Unexpected {
            address: client.address().to_owned(),
            found: format!("{reply:?}"),
        }
    }
}

impl Observer {
    /// Attaches to the servers of one job, all of them, in any order. Servers that are not up yet
    /// are waited for, `patience` in all.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer, or the addresses are not all the servers of
    /// one job.
    pub async fn attach(addresses: &[String], patience: Duration) -> Result<Self, ObserveError> {
        let contact = find_job(addresses, patience).await?;
        let job = |cause| ObserveError::Job {
            address: contact.addresses[0].clone(),
            cause: Box::new(cause),
        };
        let draft = Draft::parse("the server's job", &contact.job).map_err(job)?;
        let blueprint = blueprint(draft.check(&REGISTRIES).map_err(job)?)?;
        let limits = frame_limits(&blueprint.config.limits, blueprint.map.elements());
        let place = format!("process {}", std::process::id());
        let Enlisted {
            session,
            worker,
            clients,
        } = observe(&contact, limits, place, patience).await?;
        Ok(Self {
            clients,
            blueprint,
            session,
            worker,
        })
    }
}

/// Sends a request; a refusal is an error.
pub(super) async fn ask(
    client: &Client,
    request: Request,
    patience: Duration,
) -> Result<Reply, ObserveError> {
    match client.call(request, patience).await? {
        Reply::Refused(refusal) => Err(ObserveError::Refused {
            address: client.address().to_owned(),
            refusal,
        }),
        reply => Ok(reply),
    }
}
