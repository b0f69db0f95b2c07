//! Frames out of the body of an HTTP/2 message, the data of chunks without a copy.
//!
//! tonic's decoder gathers every message in a buffer of its own. Here a message is decoded where its
//! pieces lie; a chunk whose data came in one piece keeps that piece.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body as _;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use super::GRPC_PREFIX_BYTES;
use super::outgoing::WireFrame;

/// The bytes that have come and are not decoded.
#[derive(Debug, Default)]
struct Pieces {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.bytes, "advancing past what has come");
        self.bytes -= count;
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        if let Some(piece) = self.pieces.front_mut()
            && piece.len() >= length
        {
            let bytes = piece.split_to(length);
            self.bytes -= length;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            return bytes;
        }
        let mut joined = BytesMut::with_capacity(length);
        let mut left = length;
        while left > 0 {
            let piece = self.chunk();
            let count = piece.len().min(left);
            assert!(count > 0, "copying past what has come");
            joined.extend_from_slice(&piece[..count]);
            self.advance(count);
            left -= count;
        }
        joined.freeze()
    }
}

/// The frames of a body.
#[derive(Debug)]
pub struct FrameReader<F> {
    body: Option<Body>,
    pieces: Pieces,
    /// The length of the message whose prefix has been read.
    message_bytes: Option<usize>,
    message_bytes_max: usize,
    frame: PhantomData<fn() -> F>,
}

impl<F: WireFrame> FrameReader<F> {
    /// Reads frames of at most `message_bytes_max` bytes.
    #[must_use]
    pub fn new(body: Body, message_bytes_max: usize) -> Self {
        Self {
            body: Some(body),
            pieces: Pieces::default(),
            message_bytes: None,
            message_bytes_max,
            frame: PhantomData,
        }
    }

    /// The next frame; `None` at the end of the stream.
    ///
    /// # Errors
    /// The status with which the stream broke or with which the peer ended it. After an error the
    /// stream is at its end.
    pub async fn message(&mut self) -> Result<Option<F>, Status> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }

    /// Decodes the next message, if all of it has come.
    fn decode(&mut self) -> Result<Option<F>, Status> {
        let length = match self.message_bytes {
            Some(length) => length,
            None if self.pieces.remaining() < GRPC_PREFIX_BYTES => return Ok(None),
            None => {
                let length = read_prefix(&mut self.pieces, self.message_bytes_max)?;
                self.message_bytes = Some(length);
                length
            }
        };
        if self.pieces.remaining() < length {
            return Ok(None);
        }
        self.message_bytes = None;
        F::decode((&mut self.pieces).take(length))
            .map(Some)
            .map_err(|error| Status::invalid_argument(format!("a frame of thalweg.v1: {error}")))
    }

    /// The end of the body: clean, or in the middle of a message.
    fn end(&self) -> Option<Result<F, Status>> {
        (self.pieces.has_remaining() || self.message_bytes.is_some()).then(|| {
            Err(Status::unavailable(
                "the stream ended in the middle of a frame",
            ))
        })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<F, Status>>> {
        loop {
            match self.decode() {
                Ok(None) => {}
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(body).poll_frame(context)) {
                None => return Poll::Ready(self.end()),
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.pieces.push(data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        match Status::from_header_map(&trailers) {
                            Some(status) if status.code() != tonic::Code::Ok => {
                                return Poll::Ready(Some(Err(status)));
                            }
                            Some(_) | None => return Poll::Ready(self.end()),
                        }
                    }
                },
            }
        }
    }
}

fn read_prefix(pieces: &mut Pieces, message_bytes_max: usize) -> Result<usize, Status> {
    let flag = pieces.get_u8();
    if flag != 0 {
        let text = format!("expected frames without compression (flag 0), found flag {flag}");
        return Err(Status::invalid_argument(text));
    }
    let length = pieces.get_u32() as usize;
    if length > message_bytes_max {
        let text = format!(
            "expected a frame of at most {message_bytes_max} bytes (message_bytes_max), found \
             {length}"
        );
        return Err(Status::out_of_range(text));
    }
    Ok(length)
}

impl<F: WireFrame> Stream for FrameReader<F> {
    type Item = Result<F, Status>;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<F, Status>>> {
        let this = self.get_mut();
        let polled = ready!(this.poll(context));
        if !matches!(polled, Some(Ok(_))) {
            this.body = None;
            this.pieces = Pieces::default();
            this.message_bytes = None;
        }
        Poll::Ready(polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&[u8]]) -> Pieces {
        let mut pieces = Pieces::default();
        parts
            .iter()
            .for_each(|part| pieces.push(Bytes::copy_from_slice(part)));
        pieces
    }

    #[test]
    fn bytes_across_pieces_are_joined_and_within_one_are_kept() {
        let mut two = pieces(&[b"abc", b"defg"]);
        let kept = two.pieces[0].as_ptr();
        assert_eq!(two.copy_to_bytes(2).as_ptr(), kept);
        assert_eq!(two.copy_to_bytes(3), "cde");
        assert_eq!(two.remaining(), 2);
        two.advance(1);
        assert_eq!(two.copy_to_bytes(1), "g");
        assert!(!two.has_remaining());
    }

    #[test]
    fn a_prefix_with_a_flag_or_a_length_past_the_bound_is_refused() {
        assert_eq!(
            read_prefix(&mut pieces(&[&[0, 0], &[0, 1, 0]]), 256).unwrap(),
            256
        );
        let long = read_prefix(&mut pieces(&[&[0, 0, 0, 1, 1]]), 256).unwrap_err();
        assert_eq!(long.code(), tonic::Code::OutOfRange);
        let packed = read_prefix(&mut pieces(&[&[1, 0, 0, 0, 1]]), 256).unwrap_err();
        assert!(packed.message().contains("found flag 1"), "{packed}");
    }
}
