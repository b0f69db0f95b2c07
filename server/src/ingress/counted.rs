//! A connection that counts its bytes, so that the byte counters are those of the sockets.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

use crate::server::{Counters, Server};

/// Bytes of one connection at its socket, both ways, since somebody last took them.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketBytes(Arc<AtomicU64>);

impl SocketBytes {
    /// Takes the bytes since the last call.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A TCP connection of one server; holds its place among the permitted connections.
#[derive(Debug)]
pub(super) struct Counted {
    stream: TcpStream,
    server: Arc<Server>,
    bytes: SocketBytes,
    _place: OwnedSemaphorePermit,
}

impl Counted {
    pub(super) fn new(stream: TcpStream, server: Arc<Server>, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            server,
            bytes: SocketBytes::default(),
            _place: place,
        }
    }

    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            Counters::add(&self.server.counters.sent, bytes);
            Counters::add(&self.bytes.0, bytes);
        }
        written
    }
}

impl Connected for Counted {
    type ConnectInfo = SocketBytes;

    fn connect_info(&self) -> SocketBytes {
        self.bytes.clone()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let bytes = buf.filled().len() - before;
        Counters::add(&self.server.counters.received, bytes);
        Counters::add(&self.bytes.0, bytes);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
