//! Opening a connection to a server, as the credentials say.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, InvalidMessage};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::credentials::Credentials;
use super::role::SERVER_NAME;
use super::validity::{Flaw, Purpose};
use crate::transport::Secured;

/// Why the other end is not spoken with. Trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// Another machine, and nothing to encrypt with.
    #[error(
        "{address} is another machine, and without credentials nothing that goes there is encrypted or \
         authenticated; give --certs FOLDER, or --token-file FILE with --ca-sha256 DIGEST, or say --insecure"
    )]
    InTheOpen {
        /// Where.
        address: SocketAddr,
    },
    /// It does not speak TLS.
    #[error(
        "the server does not speak TLS, and credentials are shown to none that does not; start it with \
         --certs FOLDER, or leave the credentials out"
    )]
    NoTls,
    /// It is not whom we want.
    #[error(
        "the server's certificate is not one of the authority that was given ({found}); take the files, or \
         the digest, of the certificates that the server was started with"
    )]
    Unknown {
        /// How so.
        found: String,
    },
    /// It is of the authority that we want, and shows what is no use.
    #[error("the server's certificate {flaw}; {}", .flaw.remedy())]
    Flawed {
        /// How so.
        flaw: Flaw,
    },
    /// It does not want us.
    #[error(
        "the server takes nothing of what was shown, {source_words} ({found}); take the folder of this command's \
         role, made by the same `thalweg certs` as the server's"
    )]
    Refused {
        /// Where it comes from.
        source_words: String,
        /// How so.
        found: String,
    },
}

/// Connects to `address` (HOST:PORT) without delaying small messages. `wrap` sees the socket before TLS
/// does, to count its bytes.
///
/// # Errors
/// [`io::Error`] if there is no connection; behind it [`DialError`] if there was one, and the other end is not
/// to be spoken with.
///
/// # Panics
/// Never: the name of servers is one.
pub async fn dial<S>(
    address: &str,
    credentials: &Credentials,
    wrap: impl FnOnce(TcpStream) -> S,
) -> io::Result<Secured<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let Some(config) = credentials.tls() else {
        let address = stream.peer_addr()?;
        let is_open = address.ip().to_canonical().is_loopback() || credentials.plain_off_loopback();
        return match is_open {
            true => Ok(Secured::plain(wrap(stream))),
            false => Err(io::Error::other(DialError::InTheOpen { address })),
        };
    };
    let name = ServerName::try_from(SERVER_NAME).expect("a name");
    let connect = TlsConnector::from(config.clone()).connect(name, wrap(stream));
    match connect.await {
        Ok(stream) => Ok(Secured::tls(stream.into())),
        Err(error) => Err(judge(error, credentials)),
    }
}

/// Asks the server at `address` (HOST:PORT) once more whether it speaks with us; why not, if it does not. In TLS 1.3
/// its word on a client's certificate comes after the client's handshake: [`dial`] has succeeded by then, and what
/// stands above it sees a connection that ended.
pub async fn refusal(address: &str, credentials: &Credentials) -> Option<DialError> {
    let asked = async {
        let mut stream = dial(address, credentials, |stream| stream).await?;
        // A server of HTTP/2 speaks without being asked.
        let read = stream.read_exact(&mut [0]).await;
        read.map_err(|error| judge(error, credentials))
    };
    let error = asked.await.err()?;
    DialError::behind(&error).cloned()
}

/// What a failed handshake means.
fn judge(error: io::Error, credentials: &Credentials) -> io::Error {
    let inner = error.get_ref().and_then(|error| error.downcast_ref());
    match inner.and_then(|error| denied(error, credentials)) {
        Some(denied) => io::Error::other(denied),
        None => error,
    }
}

fn denied(error: &rustls::Error, credentials: &Credentials) -> Option<DialError> {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some(DialError::NoTls),
        rustls::Error::InvalidCertificate(why) => Some(match Flaw::of(why, Purpose::Server) {
            flaw @ (Flaw::Expired { .. } | Flaw::Early { .. } | Flaw::Purpose(_)) => {
                DialError::Flawed { flaw }
            }
            Flaw::Authority => DialError::Unknown {
                found: "another has signed it".to_owned(),
            },
            Flaw::NoRole | Flaw::Other(_) => DialError::Unknown {
                found: why.to_string(),
            },
        }),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::DecryptError),
        ) => Some(DialError::Refused {
            source_words: credentials.source().to_owned(),
            found: match alert {
                AlertDescription::CertificateExpired => {
                    "the certificate does not hold at the time of the server's clock".to_owned()
                }
                AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                    "another authority has signed the certificate".to_owned()
                }
                AlertDescription::UnsupportedCertificate => {
                    "the certificate is not for callers".to_owned()
                }
                other => format!("{other:?}"),
            },
        }),
        _ => None,
    }
}

impl DialError {
    /// The error of this kind that lies behind another, if one does.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            let own = error.downcast_ref::<Self>();
            // An I/O error does not give what it was made of as its source.
            let inside = error
                .downcast_ref::<io::Error>()
                .and_then(|error| error.get_ref())
                .and_then(|error| Self::behind_boxed(error));
            if let Some(found) = own.or(inside) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    fn behind_boxed<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> Option<&'a Self> {
        error
            .downcast_ref::<Self>()
            .or_else(|| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
    }
}
