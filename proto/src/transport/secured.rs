//! A connection with or without TLS, the same type for both ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;
use tonic::transport::server::Connected;

/// A connection over `S`.
#[derive(Debug)]
pub struct Secured<S> {
    stream: Stream<S>,
    certificate: Option<Arc<CertificateDer<'static>>>,
}

#[derive(Debug)]
enum Stream<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
}

/// What is known of the other end of a [`Secured`] connection.
#[derive(Clone, Debug, Default)]
pub struct Peer<I> {
    /// What the connection below knows.
    pub below: I,
    /// The certificate that the handshake has verified.
    pub certificate: Option<Arc<CertificateDer<'static>>>,
}

impl<S> Secured<S> {
    /// Without TLS.
    #[must_use]
    pub fn plain(stream: S) -> Self {
        Self {
            stream: Stream::Plain(stream),
            certificate: None,
        }
    }

    /// With TLS, after the handshake.
    #[must_use]
    pub fn tls(stream: TlsStream<S>) -> Self {
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates();
        let certificate = shown.and_then(|chain| chain.first()).cloned().map(Arc::new);
        Self {
            stream: Stream::Tls(Box::new(stream)),
            certificate,
        }
    }

    /// The certificate that the other end has shown and the handshake verified.
    #[must_use]
    pub fn certificate(&self) -> Option<Arc<CertificateDer<'static>>> {
        self.certificate.clone()
    }
}

impl<S: Connected> Connected for Secured<S> {
    type ConnectInfo = Peer<S::ConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        let below = match &self.stream {
            Stream::Plain(stream) => stream.connect_info(),
            Stream::Tls(stream) => stream.get_ref().0.connect_info(),
        };
        Peer {
            below,
            certificate: self.certificate.clone(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
