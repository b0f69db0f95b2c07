//! Keys and certificates from PEM text.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::keys::TlsError;
use super::{Digest, digest};

/// A certificate with its key, as PEM text. The key is never printed.
#[derive(Clone)]
pub struct KeyPair {
    /// The certificate, and those that it was signed by.
    pub certificates: String,
    /// The private key.
    pub key: Zeroizing<String>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

impl KeyPair {
    /// The certificates and the key, parsed. With `authority` behind them, so that a client that knows only
    /// its digest finds it.
    pub(super) fn parse(
        &self,
        authority: &str,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let mut chain = certificates("the certificate", &self.certificates)?;
        for certificate in certificates("the authority", authority)? {
            if !chain.contains(&certificate) {
                chain.push(certificate);
            }
        }
        // The parser's words may quote what it read.
        let key =
            PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| TlsError::Pem {
                what: "the private key",
                found: "no private key in it".to_owned(),
            })?;
        Ok((chain, key))
    }
}

/// The certificates in a PEM text, at least one.
pub(super) fn certificates(
    what: &'static str,
    text: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |found: String| TlsError::Pem { what, found };
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match parsed {
        Ok(found) if found.is_empty() => Err(malformed("no certificate in it".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// The authority's certificates as roots of trust.
pub(super) fn roots(authority: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the authority", authority)? {
        roots.add(certificate).map_err(|error| TlsError::Pem {
            what: "the authority",
            found: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The digest of an authority's certificate (PEM), the first if there are several.
///
/// # Errors
/// [`TlsError`] if it cannot be read.
pub fn authority_digest(authority: &str) -> Result<Digest, TlsError> {
    let found = certificates("the authority", authority)?;
    Ok(digest(&found[0]))
}
