//! Asking a server for a checkpoint: what an administrator does, without a session.

use std::time::Duration;

use thalweg_common::error::RefusalKind;
use thalweg_common::message::CheckpointStatus;
use thalweg_proto::security::Credentials;
use thalweg_proto::status::{Failure, from_status};
use thalweg_proto::v1;
use tonic::Request;

use super::client::{ClientError, denial};
use super::fetch::connect;
use super::join_error::JoinError;

/// Lets the server at `address` (HOST:PORT) write a checkpoint now; answers once it was read back.
///
/// # Errors
/// [`JoinError`] if the server does not answer within `patience`, keeps none, or could not write it.
pub async fn ask_for_checkpoint(
    address: &str,
    credentials: &Credentials,
    patience: Duration,
) -> Result<CheckpointStatus, JoinError> {
    let address_of = || address.to_owned();
    let asked = async {
        let mut client = connect((address, credentials), patience).await?;
        let mut request = Request::new(v1::CheckpointRequest {});
        *request.metadata_mut() = credentials.metadata();
        let status = match client.checkpoint(request).await {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        Err(match (from_status(&status), credentials.not_known()) {
            (Failure::Refused(refusal), Some(cause))
                if refusal.kind == RefusalKind::Unauthenticated =>
            {
                let address = address_of();
                ClientError::Denied { address, cause }.into()
            }
            (Failure::Refused(refusal), _) => JoinError::Refused {
                address: address_of(),
                refusal,
            },
            (Failure::Unknown(cause), _) => match denial(address, credentials).await {
                Some(denied) => denied.into(),
                None => ClientError::Lost {
                    address: address_of(),
                    cause,
                }
                .into(),
            },
        })
    };
    let late = || ClientError::Late {
        address: address_of(),
        waited: patience,
    };
    let answer = tokio::time::timeout(patience, asked).await;
    let reply = answer.map_err(|_| late())??.into_inner();
    let written = reply.written.ok_or_else(|| JoinError::Malformed {
        address: address_of(),
        found: "no checkpoint in the answer to a request for one".to_owned(),
    })?;
    Ok(written.into())
}
