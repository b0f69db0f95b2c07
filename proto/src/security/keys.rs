//! The server's side: its certificate, and whom it knows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::pem::{KeyPair, authority_digest, roots};
use super::role::Role;
use super::token::Token;
use super::validity::Flaw;
use super::{Digest, digest, provider};

/// What HTTP/2 is called when a TLS connection is opened.
pub(super) const H2: &[u8] = b"h2";

/// What HTTP/1.1 is called there.
const HTTP11: &[u8] = b"http/1.1";

/// What a bearer's token is announced with.
const BEARER: &str = "Bearer ";

/// Why keys or certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// Not PEM, or not what is expected in it.
    #[error("{what} cannot be read: expected PEM text, found {found}")]
    Pem {
        /// Which.
        what: &'static str,
        /// What was found.
        found: String,
    },
    /// They do not fit together.
    #[error("certificate, key and authority do not fit together: {0}")]
    Unfit(String),
    /// Two roles have one token.
    #[error(
        "the token of {role} is that of {other}, too: whoever has it would have both roles; expected another for each \
         role"
    )]
    SameToken {
        /// A role.
        role: Role,
        /// Another.
        other: Role,
    },
    /// The other end would not take the certificate.
    #[error("the certificate {}; {}", .0, .0.remedy())]
    Flawed(Flaw),
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Unfit(error.to_string())
    }
}

/// Who calls, as far as the server can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The server asks nobody: it is open to loopback, or the words were said.
    Anyone,
    /// It has shown nothing that the server knows.
    Stranger(Shown),
    /// It has shown a certificate or a token.
    Known {
        /// What it may do.
        role: Role,
        /// Of its certificate or token: a session belongs to whom opened it.
        who: Digest,
    },
}

/// What a stranger has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Neither certificate nor token.
    Nothing,
    /// A certificate of the authority that names no role.
    NoRole,
    /// A token that is none of the server's.
    Token,
}

/// What a server shows, and whom it knows.
#[derive(Clone)]
pub struct Keys {
    calls: Arc<ServerConfig>,
    pages: Arc<ServerConfig>,
    tokens: Vec<(Role, Digest)>,
    authority: Digest,
    holds_until: Option<Duration>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles: Vec<_> = self.tokens.iter().map(|(role, _)| role).collect();
        f.debug_struct("Keys")
            .field("tokens", &roles)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// A server that shows `own`, and knows whoever has a certificate of `authority` (PEM) or one of the
    /// tokens.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be read or do not fit together.
    pub fn new(authority: &str, own: &KeyPair, tokens: &[(Role, Token)]) -> Result<Self, TlsError> {
        for (number, (role, token)) in tokens.iter().enumerate() {
            let same = |(_, other): &&(Role, Token)| other.digest() == token.digest();
            if let Some((other, _)) = tokens[..number].iter().find(same) {
                let (role, other) = (*role, *other);
                return Err(TlsError::SameToken { role, other });
            }
        }
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)?), provider())
                // Whoever comes with a token has none.
                .allow_unauthenticated()
                .build()
                .map_err(|error| TlsError::Unfit(error.to_string()))?;
        let (chain, key) = own.parse(authority)?;
        let mut calls = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)?;
        let mut pages = calls.clone();
        pages.alpn_protocols = vec![HTTP11.to_vec()];
        calls.alpn_protocols = vec![H2.to_vec()];
        Ok(Self {
            calls: Arc::new(calls),
            pages: Arc::new(pages),
            tokens: tokens
                .iter()
                .map(|(role, token)| (*role, token.digest()))
                .collect(),
            authority: authority_digest(authority)?,
            holds_until: own.holds_until(authority).ok(),
        })
    }

    /// Until when the server's certificate holds, since 1970; `None` if that is not known.
    #[must_use]
    pub fn holds_until(&self) -> Option<Duration> {
        self.holds_until
    }

    /// How TLS is spoken where gRPC is.
    #[must_use]
    pub fn calls(&self) -> TlsAcceptor {
        self.calls.clone().into()
    }

    /// How it is spoken where pages are read.
    #[must_use]
    pub fn pages(&self) -> TlsAcceptor {
        self.pages.clone().into()
    }

    /// The digest of the authority's certificate, with which a client may pin it.
    #[must_use]
    pub fn authority(&self) -> Digest {
        self.authority
    }

    /// Who has shown this certificate, which the handshake has verified, or these headers.
    #[must_use]
    pub fn recognise(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        headers: &HeaderMap,
    ) -> Caller {
        if let Some(role) = certificate.and_then(role_of) {
            let who = certificate.map_or([0; 32], |certificate| digest(certificate));
            return Caller::Known { role, who };
        }
        let text = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let Some(shown) = text.and_then(|text| text.strip_prefix(BEARER)) else {
            return Caller::Stranger(match certificate {
                Some(_) => Shown::NoRole,
                None => Shown::Nothing,
            });
        };
        let who = digest(shown.as_bytes());
        // All are compared, however early one fits: the time tells nothing.
        let mut caller = Caller::Stranger(Shown::Token);
        for (role, known) in &self.tokens {
            if bool::from(known.ct_eq(&who)) {
                caller = Caller::Known { role: *role, who };
            }
        }
        caller
    }
}

/// The role that a certificate names.
pub(super) fn role_of(certificate: &CertificateDer<'_>) -> Option<Role> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Role::ALL.into_iter().find(|role| {
        let name = ServerName::try_from(role.certificate_name());
        name.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    })
}
