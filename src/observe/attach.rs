//! Attaching to a cluster: every address is a server of one and the same job, and none is missing.

use std::time::Duration;

use thalweg_common::config::{ConfigError, Draft};
use thalweg_common::error::Refusal;
use thalweg_common::ids::{Fingerprint, SessionId};
use thalweg_common::message::{
    PROTOCOL_VERSIONS, Register, Registered, Reply, Request, SessionRole,
};
use thalweg_proto::codec::FrameLimits;
use thalweg_worker::transport::client::{Client, ClientError};
use thiserror::Error;

use super::Observer;
use crate::job::{REGISTRIES, ResolveError, blueprint, frame_limits};

/// Why a cluster cannot be observed.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// A server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
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
    /// The addresses are not the servers of one job.
    #[error(
        "{address} is server {found} of {servers}; expected server {expected} there: give the \
         addresses of all {servers} servers of the job, server 0 first"
    )]
    Order {
        /// The address.
        address: String,
        /// Which server is there.
        found: u32,
        /// Which one should be.
        expected: usize,
        /// How many the job has.
        servers: u32,
    },
    /// Too few or too many addresses.
    #[error("the job has {servers} servers, but {found} addresses were given: {addresses}")]
    Count {
        /// How many the job has.
        servers: u32,
        /// How many were given.
        found: usize,
        /// The addresses.
        addresses: String,
    },
    /// A server of another job.
    #[error(
        "the server at {address} serves another job (fingerprint {found}) than the one at {first}; \
         give the addresses of the servers of one job"
    )]
    OtherJob {
        /// The server.
        address: String,
        /// Its job's fingerprint.
        found: Fingerprint,
        /// Server 0.
        first: String,
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
    /// Attaches to the servers of one job, server 0 first.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer, or the addresses are not all the servers of
    /// one job in their order.
    pub async fn attach(addresses: &[String], patience: Duration) -> Result<Self, ObserveError> {
        let first = addresses.first().map_or("", String::as_str);
        let client = Client::connect(first, FrameLimits::default(), patience).await?;
        let registered = register(&client, None, patience).await?;
        let (session, worker) = (registered.session, registered.worker);
        judge_place(&client, &registered, 0, addresses)?;
        let job = |cause| ObserveError::Job {
            address: first.to_owned(),
            cause: Box::new(cause),
        };
        let draft = Draft::parse("the server's job", &registered.job).map_err(job)?;
        let config = draft.check(&REGISTRIES).map_err(job)?;
        let blueprint = blueprint(config)?;
        let limits = frame_limits(&blueprint.config.limits, blueprint.map.elements());
        let mut clients = Vec::with_capacity(addresses.len());
        for (i, address) in addresses.iter().enumerate() {
            let client = Client::connect(address, limits, patience).await?;
            let registered = register(&client, Some(session), patience).await?;
            judge_place(&client, &registered, i, addresses)?;
            if registered.fingerprint != blueprint.config.fingerprint() {
                let (found, address) = (registered.fingerprint, address.clone());
                return Err(ObserveError::OtherJob {
                    address,
                    found,
                    first: first.to_owned(),
                });
            }
            clients.push(client);
        }
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

async fn register(
    client: &Client,
    session: Option<SessionId>,
    patience: Duration,
) -> Result<Registered, ObserveError> {
    let register = Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Observer,
        fingerprint: None,
        worker: None,
        session,
        data: None,
        place: format!("process {}", std::process::id()),
    };
    match ask(client, Request::Register(register), patience).await? {
        Reply::Registered(registered) => Ok(*registered),
        other => Err(ObserveError::unexpected(client, &other)),
    }
}

fn judge_place(
    client: &Client,
    registered: &Registered,
    expected: usize,
    addresses: &[String],
) -> Result<(), ObserveError> {
    let (found, servers) = (registered.server.0, registered.servers);
    let address = client.address().to_owned();
    if found as usize != expected {
        return Err(ObserveError::Order {
            address,
            found,
            expected,
            servers,
        });
    }
    if servers as usize != addresses.len() {
        let found = addresses.len();
        return Err(ObserveError::Count {
            servers,
            found,
            addresses: addresses.join(","),
        });
    }
    Ok(())
}
