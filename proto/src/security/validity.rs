//! Whether the other end would take a certificate of one's own, and until when: judged by the other end's verifier
//! before anybody is spoken with, so that a mistake is named where it was made and not by an alert.

use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use thiserror::Error;
use time::OffsetDateTime;

use super::keys::{TlsError, role_of};
use super::pem::{KeyPair, roots};
use super::provider;
use super::role::SERVER_NAME;

/// At which end of a connection a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// By a server.
    Server,
    /// By whoever calls one.
    Client,
}

impl Purpose {
    fn who(self) -> &'static str {
        match self {
            Self::Server => "servers",
            Self::Client => "callers",
        }
    }
}

/// Why a certificate is not taken. The words go on after "the certificate".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// It held once.
    #[error("expired on {}", day(.at))]
    Expired {
        /// When, since 1970.
        at: Duration,
    },
    /// It does not hold yet.
    #[error("holds from {} on only", day(.from))]
    Early {
        /// From when, since 1970.
        from: Duration,
    },
    /// It is shown at the wrong end.
    #[error("is not for {}", .0.who())]
    Purpose(Purpose),
    /// It is a caller's, and none of the roles is in it.
    #[error("names no role")]
    NoRole,
    /// It is not of the authority that is trusted.
    #[error("is of another authority")]
    Authority,
    /// Something rarer, in words.
    #[error("is not taken: {0}")]
    Other(String),
}

impl Flaw {
    pub(super) fn of(error: &CertificateError, purpose: Purpose) -> Self {
        let since_1970 = |time: &UnixTime| Duration::from_secs(time.as_secs());
        match error {
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                at: since_1970(not_after),
            },
            CertificateError::NotValidYetContext { not_before, .. } => Self::Early {
                from: since_1970(not_before),
            },
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::Purpose(purpose)
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Authority,
            other => Self::Other(other.to_string()),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Expired { .. } | Self::Early { .. } => {
                "make new certificates with `thalweg certs NEW-FOLDER` and give every process its folder of \
                 those, or set this machine's clock if it is wrong"
            }
            Self::Purpose(Purpose::Server) => {
                "servers take the folder `server` that `thalweg certs` made"
            }
            Self::Purpose(Purpose::Client) | Self::NoRole => {
                "of what `thalweg certs` made, workers take the folder `worker`, `thalweg status` takes \
                 `observer`, `thalweg train --join` takes `admin`"
            }
            Self::Authority => {
                "take all files of one folder that `thalweg certs` made, of the same run of it on all machines"
            }
            Self::Other(_) => "`thalweg certs NEW-FOLDER` makes certificates that fit",
        }
    }
}

impl KeyPair {
    /// Judges whether the other end, which trusts `authority` (PEM), takes this certificate at `now`, the time
    /// since 1970.
    ///
    /// # Errors
    /// [`TlsError::Flawed`] if not; another [`TlsError`] if it cannot be read.
    pub fn judge(&self, authority: &str, purpose: Purpose, now: Duration) -> Result<(), TlsError> {
        match self.verify(authority, purpose, now)? {
            None => Ok(()),
            Some(flaw) => Err(TlsError::Flawed(flaw)),
        }
    }

    /// Until when it holds, since 1970, to the second.
    ///
    /// # Errors
    /// [`TlsError`] if it cannot be read.
    pub fn holds_until(&self, authority: &str) -> Result<Duration, TlsError> {
        // Verifiers look at the dates first, and tell the last one once it has passed.
        let end_of_time = Duration::from_secs(u64::MAX);
        match self.verify(authority, Purpose::Client, end_of_time)? {
            Some(Flaw::Expired { at }) => Ok(at),
            other => Err(TlsError::Unfit(format!("no last date: {other:?}"))),
        }
    }

    fn verify(
        &self,
        authority: &str,
        purpose: Purpose,
        now: Duration,
    ) -> Result<Option<Flaw>, TlsError> {
        let (chain, _) = self.parse(authority)?;
        let (own, others) = chain
            .split_first()
            .expect("a text without certificates is not parsed");
        let roots = Arc::new(roots(authority)?);
        let now = UnixTime::since_unix_epoch(now);
        let judged = match purpose {
            Purpose::Server => {
                let name = ServerName::try_from(SERVER_NAME).expect("a name");
                WebPkiServerVerifier::builder_with_provider(roots, provider())
                    .build()
                    .map_err(|error| TlsError::Unfit(error.to_string()))?
                    .verify_server_cert(own, others, &name, &[], now)
                    .map(drop)
            }
            Purpose::Client => WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| TlsError::Unfit(error.to_string()))?
                .verify_client_cert(own, others, now)
                .map(drop),
        };
        match judged {
            Ok(()) if purpose == Purpose::Client && role_of(own).is_none() => {
                Ok(Some(Flaw::NoRole))
            }
            Ok(()) => Ok(None),
            Err(rustls::Error::InvalidCertificate(why)) => Ok(Some(Flaw::of(&why, purpose))),
            Err(error) => Err(error.into()),
        }
    }
}

fn day(since_1970: &Duration) -> String {
    date(*since_1970)
}

/// A moment, given as the time since 1970, as people write it, to the minute and in UTC.
#[must_use]
pub fn date(since_1970: Duration) -> String {
    let seconds = i64::try_from(since_1970.as_secs()).ok();
    match seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()) {
        None => "a day after the year 9999".to_owned(),
        Some(moment) => format!(
            "{} {} {}, {:02}:{:02} UTC",
            moment.day(),
            moment.month(),
            moment.year(),
            moment.hour(),
            moment.minute()
        ),
    }
}
