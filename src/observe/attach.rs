//! Attaching to a cluster: an observer session with every server of one job.

use std::time::Duration;

use thalweg_common::config::{ConfigError, Draft};
use thalweg_common::error::Refusal;
use thalweg_common::message::{Reply, Request};
use thalweg_proto::security::Credentials;
use thalweg_worker::transport::client::{Client, ClientError};
use thalweg_worker::transport::{Enlisted, JoinError, find_job, observe};
use thiserror::Error;

use super::Observer;
use crate::job::{REGISTRIES, ResolveError, blueprint, frame_limits};
use crate::launch::place_of_this_process;

/// Why a cluster cannot be observed.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// A server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The servers cannot be reached, or are not all servers of one job.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A server that was attached to is silent.
    #[error("server {server} at {address} {how}; its log, or its machine, says why")]
    Silent {
        /// Which of the job's servers.
        server: u32,
        /// Where it was.
        address: String,
        /// What it did instead of answering.
        how: String,
    },
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
    /// Names the server of an error in an exchange with it, without the transport's own words.
    pub(super) fn at_server(self, server: u32) -> Self {
        let (address, how) = match self {
            Self::Client(ClientError::Lost { address, .. }) => {
                (address, "is gone: its connection ended".to_owned())
            }
            Self::Client(ClientError::Late { address, waited }) => {
                let seconds = waited.as_secs_f64();
                (address, format!("did not answer within {seconds:.1} s"))
            }
            other => return other,
        };
        Self::Silent {
            server,
            address,
            how,
        }
    }

    /// The address at which nobody answers, if that is what it says.
    pub(crate) fn unanswered(&self) -> Option<&str> {
        match self {
            Self::Client(error) | Self::Join(JoinError::Client(error)) => match error {
                ClientError::Unreachable { address, .. }
                | ClientError::Mute { address, .. }
                | ClientError::Lost { address, .. }
                | ClientError::Late { address, .. } => Some(address),
                ClientError::Address { .. }
                | ClientError::Foreign { .. }
                | ClientError::Encrypted { .. }
                | ClientError::Denied { .. }
                | ClientError::Request(_) => None,
            },
            Self::Silent { address, .. } => Some(address),
            Self::Join(_)
            | Self::Refused { .. }
            | Self::Unexpected { .. }
            | Self::Job { .. }
            | Self::Resolve(_)
            | Self::Values { .. } => None,
        }
    }

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
    pub async fn attach(
        addresses: &[String],
        credentials: &Credentials,
        patience: Duration,
    ) -> Result<Self, ObserveError> {
        let contact = find_job(addresses, credentials, patience).await?;
        let job = |cause| ObserveError::Job {
            address: contact.addresses[0].clone(),
            cause: Box::new(cause),
        };
        let draft = Draft::parse("the server's job", &contact.job).map_err(job)?;
        let blueprint = blueprint(draft.check(&REGISTRIES).map_err(job)?)?;
        let limits = frame_limits(&blueprint.config, blueprint.map.elements());
        let place = place_of_this_process();
        let Enlisted {
            session,
            worker,
            clients,
        } = observe(&contact, limits, place, patience).await?;
        Ok(Self {
            clients,
            credentials: credentials.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_server_is_named_by_its_number_with_what_to_do_and_no_transport_jargon() {
        let lost = ClientError::Lost {
            address: "a:1".to_owned(),
            cause: "h2 protocol error: error reading a body from connection".to_owned(),
        };
        assert_eq!(
            ObserveError::Client(lost).at_server(1).to_string(),
            "server 1 at a:1 is gone: its connection ended; its log, or its machine, says why"
        );
    }

    #[test]
    fn a_server_that_answers_otherwise_is_none_that_does_not_answer() {
        let address = || "a:1".to_owned();
        let cause = || "connection refused".to_owned();
        let unreachable = ClientError::Unreachable {
            address: address(),
            cause: cause(),
        };
        let error = ObserveError::Join(JoinError::Client(unreachable));
        assert_eq!(error.unanswered(), Some("a:1"));
        let denied = ClientError::Denied {
            address: address(),
            cause: cause(),
        };
        assert_eq!(ObserveError::Client(denied).unanswered(), None);
    }
}
