//! One session stream over gRPC: requests out, answers in, on a connection of its own.

use std::sync::Arc;

use thalweg_common::message::Reply;
use thalweg_proto::codec::{Assembled, FrameLimits, Interleave, ReplyAssembler, RequestFrames};
use thalweg_proto::security::Credentials;
use thalweg_proto::transport::{FrameReader, open_session, tune_client};
use thalweg_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use super::channel::{self, Closed};
use super::traffic::Traffic;

/// Requests that wait to be cut into frames.
const REQUESTS_MAX: usize = 16;

/// An open session stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Requests as frames. Dropped, the stream ends in order once all are out.
    pub(super) requests: mpsc::Sender<RequestFrames>,
    pub(super) answers: Answers,
}

/// The receiving half of a session stream.
#[derive(Debug)]
pub(super) struct Answers {
    frames: FrameReader<v1::ServerFrame>,
    assembler: ReplyAssembler,
}

impl Stream {
    /// Connects to `address` (HOST:PORT) and opens the stream; the cause in words if that fails.
    pub(super) async fn open(
        address: &str,
        limits: FrameLimits,
        credentials: &Credentials,
        traffic: &Arc<Traffic>,
    ) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| format!("`{address}` is no address: {error}"))?;
        let channel = channel::open(&tune_client(endpoint), address, credentials, traffic)
            .await
            .map_err(Closed::words)?;
        let (requests, outgoing) = mpsc::channel(REQUESTS_MAX);
        let frames = Interleave::new(ReceiverStream::new(outgoing), limits.open_messages_max);
        let metadata = credentials.metadata();
        let frames = open_session(channel, frames, metadata, limits.message_bytes_max)
            .await
            .map_err(|status| status.message().to_owned())?;
        let assembler = ReplyAssembler::new(limits);
        Ok(Self {
            requests,
            answers: Answers { frames, assembler },
        })
    }
}

impl Answers {
    /// The next whole answer and the number of its request; `None` if the server has ended the
    /// stream. A call that is given up in between loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, Reply)>, String> {
        loop {
            let frame = self.frames.message().await.map_err(|status| {
                let words = status.message();
                if words.is_empty() {
                    status.code().to_string()
                } else {
                    words.to_owned()
                }
            })?;
            let Some(frame) = frame else { return Ok(None) };
            match self
                .assembler
                .accept(frame)
                .map_err(|error| error.to_string())?
            {
                Assembled::Pending => {}
                Assembled::Whole(envelope, reply) => return Ok(Some((envelope.request_id, reply))),
                Assembled::Refused(envelope, refusal) => {
                    return Ok(Some((envelope.request_id, Reply::Refused(refusal))));
                }
            }
        }
    }
}
