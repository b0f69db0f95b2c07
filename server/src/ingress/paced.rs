//! A connection whose small HTTP/2 frames come at a pace.
//!
//! A frame costs the server about the same whatever its length. What trains sends few and long ones; a flood of PING,
//! SETTINGS, `RST_STREAM` or empty DATA sends millions of short ones, which the HTTP/2 library answers one by one, and
//! that takes the core from everybody else. Here they are counted as they come, and a connection that sends too
//! many is read on later: it waits for itself, and nobody else does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thalweg_proto::transport::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

use super::pace::Pace;

/// Frames shorter than this count: a part of a hundred values is longer.
const SMALL_BYTES: usize = 256;

/// What the frame counts for that begins a call: its headers are unpacked and its call is judged and answered, if
/// only with a refusal. So a connection begins a thousand calls a second; whoever wants more opens a session.
const CALL_FRAMES: u32 = 20;

/// The kind of frame that begins a call.
const HEADERS: u8 = 1;

/// Small frames of one connection in a second, and at once.
const SMALL_FRAMES: (f64, f64) = (20_000.0, 500.0);

/// Bytes with which a client's connection begins.
const PREFACE_BYTES: usize = 24;

/// Bytes before the payload of a frame.
const HEAD_BYTES: usize = 9;

/// A stream `S` at a pace.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    clock: Clock,
    frames: Frames,
    pace: Pace,
    /// Until when it is not read.
    rest: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    /// From the first byte of a connection on.
    pub(super) fn new(stream: S, clock: Clock) -> Self {
        let (per_second, burst) = SMALL_FRAMES;
        Self {
            stream,
            clock,
            frames: Frames::default(),
            pace: Pace::new(clock.now(), per_second, burst),
            rest: None,
        }
    }
}

/// Where in the frames of a connection its bytes are.
#[derive(Debug)]
struct Frames {
    /// Bytes that belong to the present payload, or to the preface.
    skip: usize,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
        }
    }
}

impl Frames {
    /// Takes the next bytes; answers for how many small frames those count that begin in them.
    fn small_in(&mut self, mut bytes: &[u8]) -> u32 {
        let mut small = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD_BYTES - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..self.head_bytes + taken].copy_from_slice(&bytes[..taken]);
            self.head_bytes += taken;
            bytes = &bytes[taken..];
            if self.head_bytes == HEAD_BYTES {
                let [a, b, c, kind, ..] = self.head;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.head_bytes = 0;
                small += match kind {
                    HEADERS => CALL_FRAMES,
                    _ => u32::from(self.skip < SMALL_BYTES),
                };
            }
        }
        small
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver paces what it reads")]
fn wait(time: Duration) -> Sleep {
    tokio::time::sleep(time)
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest {
            ready!(rest.as_mut().poll(cx));
            this.rest = None;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let small = this.frames.small_in(&buf.filled()[before..]);
        if 0 < small {
            let owed = this.pace.spend(this.clock.now(), small);
            this.rest = (!owed.is_zero()).then(|| Box::pin(wait(owed)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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

impl<S: Connected> Connected for Paced<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn frame(out: &mut Vec<u8>, payload: usize, kind: u8) {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&[kind, 0, 0, 0, 0, 0]);
        out.resize(out.len() + payload, 7);
    }

    #[test]
    fn small_frames_are_counted_wherever_reads_cut_them() {
        let mut bytes = vec![b'P'; PREFACE_BYTES];
        for payload in [0, 8, SMALL_BYTES - 1, SMALL_BYTES, 70_000, 0] {
            frame(&mut bytes, payload, 0);
        }
        frame(&mut bytes, 1_000, HEADERS);
        for step in [1, 5, 9, 1_000, bytes.len()] {
            let mut frames = Frames::default();
            let counted = bytes.chunks(step).map(|chunk| frames.small_in(chunk));
            assert_eq!(counted.sum::<u32>(), 4 + CALL_FRAMES, "in steps of {step}");
        }
    }

    #[tokio::test]
    async fn who_sends_too_many_small_frames_is_read_at_their_pace_and_loses_none() {
        let frames = 4_500_u32;
        let mut bytes = vec![b'P'; PREFACE_BYTES];
        (0..frames).for_each(|_| frame(&mut bytes, 8, 6));
        let mut paced = Paced::new(&bytes[..], Clock::start());
        let mut read = vec![0; PREFACE_BYTES + 17 * 500];
        paced.read_exact(&mut read).await.unwrap();
        assert!(paced.rest.is_none(), "so many may come at once");
        let mut more = [0; 17 * 2_000];
        paced.read_exact(&mut more).await.unwrap();
        assert!(paced.rest.is_some(), "so many more have to be waited for");
        read.extend_from_slice(&more);
        paced.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, bytes);
    }
}
