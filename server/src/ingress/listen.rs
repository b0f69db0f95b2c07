//! Opening the port. Off loopback a server listens only when the configuration says the words.

use std::io;
use std::net::SocketAddr;

use thalweg_common::config::INSECURE_LISTEN_WORDS;
use thiserror::Error;
use tokio::net::TcpListener;

/// Why a server does not listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Not an address.
    #[error("`{found}` is no address to listen on; expected HOST:PORT, for example 127.0.0.1:7700")]
    Address {
        /// What was given.
        found: String,
    },
    /// Off loopback without the words.
    #[error(
        "{address} is reachable from other machines and this protocol is neither encrypted nor \
         authenticated; listen on 127.0.0.1, or set [cluster] insecure_listen = \"{INSECURE_LISTEN_WORDS}\""
    )]
    OffLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address}: {source}{}", hint(.source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process has the port: end it, or choose another (port 0 takes a free one)"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have the address",
        _ => "",
    }
}

/// Opens the port of a server.
///
/// # Errors
/// [`ListenError`] if the address does not parse or resolve, is off loopback without the words, or
/// cannot be bound.
pub async fn listen(address: &str, words: &str) -> Result<TcpListener, ListenError> {
    let found = || ListenError::Address {
        found: address.to_owned(),
    };
    let mut resolved = tokio::net::lookup_host(address)
        .await
        .map_err(|_| found())?;
    let address = resolved.next().ok_or_else(found)?;
    if !address.ip().to_canonical().is_loopback() && words != INSECURE_LISTEN_WORDS {
        return Err(ListenError::OffLoopback { address });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError::Bind { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_open_without_the_words() {
        for address in ["127.0.0.1:0", "127.0.0.9:0", "localhost:0"] {
            assert!(listen(address, "").await.is_ok(), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0"] {
            for words in ["", "yes", "true"] {
                let error = listen(address, words).await.unwrap_err();
                assert!(
                    matches!(error, ListenError::OffLoopback { .. }),
                    "{address}: {error}"
                );
            }
        }
        assert!(listen("0.0.0.0:0", INSECURE_LISTEN_WORDS).await.is_ok());
    }

    #[tokio::test]
    async fn a_port_in_use_and_a_word_are_named() {
        let taken = listen("127.0.0.1:0", "").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = listen(&address, "").await.unwrap_err().to_string();
        assert!(
            error.contains(&address) && error.contains("another process"),
            "{error}"
        );
        assert!(matches!(
            listen("seven", "").await,
            Err(ListenError::Address { .. })
        ));
    }
}
