//! A connection that counts its bytes, so that the byte counters are those of the sockets.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Where the bytes of a connection are counted.
pub trait Tally: Unpin {
    /// So many bytes were written to the socket.
    fn sent(&self, bytes: usize);

    /// So many bytes were read from the socket.
    fn received(&self, bytes: usize);
}

/// A connection `S` whose bytes `T` counts.
#[derive(Debug)]
pub struct Counted<S, T> {
    stream: S,
    tally: T,
}

impl<S: Unpin, T: Tally> Counted<S, T> {
    /// Counts the bytes of `stream` from now on.
    pub fn new(stream: S, tally: T) -> Self {
        Self { stream, tally }
    }

    /// The connection, pinned, and its tally.
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut S>, &T) {
        let this = self.get_mut();
        (Pin::new(&mut this.stream), &this.tally)
    }
}

fn count_sent(tally: &impl Tally, written: &Poll<io::Result<usize>>) {
    if let Poll::Ready(Ok(bytes)) = written {
        tally.sent(*bytes);
    }
}

impl<S, T: Connected> Connected for Counted<S, T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.tally.connect_info()
    }
}

impl<S: AsyncRead + Unpin, T: Tally> AsyncRead for Counted<S, T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let (stream, tally) = self.parts();
        let read = stream.poll_read(cx, buf);
        tally.received(buf.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin, T: Tally> AsyncWrite for Counted<S, T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (stream, tally) = self.parts();
        let written = stream.poll_write(cx, buf);
        count_sent(tally, &written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (stream, tally) = self.parts();
        let written = stream.poll_write_vectored(cx, bufs);
        count_sent(tally, &written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts().0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts().0.poll_shutdown(cx)
    }
}
