//! Opening the port. Off loopback a server listens only with keys, or when the words were said.

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
    /// Off loopback without keys or words.
    #[error(
        "{address} is reachable from other machines, and without keys nothing is encrypted and nobody is \
         asked who they are; give --certs FOLDER (`thalweg certs` makes one), listen on 127.0.0.1, or say \
         --insecure, or in the job [cluster] insecure_listen = \"{INSECURE_LISTEN_WORDS}\""
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

/// From where a port may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine: everybody on it may do everything.
    Loopback,
    /// From anywhere: callers are asked who they are, or the words were said that nobody needs to be.
    Anywhere,
}

/// Opens the port of a server.
///
/// # Errors
/// [`ListenError`] if the address does not parse or resolve, is off loopback and may not be, or
/// cannot be bound.
pub async fn listen(address: &str, reach: Reach) -> Result<TcpListener, ListenError> {
    let found = || ListenError::Address {
        found: address.to_owned(),
    };
    let mut resolved = tokio::net::lookup_host(address)
        .await
        .map_err(|_| found())?;
    let address = resolved.next().ok_or_else(found)?;
    if !address.ip().to_canonical().is_loopback() && reach == Reach::Loopback {
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
    async fn only_loopback_is_open_without_keys_or_words() {
        for address in ["127.0.0.1:0", "127.0.0.9:0", "localhost:0"] {
            assert!(listen(address, Reach::Loopback).await.is_ok(), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0"] {
            let error = listen(address, Reach::Loopback).await.unwrap_err();
            assert!(
                matches!(error, ListenError::OffLoopback { .. }),
                "{address}: {error}"
            );
        }
        assert!(listen("0.0.0.0:0", Reach::Anywhere).await.is_ok());
    }

    #[tokio::test]
    async fn a_port_in_use_and_a_word_are_named() {
        let taken = listen("127.0.0.1:0", Reach::Loopback).await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = listen(&address, Reach::Loopback)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&address) && error.contains("another process"),
            "{error}"
        );
        assert!(matches!(
            listen("seven", Reach::Loopback).await,
            Err(ListenError::Address { .. })
        ));
    }
}
