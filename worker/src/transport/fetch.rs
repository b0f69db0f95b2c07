//! The training rows from server 0, for a worker that has none.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::time::Time;
use thalweg_proto::security::Credentials;
use thalweg_proto::status::{Failure, from_status};
use thalweg_proto::transport::tune_client;
use thalweg_proto::{ParameterServerClient, v1};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use super::channel::{self, Closed};
use super::client::ClientError;
use super::contact::{Contact, PAUSE, pause};
use super::join_error::JoinError;
use thalweg_proto::transport::Clock;

/// How long until it is first said how far the file is.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// Between two words of it.
const REMINDER: Duration = Duration::from_secs(10);

/// Copies the file of training rows of a job into `file`; answers with its length. The first piece
/// may take server 0 as long as reading the data does: no piece may take longer than `patience`.
///
/// # Errors
/// [`JoinError`] if the server does not answer, or has no rows to give.
pub async fn fetch_data(
    contact: &Contact,
    file: &mut File,
    patience: Duration,
) -> Result<u64, JoinError> {
    let address = contact.addresses[0].clone();
    let clock = Clock::start();
    let (mut offset, mut next_word, mut asked) = (0, FIRST_WORD, clock.now());
    let mut client: Option<ParameterServerClient<Channel>> = None;
    loop {
        let left = patience.saturating_sub(clock.now().since(asked));
        let answer = ask(&mut client, contact, offset, left).await;
        let piece = match answer {
            Ok(piece) => piece,
            Err(error) if error.may_go_better() && clock.now().since(asked) < patience => {
                client = None;
                pause(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let malformed = |found: String| JoinError::Malformed {
            address: address.clone(),
            found,
        };
        file.write_all(&piece.data)
            .map_err(|error| malformed(format!("training rows that cannot be kept ({error})")))?;
        offset += piece.data.len() as u64;
        if piece.file_bytes <= offset {
            return Ok(offset);
        }
        if piece.data.is_empty() {
            return Err(malformed(format!(
                "an empty piece of training rows at byte {offset} of {}",
                piece.file_bytes
            )));
        }
        asked = clock.now();
        let waited = asked.since(Time::ZERO);
        if next_word <= waited {
            tracing::info!("{offset} of {} bytes of training rows", piece.file_bytes);
            next_word = waited + REMINDER;
        }
    }
}

async fn ask(
    client: &mut Option<ParameterServerClient<Channel>>,
    contact: &Contact,
    offset: u64,
    patience: Duration,
) -> Result<v1::DataPiece, JoinError> {
    let address = &contact.addresses[0];
    let client = match client {
        Some(client) => client,
        None => client.insert(connect((address, &contact.credentials), patience).await?),
    };
    let mut request = Request::new(v1::ReadDataRequest {
        fingerprint: bytes::Bytes::copy_from_slice(&contact.fingerprint.to_bytes()),
        offset,
    });
    *request.metadata_mut() = contact.credentials.metadata();
    let answer = tokio::time::timeout(patience, client.read_data(request)).await;
    match answer {
        Ok(Ok(piece)) => Ok(piece.into_inner()),
        Ok(Err(status)) => Err(refused(address, &status)),
        Err(_) => Err(ClientError::Late {
            address: address.to_owned(),
            waited: patience,
        }
        .into()),
    }
}

/// Connects for unary calls.
pub(super) async fn connect(
    (address, credentials): (&str, &Credentials),
    patience: Duration,
) -> Result<ParameterServerClient<Channel>, JoinError> {
    let named = || address.to_owned();
    let unreachable = |cause: String| ClientError::Unreachable {
        address: named(),
        cause,
    };
    let endpoint = match Endpoint::from_shared(format!("http://{address}")) {
        Ok(endpoint) => tune_client(endpoint).connect_timeout(patience),
        Err(error) => return Err(unreachable(error.to_string()).into()),
    };
    match channel::open(&endpoint, address, credentials, &Arc::default()).await {
        Ok(channel) => Ok(ParameterServerClient::new(channel)),
        Err(Closed::Denied(cause)) => Err(ClientError::Denied {
            address: named(),
            cause,
        }
        .into()),
        Err(Closed::Lost(cause)) => Err(unreachable(cause).into()),
    }
}

fn refused(address: &str, status: &tonic::Status) -> JoinError {
    let address = address.to_owned();
    match from_status(status) {
        Failure::Refused(refusal) => JoinError::Refused { address, refusal },
        Failure::Unknown(_) if status.code() == tonic::Code::Unimplemented => {
            let words = "it hands out no training rows; run one release on all";
            let refusal = Refusal::new(RefusalKind::Unsupported, words);
            JoinError::Refused { address, refusal }
        }
        Failure::Unknown(cause) => ClientError::Lost { address, cause }.into(),
    }
}
