//! A gRPC channel to a server, over a connection as the credentials say.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use thalweg_proto::security::{Credentials, DialError};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::client::causes;
use super::traffic::{Traffic, connect};

/// Why there is no channel, or no stream on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It may go better later.
    Lost(String),
    /// The other end is not to be spoken with, or does not want to be: it will not go better.
    Denied(String),
}

impl Closed {
    /// What is to be said of it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Lost(words) | Self::Denied(words) => words,
        }
    }

    /// A stream that was not opened, with these credentials.
    #[must_use]
    pub fn by_status(status: &Status, credentials: &Credentials) -> Self {
        let words = status.message().to_owned();
        match status.code() {
            Code::Unauthenticated => Self::Denied(credentials.not_known().unwrap_or(words)),
            Code::PermissionDenied => Self::Denied(words),
            _ => Self::Lost(words),
        }
    }
}

/// Opens a channel to `endpoint`, which is tuned, and whose `address` is HOST:PORT.
///
/// # Errors
/// [`Closed`], with the cause in words.
pub async fn open(
    endpoint: &Endpoint,
    address: &str,
    credentials: &Credentials,
    traffic: &Arc<Traffic>,
) -> Result<Channel, Closed> {
    let (target, credentials) = (address.to_owned(), credentials.clone());
    let traffic = Arc::clone(traffic);
    let connector = tower::service_fn(move |_| {
        let (target, credentials) = (target.clone(), credentials.clone());
        let traffic = Arc::clone(&traffic);
        async move {
            let connection = connect(&target, &credentials, traffic).await;
            connection.map(TokioIo::new)
        }
    });
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|error| match DialError::behind(&error) {
        Some(denied) => Closed::Denied(denied.to_string()),
        None => Closed::Lost(causes(&error)),
    })
}
