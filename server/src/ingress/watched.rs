//! A connection that ends when its place is wanted, or when it has not made a permitted call in time.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::places::Standing;

/// A stream `S` at a place.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    is_cut: oneshot::Receiver<()>,
    /// Whether it was cut: the receiver must not be asked again.
    is_over: bool,
    /// Until it has made its first permitted call.
    first_call: Option<FirstCall>,
}

/// A first call that is waited for.
#[derive(Debug)]
struct FirstCall {
    standing: Arc<Standing>,
    within: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    /// The first permitted call must come `within`; the end of `is_cut` ends the connection.
    pub(super) fn new(
        stream: S,
        is_cut: oneshot::Receiver<()>,
        (standing, within): (&Arc<Standing>, Duration),
    ) -> Self {
        let first_call = FirstCall {
            standing: standing.clone(),
            within: Box::pin(wait(within)),
        };
        Self {
            stream,
            is_cut,
            is_over: false,
            first_call: Some(first_call),
        }
    }

    /// Whether it may go on; otherwise looked at again when it may no longer.
    fn judge(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.is_over || Pin::new(&mut self.is_cut).poll(context).is_ready() {
            // Whoever drives it may try once more, to say goodbye.
            self.is_over = true;
            let why = "another connection needs the place";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        }
        if let Some(first_call) = &mut self.first_call {
            if first_call.standing.has_asked() {
                self.first_call = None;
            } else if first_call.within.as_mut().poll(context).is_ready() {
                let why = "no permitted call came in time";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver bounds the time of a connection"
)]
fn wait(within: Duration) -> Sleep {
    tokio::time::sleep(within)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.judge(cx)?;
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // A peer that reads nothing keeps the connection at its writing.
        this.judge(cx)?;
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.judge(cx)?;
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::ingress::places::Places;
    use thalweg_proto::transport::Clock;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn a_connection_ends_without_a_first_call_in_time_and_goes_on_with_one() {
        for asks in [false, true] {
            let (mut client, socket) = tokio::io::duplex(64);
            let places = Places::new(1, Clock::start(), HOUR);
            let (place, is_cut) = places.take().await;
            if asks {
                place.standing().note_request();
            }
            let within = Duration::from_millis(20);
            let mut watched = Watched::new(socket, is_cut, (place.standing(), within));
            let read = tokio::spawn(async move { watched.read_u8().await });
            if !asks {
                let error = read.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                continue;
            }
            wait(3 * within).await;
            client.write_u8(7).await.unwrap();
            assert_eq!(read.await.unwrap().unwrap(), 7);
        }
    }

    #[tokio::test]
    async fn a_connection_ends_when_its_place_is_wanted_also_while_its_peer_reads_nothing() {
        let (_client, socket) = tokio::io::duplex(64);
        let places = Places::new(1, Clock::start(), HOUR);
        let (place, is_cut) = places.take().await;
        let mut watched = Watched::new(socket, is_cut, (place.standing(), HOUR));
        let written = tokio::spawn(async move {
            let written = watched.write_all(&[0; 1_000]).await;
            assert!(watched.read_u8().await.is_err(), "it stays cut");
            drop(place);
            written
        });
        let (_next, _is_cut) = places.take().await;
        let error = written.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
