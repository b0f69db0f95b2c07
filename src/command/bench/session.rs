//! The client's end of a session stream: requests out, answers in, in one task.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Instant;

use anyhow::{Context, bail};
use thalweg_common::message::{Reply, Request};
use thalweg_proto::codec::{
    Assembled, FrameLimits, Interleave, ReplyAssembler, RequestEnvelope, RequestFrames,
    request_frames,
};
use thalweg_proto::transport::open_session;
use thalweg_proto::{ParameterServerClient, transport, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::grpc::CHUNK_METADATA;
use super::sample::{Latencies, millis_since, now};

const REQUESTS_MAX: usize = 64;

type Replies = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

/// Who turns frames into bytes and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameCodec {
    /// tonic, through buffers of its own.
    Tonic,
    /// `thalweg_proto::transport`, without copies of the data.
    Ours,
}

impl FrameCodec {
    /// What a row's name adds.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Tonic => ", tonic's codec",
            Self::Ours => "",
        }
    }
}

/// A tuned connection to the sink.
pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(transport::tune_client(endpoint).connect().await?)
}

/// A session stream on a connection of its own.
pub(super) struct Session {
    limits: FrameLimits,
    requests: mpsc::Sender<RequestFrames>,
    replies: Replies,
    assembler: ReplyAssembler,
    last_id: u64,
}

impl Session {
    pub(super) async fn open(
        address: SocketAddr,
        chunk_bytes: usize,
        codec: FrameCodec,
    ) -> anyhow::Result<Self> {
        let limits = FrameLimits {
            chunk_bytes,
            ..FrameLimits::default()
        }
        .check()?;
        let channel = connect(address).await?;
        let (requests, outgoing) = mpsc::channel(REQUESTS_MAX);
        let frames = Interleave::new(ReceiverStream::new(outgoing), limits.open_messages_max);
        let mut call = tonic::Request::new(frames);
        call.metadata_mut()
            .insert(CHUNK_METADATA, chunk_bytes.into());
        let replies: Replies = match codec {
            FrameCodec::Tonic => Box::pin(
                ParameterServerClient::new(channel)
                    .session(call)
                    .await?
                    .into_inner(),
            ),
            FrameCodec::Ours => {
                let (metadata, _, frames) = call.into_parts();
                let max = limits.message_bytes_max;
                Box::pin(open_session(channel, frames, metadata, max).await?)
            }
        };
        let assembler = ReplyAssembler::new(limits);
        Ok(Self {
            limits,
            requests,
            replies,
            assembler,
            last_id: 0,
        })
    }

    /// Sends a request; returns its id.
    pub(super) async fn send(&mut self, request: &Request) -> anyhow::Result<u64> {
        self.last_id += 1;
        let envelope = RequestEnvelope {
            request_id: self.last_id,
            deadline: None,
        };
        let frames = request_frames(envelope, request, &self.limits)?;
        self.requests
            .send(frames)
            .await
            .ok()
            .context("the session stream has ended")?;
        Ok(self.last_id)
    }

    /// The next whole answer, whichever request it belongs to.
    pub(super) async fn receive(&mut self) -> anyhow::Result<(u64, Reply)> {
        while let Some(frame) = self.replies.try_next().await? {
            match self.assembler.accept(frame)? {
                Assembled::Pending => {}
                Assembled::Whole(_, Reply::Refused(refusal)) | Assembled::Refused(_, refusal) => {
                    bail!("refused: {refusal}")
                }
                Assembled::Whole(envelope, reply) => return Ok((envelope.request_id, reply)),
            }
        }
        bail!("the server closed the session stream")
    }

    /// The median time of a request with `outstanding` of them under way, µs.
    pub(super) async fn ping(
        &mut self,
        request: &Request,
        outstanding: usize,
        requests: usize,
    ) -> anyhow::Result<f64> {
        let mut started: BTreeMap<u64, Instant> = BTreeMap::new();
        let mut latencies = Latencies::default();
        for _ in 0..outstanding {
            let start = now();
            started.insert(self.send(request).await?, start);
        }
        while !started.is_empty() {
            let (request_id, _) = self.receive().await?;
            latencies.record(
                started
                    .remove(&request_id)
                    .context("an answer to nothing")?,
            );
            if latencies.len() + started.len() < requests {
                let start = now();
                started.insert(self.send(request).await?, start);
            }
        }
        Ok(latencies.p50())
    }

    /// The time of all requests, sent at once, ms.
    pub(super) async fn transfer(&mut self, requests: &[Request]) -> anyhow::Result<f64> {
        let start = now();
        for request in requests {
            self.send(request).await?;
        }
        for _ in requests {
            self.receive().await?;
        }
        Ok(millis_since(start))
    }

    /// The median time of `small` while four of `large` are under way one after the other, µs.
    pub(super) async fn ping_beside(
        &mut self,
        small: &Request,
        large: &Request,
    ) -> anyhow::Result<f64> {
        let mut latencies = Latencies::default();
        let mut large_id = self.send(large).await?;
        let mut start = now();
        let mut small_id = self.send(small).await?;
        let mut left = 4;
        loop {
            let (request_id, _) = self.receive().await?;
            if request_id == small_id {
                latencies.record(start);
                start = now();
                small_id = self.send(small).await?;
            } else if request_id == large_id {
                left -= 1;
                if left == 0 {
                    break;
                }
                large_id = self.send(large).await?;
            }
        }
        self.receive().await?;
        Ok(latencies.p50())
    }
}
