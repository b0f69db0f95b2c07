//! The other end: a raw TCP echo and a parameter server that keeps nothing.
//!
//! It acknowledges pushes without applying them and answers pulls from one block of memory, so that
//! what is measured is the wire: protobuf, conversion, frames, HTTP/2, TCP.

use std::io::{self, Read, Write};
use std::net::TcpListener;

use anyhow::Context;
use bytes::Bytes;
use thalweg_common::ids::{Sequence, Version};
use thalweg_common::message::{
    Outcome, PartAck, Payload, Pull, PullReply, Push, Read as ShardRead, Reply, Request,
};
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::transport::WireServer;
use thalweg_proto::{ParameterServerServer, transport};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::grpc::Sink;
use super::raw;
use super::real::serve_real;

/// The greatest message of a unary call, for the comparison only.
pub(super) const UNARY_BYTES_MAX: usize = 80 << 20;

/// Runs until standard input is closed. The first line of standard output has the addresses: raw,
/// the service with tonic's codec, the service with ours, the real server.
pub(super) fn run() -> anyhow::Result<()> {
    let raw_listener = TcpListener::bind("127.0.0.1:0").context("binding the raw echo")?;
    let tonic_listener = TcpListener::bind("127.0.0.1:0").context("binding the tonic sink")?;
    let ours_listener = TcpListener::bind("127.0.0.1:0").context("binding the sink")?;
    let mut out = io::stdout();
    let real_listener = TcpListener::bind("127.0.0.1:0").context("binding the real server")?;
    writeln!(
        out,
        "{} {} {} {}",
        raw_listener.local_addr()?,
        tonic_listener.local_addr()?,
        ours_listener.local_addr()?,
        real_listener.local_addr()?
    )?;
    out.flush()?;
    raw::serve(raw_listener);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.spawn(serve_by_tonic(tonic_listener));
    runtime.spawn(serve(ours_listener));
    runtime.spawn(serve_real(real_listener, None));
    io::stdin().read_to_end(&mut Vec::new())?;
    runtime.shutdown_background();
    Ok(())
}

async fn serve_by_tonic(listener: TcpListener) -> anyhow::Result<()> {
    let service = ParameterServerServer::new(Sink::new())
        .max_decoding_message_size(UNARY_BYTES_MAX)
        .max_encoding_message_size(UNARY_BYTES_MAX);
    server()
        .add_service(service)
        .serve_with_incoming(incoming(listener)?)
        .await?;
    Ok(())
}

async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let service = WireServer::new(Sink::new(), FrameLimits::default().message_bytes_max);
    server()
        .add_service(service)
        .serve_with_incoming(incoming(listener)?)
        .await?;
    Ok(())
}

fn server() -> Server {
    transport::tune_server(Server::builder()).max_concurrent_streams(16)
}

fn incoming(listener: TcpListener) -> anyhow::Result<TcpIncoming> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(TcpIncoming::from(listener).with_nodelay(Some(true)))
}

/// What a server that keeps nothing answers.
#[derive(Clone, Debug)]
pub(super) struct Store {
    values: Bytes,
}

impl Store {
    /// A store of `bytes` of values for every shard alike.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            values: vec![0; bytes].into(),
        }
    }

    pub(super) fn push(push: &Push) -> Vec<PartAck> {
        let version = Version(push.header.clock.0);
        push.parts
            .iter()
            .map(|part| PartAck {
                shard: part.shard,
                sequence: part.sequence,
                outcome: Outcome::Applied {
                    version,
                    staleness: 0,
                },
            })
            .collect()
    }

    pub(super) fn pull(&self, pull: &Pull) -> PullReply {
        let reads = pull.parts.iter().map(|part| {
            let bytes = (part.address.len() * Payload::VALUE_BYTES).min(self.values.len());
            ShardRead {
                shard: part.shard,
                version: Version(1),
                applied: Sequence(0),
                payload: Payload::from_bytes(self.values.slice(..bytes)),
                at_read: Payload::default(),
            }
        });
        PullReply::Ready(reads.collect())
    }

    pub(super) fn answer(&self, request: &Request) -> Reply {
        match request {
            Request::Push(push) => Reply::Pushed(Self::push(push)),
            Request::Pull(pull) => Reply::Pulled(self.pull(pull)),
            _ => Reply::Left,
        }
    }
}
