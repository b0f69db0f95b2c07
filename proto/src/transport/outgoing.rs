//! Frames as the body of an HTTP/2 message, the data of chunks without a copy.
//!
//! tonic's encoder copies every message into a buffer of its own; for chunks that copy, and the
//! fresh memory under it, costs as much as the kernel's (`docs/decisions`). Here a chunk leaves as
//! two pieces: everything before its data, and the data as they lie in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use tokio_stream::Stream;
use tonic::Status;

use crate::v1;
use crate::v1::chunk::Data;

/// Data shorter than this are copied with the rest.
const APART_BYTES_MIN: usize = 4096;

/// Buffered frames are sent when they reach this.
const BATCH_BYTES: usize = 32 << 10;

/// A frame of one direction.
pub trait WireFrame: Message + Default + Unpin + Send + 'static {
    /// The frame's number of the chunk in its oneof.
    const CHUNK_FIELD: u32;

    /// Takes the chunk out of the frame, if it carries one.
    fn take_chunk(&mut self) -> Option<v1::Chunk>;

    /// Puts a chunk in.
    fn put_chunk(&mut self, chunk: v1::Chunk);
}

impl WireFrame for v1::ClientFrame {
    const CHUNK_FIELD: u32 = 10;

    fn take_chunk(&mut self) -> Option<v1::Chunk> {
        match self.body.take() {
            Some(v1::client_frame::Body::Chunk(chunk)) => Some(chunk),
            other => {
                self.body = other;
                None
            }
        }
    }

    fn put_chunk(&mut self, chunk: v1::Chunk) {
        self.body = Some(v1::client_frame::Body::Chunk(chunk));
    }
}

impl WireFrame for v1::ServerFrame {
    const CHUNK_FIELD: u32 = 11;

    fn take_chunk(&mut self) -> Option<v1::Chunk> {
        match self.body.take() {
            Some(v1::server_frame::Body::Chunk(chunk)) => Some(chunk),
            other => {
                self.body = other;
                None
            }
        }
    }

    fn put_chunk(&mut self, chunk: v1::Chunk) {
        self.body = Some(v1::server_frame::Body::Chunk(chunk));
    }
}

/// Writes the gRPC message of a frame to `out`, but for the data of a chunk that are long enough to
/// travel apart: those are returned and follow `out`.
fn write<F: WireFrame>(mut frame: F, out: &mut BytesMut) -> Option<Bytes> {
    let Some(mut chunk) = frame.take_chunk() else {
        write_whole(&frame, out);
        return None;
    };
    // The numbers in `Chunk.data`.
    let (field, data) = match chunk.data.take() {
        Some(Data::Coordinates(data)) if data.len() >= APART_BYTES_MIN => (3, data),
        Some(Data::Values(data)) if data.len() >= APART_BYTES_MIN => (4, data),
        other => {
            chunk.data = other;
            frame.put_chunk(chunk);
            write_whole(&frame, out);
            return None;
        }
    };
    let data_bytes = data.len() as u64;
    let field_bytes = key_len(field) + encoded_len_varint(data_bytes) + data.len();
    let chunk_bytes = (chunk.encoded_len() + field_bytes) as u64;
    let chunk_field_bytes = key_len(F::CHUNK_FIELD) + encoded_len_varint(chunk_bytes);
    let message = frame.encoded_len() as u64 + chunk_field_bytes as u64 + chunk_bytes;
    write_prefix(message, out);
    frame.encode_raw(out);
    encode_key(F::CHUNK_FIELD, WireType::LengthDelimited, out);
    encode_varint(chunk_bytes, out);
    chunk.encode_raw(out);
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(data_bytes, out);
    Some(data)
}

fn write_whole(frame: &impl Message, out: &mut BytesMut) {
    let length = frame.encoded_len();
    out.reserve(super::GRPC_PREFIX_BYTES + length);
    write_prefix(length as u64, out);
    frame.encode_raw(out);
}

/// Not compressed, then the length.
fn write_prefix(length: u64, out: &mut BytesMut) {
    out.put_u8(0);
    out.put_u32(u32::try_from(length).expect("a frame is at most message_bytes_max"));
}

