//! The client's side: how it knows the server, and what it shows.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use super::keys::{H2, TlsError};
use super::pem::{KeyPair, roots};
use super::token::Token;
use super::{Digest, digest, hex, provider};

/// The digest of an authority's certificate (SHA-256 of its DER): enough to know its servers by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub Digest);

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        let mut digest = [0; 32];
        let is_hex = text.len() == 2 * digest.len() && text.bytes().all(|c| c.is_ascii_hexdigit());
        if !is_hex {
            return Err(format!(
                "expected the 64 hexadecimal digits that `thalweg certs` and the server print, found {} \
                 characters",
                text.chars().count()
            ));
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(|error| error.to_string())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What a client shows to servers, and how it knows them.
#[derive(Clone, Default)]
pub struct Credentials {
    tls: Option<Arc<ClientConfig>>,
    token: Option<Token>,
    plain_off_loopback: bool,
    source: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("tls", &self.tls.is_some())
            .field("token", &self.token)
            .field("plain_off_loopback", &self.plain_off_loopback)
            .field("source", &self.source)
            .finish()
    }
}

impl Credentials {
    /// Nothing is shown and nothing encrypted: for loopback alone.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Nothing is shown and nothing encrypted, wherever the server is.
    #[must_use]
    pub fn insecure() -> Self {
        Self {
            plain_off_loopback: true,
            ..Self::default()
        }
    }

    /// Servers are those of `authority` (PEM); `own` and `token` are shown to them.
    ///
    /// # Errors
    /// [`TlsError`] if something cannot be read or does not fit together.
    pub fn of_authority(
        authority: &str,
        own: Option<&KeyPair>,
        token: Option<Token>,
    ) -> Result<Self, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots(authority)?);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let (chain, key) = own.parse(authority)?;
                builder.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(Self {
            tls: Some(Arc::new(config)),
            token,
            ..Self::default()
        })
    }

    /// Servers are those of the authority with this digest; `token` is shown to them.
    ///
    /// # Errors
    /// [`TlsError`] if TLS cannot be set up.
    pub fn pinned(pin: Pin, token: Token) -> Result<Self, TlsError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(pin)))
            .with_no_client_auth();
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(Self {
            tls: Some(Arc::new(config)),
            token: Some(token),
            ..Self::default()
        })
    }

    /// The same, with the words by which a user knows them: where they come from, never what they are.
    #[must_use]
    pub fn from_source(self, source: impl Into<String>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Where they come from, for errors.
    pub(super) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or("these credentials")
    }

    /// Whether TLS is spoken with them.
    #[must_use]
    pub fn are_for_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What it means that a server does not know who calls, if a token was shown: the server's own words are the
    /// same for whoever shows nothing.
    #[must_use]
    pub fn not_known(&self) -> Option<String> {
        let source = self.source();
        self.token.as_ref().map(|_| {
            format!(
                "the token shown ({source}) is none of this server's; take one of the folder that the server was \
                 started with (--certs), which has them as ROLE.token"
            )
        })
    }

    /// How TLS is spoken, if it is.
    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    /// Whether other machines may be spoken with in the open.
    pub(super) fn plain_off_loopback(&self) -> bool {
        self.plain_off_loopback
    }

    /// What goes with every call.
    ///
    /// # Panics
    /// Never: a token has no characters that a header could not have.
    #[must_use]
    pub fn metadata(&self) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        if let Some(token) = &self.token {
            let mut value = AsciiMetadataValue::try_from(format!("Bearer {}", token.secret()))
                .expect("a token has none but plain characters");
            // Not to be indexed by header compression, nor shown by Debug.
            value.set_sensitive(true);
            metadata.insert("authorization", value);
        }
        metadata
    }
}

/// Takes a server whose chain holds the authority with a known digest. All else is judged as ever.
#[derive(Debug)]
struct Pinned(Pin);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let authority = intermediates
            .iter()
            .find(|certificate| digest(certificate) == self.0.0)
            .ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| unknown())?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
