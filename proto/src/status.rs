//! Refusals as gRPC statuses, for unary calls and for streams that end: kind ↔ code ↔ what to do
//! next.
//!
//! The code is for foreign clients and tools; between our own ends the exact kind travels beside it
//! as the metadata [`KIND_METADATA`].

use std::time::Duration;

use thalweg_common::error::{Next, Refusal, RefusalKind};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::convert::retry_millis;

/// The metadata key under which the name of the refusal's kind travels.
pub const KIND_METADATA: &str = "thalweg-refusal";

/// The metadata key of gRPC (proposal A6) under which the time travels after which the same call is
/// worth making again, milliseconds.
pub const PUSHBACK_METADATA: &str = "grpc-retry-pushback-ms";

/// Why a call failed, as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused; nothing was done.
    Refused(Refusal),
    /// Nobody knows whether it was done: the connection or the call was lost on the way. The same
    /// request with the same sequences may be sent again.
    Unknown(String),
}

impl Failure {
    /// What the caller does next.
    #[must_use]
    pub fn next(&self) -> Next {
        match self {
            Self::Refused(refusal) => refusal.kind.next(),
            Self::Unknown(_) => Next::RetryLater,
        }
    }
}

/// The gRPC code under which a kind travels.
#[must_use]
pub fn code(kind: RefusalKind) -> Code {
    match kind {
        RefusalKind::Invalid | RefusalKind::NonFinite | RefusalKind::TooLarge => {
            Code::InvalidArgument
        }
        RefusalKind::Unsupported => Code::Unimplemented,
        RefusalKind::UnknownShard => Code::NotFound,
        RefusalKind::Protocol
        | RefusalKind::WrongJob
        | RefusalKind::WrongGeneration
        | RefusalKind::UnknownSession
        | RefusalKind::Fenced
        | RefusalKind::SlotsTaken
        | RefusalKind::JobFailed
        | RefusalKind::Diverged => Code::FailedPrecondition,
        RefusalKind::TooFar => Code::OutOfRange,
        RefusalKind::Overloaded => Code::ResourceExhausted,
        RefusalKind::Deadline => Code::DeadlineExceeded,
        RefusalKind::Stopping => Code::Unavailable,
        RefusalKind::Internal => Code::Internal,
        RefusalKind::Unauthenticated => Code::Unauthenticated,
        RefusalKind::Forbidden => Code::PermissionDenied,
    }
}

/// A refusal as a status.
#[must_use]
pub fn to_status(refusal: &Refusal) -> Status {
    let mut status = Status::new(code(refusal.kind), refusal.message.clone());
    let name = MetadataValue::from_static(refusal.kind.name());
    status.metadata_mut().insert(KIND_METADATA, name);
    if let Some(after) = refusal.retry_after {
        let pushback = MetadataValue::from(retry_millis(after));
        status.metadata_mut().insert(PUSHBACK_METADATA, pushback);
    }
    status
}

/// What a status means to the caller.
///
/// A status without our metadata comes from the transport or from something between; its code alone
/// decides, and where the code leaves open whether the call was served, the outcome is unknown.
#[must_use]
pub fn from_status(status: &Status) -> Failure {
    let named = status.metadata().get(KIND_METADATA).and_then(|name| {
        RefusalKind::ALL
            .into_iter()
            .find(|kind| name.as_bytes() == kind.name().as_bytes())
    });
    match named.or_else(|| refusal_of(status.code())) {
        Some(kind) => Failure::Refused(Refusal {
            retry_after: pushback(status),
            ..Refusal::new(kind, status.message())
        }),
        None => Failure::Unknown(format!("{}: {}", status.code(), status.message())),
    }
}

/// The retry hint of a status, if it has one that is a number of milliseconds. A negative one, by which gRPC
/// says "never", is none: what our refusals say of that is their kind.
fn pushback(status: &Status) -> Option<Duration> {
    let told = status.metadata().get(PUSHBACK_METADATA)?.to_str().ok()?;
    told.parse::<u32>()
        .ok()
        .map(|told| Duration::from_millis(told.into()))
}

/// The kind that a bare code stands for; `None` where the outcome is unknown.
fn refusal_of(code: Code) -> Option<RefusalKind> {
    match code {
        Code::InvalidArgument => Some(RefusalKind::Invalid),
        // The transport's word for a message past its bound.
        Code::OutOfRange => Some(RefusalKind::TooLarge),
        Code::Unimplemented => Some(RefusalKind::Unsupported),
        Code::NotFound => Some(RefusalKind::UnknownShard),
        Code::PermissionDenied => Some(RefusalKind::Forbidden),
        Code::Unauthenticated => Some(RefusalKind::Unauthenticated),
        // Not the words of one of our servers.
        Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => {
            Some(RefusalKind::Protocol)
        }
        Code::ResourceExhausted => Some(RefusalKind::Overloaded),
        Code::DataLoss => Some(RefusalKind::Internal),
        // The HTTP/2 layer says `internal` of a connection that broke.
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unavailable
        | Code::Internal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_way_through_a_status() {
        for kind in RefusalKind::ALL {
            let refusal = Refusal::new(kind, "expected 1, found 2; send 1");
            let failure = from_status(&to_status(&refusal));
            assert_eq!(failure.next(), kind.next());
            assert_eq!(failure, Failure::Refused(refusal));
        }
    }

    #[test]
    fn a_retry_hint_travels_as_grpcs_pushback_and_nonsense_is_none() {
        let refusal = Refusal::new(RefusalKind::Overloaded, "full");
        let refusal = refusal.with_retry_after(Duration::from_millis(40));
        let mut status = to_status(&refusal);
        assert_eq!(status.metadata().get(PUSHBACK_METADATA).unwrap(), "40");
        assert_eq!(from_status(&status), Failure::Refused(refusal.clone()));
        for nonsense in ["-1", "soon", "4294967296"] {
            let value = MetadataValue::from_static(nonsense);
            status.metadata_mut().insert(PUSHBACK_METADATA, value);
            let plain = Refusal::new(RefusalKind::Overloaded, "full");
            assert_eq!(from_status(&status), Failure::Refused(plain), "{nonsense}");
        }
    }

    #[test]
    fn a_bare_code_that_leaves_the_outcome_open_asks_for_the_same_sequence_again() {
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Cancelled,
            Code::Unknown,
            Code::Internal,
        ] {
            let failure = from_status(&Status::new(code, "connection lost"));
            assert!(matches!(failure, Failure::Unknown(_)), "{code}");
            assert_eq!(failure.next(), Next::RetryLater);
        }
    }

    #[test]
    fn a_bare_code_that_says_no_gives_up_or_backs_off() {
        for (code, next) in [
            (Code::InvalidArgument, Next::GiveUp),
            (Code::Unimplemented, Next::GiveUp),
            (Code::PermissionDenied, Next::GiveUp),
            (Code::DataLoss, Next::GiveUp),
            (Code::ResourceExhausted, Next::RetryLater),
        ] {
            assert_eq!(from_status(&Status::new(code, "no")).next(), next, "{code}");
        }
    }
}