/// Which end of the call writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The body ends with the frames.
    Client,
    /// The body ends with the call's status.
    Server,
}

/// Frames as a body.
#[derive(Debug)]
pub(super) struct FrameBody<Frames> {
    frames: Option<Frames>,
    role: Role,
    buffer: BytesMut,
    apart: Option<Bytes>,
    status: Option<Status>,
}

impl<Frames> FrameBody<Frames> {
    pub(super) fn new(frames: Frames, role: Role) -> Self {
        let (buffer, apart, status) = (BytesMut::new(), None, Some(Status::ok("")));
        Self {
            frames: Some(frames),
            role,
            buffer,
            apart,
            status,
        }
    }

    /// What follows the last frame.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        let status = self.status.take()?;
        match self.role {
            Role::Client if status.code() == tonic::Code::Ok => None,
            Role::Client => Some(Err(status)),
            Role::Server => {
                let mut trailers = HeaderMap::new();
                Some(
                    status
                        .add_header(&mut trailers)
                        .map(|()| Frame::trailers(trailers)),
                )
            }
        }
    }
}

impl<Frames, F> Body for FrameBody<Frames>
where
    F: WireFrame,
    Frames: Stream<Item = Result<F, Status>> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(data) = this.apart.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        while let Some(frames) = &mut this.frames {
            match Pin::new(frames).poll_next(context) {
                Poll::Pending if this.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    this.apart = write(frame, &mut this.buffer);
                    if this.apart.is_some() || this.buffer.len() >= BATCH_BYTES {
                        break;
                    }
                }
                Poll::Ready(Some(Err(status))) => {
                    this.status = Some(status);
                    this.frames = None;
                }
                Poll::Ready(None) => this.frames = None,
            }
        }
        if this.buffer.is_empty() {
            return Poll::Ready(this.end());
        }
        Poll::Ready(Some(Ok(Frame::data(this.buffer.split().freeze()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<F: WireFrame>(frame: &F) -> F {
        let mut out = BytesMut::new();
        let apart = write(frame.clone_frame(), &mut out);
        out.extend_from_slice(&apart.unwrap_or_default());
        let (prefix, message) = out.split_at(super::super::GRPC_PREFIX_BYTES);
        assert_eq!(prefix[0], 0);
        assert_eq!(
            prefix[1..],
            u32::try_from(message.len()).unwrap().to_be_bytes()
        );
        F::decode(message).unwrap()
    }

    trait CloneFrame {
        fn clone_frame(&self) -> Self;
    }

    impl<F: WireFrame> CloneFrame for F {
        fn clone_frame(&self) -> Self {
            F::decode(self.encode_to_vec().as_slice()).unwrap()
        }
    }

    fn chunks() -> impl Iterator<Item = v1::Chunk> {
        let lengths = [0, 4, 4095, 4096, 5000, 300_000];
        lengths.into_iter().flat_map(|length| {
            let data = Bytes::from(vec![9; length]);
            let chunk = |data| v1::Chunk {
                part: 300,
                offset: 1 << 40,
                data: Some(data),
            };
            [
                chunk(Data::Values(data.clone())),
                chunk(Data::Coordinates(data)),
            ]
        })
    }

    #[test]
    fn a_frame_in_two_pieces_is_the_frame_in_one() {
        for chunk in chunks() {
            let client = v1::ClientFrame {
                request_id: 7,
                deadline_ms: 900,
                body: Some(v1::client_frame::Body::Chunk(chunk.clone())),
                more: true,
            };
            assert_eq!(read(&client), client);
            let server = v1::ServerFrame {
                request_id: 7,
                credit: 8,
                body: Some(v1::server_frame::Body::Chunk(chunk)),
                more: true,
            };
            assert_eq!(read(&server), server);
        }
    }

    #[test]
    fn long_data_are_not_copied() {
        let data = Bytes::from(vec![9; 5000]);
        let chunk = v1::Chunk {
            part: 0,
            offset: 0,
            data: Some(Data::Values(data.clone())),
        };
        let mut frame = v1::ClientFrame::default();
        frame.put_chunk(chunk);
        let apart = write(frame, &mut BytesMut::new()).unwrap();
        assert_eq!(apart.as_ptr(), data.as_ptr());
    }
}
