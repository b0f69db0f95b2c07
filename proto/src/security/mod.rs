//! Who is at the other end, and what they may ask: roles, tokens, certificates.
//!
//! Loopback is open. Off it both ends speak TLS 1.3 and a caller shows a certificate or a token; the
//! role that follows from it is looked up in one table, [`Call::is_allowed`]. Both ends share this
//! module, and neither reads a file here: keys and certificates come in as PEM text.
//!
//! A certificate carries its role as a DNS name, `worker.thalweg`, and that of a server is
//! `server.thalweg`. A client checks for this name and not for the host that it dialled: the
//! certificate authority is the job's own, so whoever holds a server's key is a server of it, and
//! certificates hold on machines that get their address when they start.

mod role;
mod call;
mod token;
mod pem;
mod keys;
mod validity;
mod credentials;
mod dial;
#[cfg(test)]
mod tests;

pub use call::{Call, Denied};
pub use credentials::{Credentials, Pin};
pub use dial::{DialError, dial, refusal};
pub use keys::{Caller, Keys, Shown, TlsError};
pub use pem::{KeyPair, authority_digest};
pub use role::{Role, SERVER_NAME};
pub use token::{Token, TokenError};
pub use validity::{Flaw, Purpose, date};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use rustls::pki_types::CertificateDer;
pub use tokio_rustls::TlsAcceptor;

/// SHA-256 of something.
pub type Digest = [u8; 32];

/// SHA-256 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
