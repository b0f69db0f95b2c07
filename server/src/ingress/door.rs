//! The door: a TCP connection comes in, one that may be spoken on goes on.

use std::io;
use std::time::Duration;

use thalweg_proto::security::TlsAcceptor;
use thalweg_proto::transport::Secured;
use tokio::io::{AsyncRead, AsyncWrite};

/// How connections are let in.
#[derive(Clone)]
pub(super) struct Door {
    /// How TLS is spoken, if it is.
    tls: Option<TlsAcceptor>,
    time_max: Duration,
}

impl Door {
    /// A handshake may take `time_max`.
    pub(super) fn new(tls: Option<TlsAcceptor>, time_max: Duration) -> Self {
        Self { tls, time_max }
    }

    /// Whether there is a handshake, which may take time.
    pub(super) fn is_locked(&self) -> bool {
        self.tls.is_some()
    }

    /// Lets one connection in.
    pub(super) async fn enter<S>(&self, stream: S) -> io::Result<Secured<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(tls) = &self.tls else {
            return Ok(Secured::plain(stream));
        };
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let handshake = tokio::time::timeout(self.time_max, tls.accept(stream));
        let stream = handshake.await.map_err(|_| late())??;
        Ok(Secured::tls(stream.into()))
    }
}
