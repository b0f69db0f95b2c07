//! The session stream over loopback: our body writer and reader, against each other and against
//! tonic's codec, which is any other gRPC implementation's.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, Dtype, Kind, Part, Payload, Pull, PullPart, PullReply, Push, PushHeader, Reply,
    Request,
};
use thalweg_proto::codec::{
    Assembled, FrameLimits, Interleave, ReplyAssembler, RequestEnvelope, request_frames,
};
use thalweg_proto::status::{Failure, from_status};
use thalweg_proto::transport::{open_session, tune_client};
use thalweg_proto::{ParameterServerClient, v1};
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::service::{REFUSE_ME, start, summary};

type Replies = Pin<Box<dyn Stream<Item = Result<v1::ServerFrame, Status>> + Send>>;

async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    tune_client(endpoint)
        .connect()
        .await
        .expect("the server listens")
}

fn pull(shards: u32) -> Pull {
    let part = |shard| PullPart {
        shard: ShardId(shard),
        address: Address::Range(0..700_001),
    };
    Pull {
        fingerprint: Fingerprint(7),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        patience: Duration::ZERO,
        parts: (0..shards).map(part).collect(),
    }
}

fn push() -> Push {
    let part = |shard: u32, count: u32| Part {
        shard: ShardId(shard),
        sequence: Sequence::FIRST,
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address: Address::Range(0..count),
        payload: (0..count).fold(Payload::default(), |mut payload, i| {
            // Segments of every length, so that some chunks are slices and some are joined.
            if i.is_multiple_of(50_021) {
                let rest = (count - i).min(50_021) as usize;
                Payload::from_values(&vec![0.5; rest])
                    .segments()
                    .iter()
                    .for_each(|segment| {
                        payload.push(segment.clone());
                    });
            }
            payload
        }),
        at_read: Payload::default(),
    };
    let header = PushHeader {
        fingerprint: Fingerprint(7),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        weight: 1,
        loss_sum: 1.0,
        rate_factor: 1.0,
        ranges: Vec::new(),
    };
    Push {
        header,
        parts: vec![part(0, 700_001), part(1, 3), part(2, 0), part(3, 300_000)],
    }
}

/// Sends the requests at once; the replies by request id.
async fn exchange(requests: &[Request], address: SocketAddr, ours: bool) -> Vec<(u64, Reply)> {
    let limits = FrameLimits::default();
    let frames: Vec<_> = (1..)
        .zip(requests)
        .map(|(request_id, request)| {
            let envelope = RequestEnvelope {
                request_id,
                deadline: None,
            };
            request_frames(envelope, request, &limits).expect("a small head")
        })
        .collect();
    let frames = Interleave::new(tokio_stream::iter(frames), limits.open_messages_max);
    let channel = channel(address).await;
    let mut replies: Replies = if ours {
        let max = limits.message_bytes_max;
        Box::pin(
            open_session(channel, frames, MetadataMap::new(), max)
                .await
                .expect("a session"),
        )
    } else {
        let mut client = ParameterServerClient::new(channel);
        Box::pin(
            client
                .session(frames)
                .await
                .expect("a session")
                .into_inner(),
        )
    };
    let mut assembler = ReplyAssembler::new(limits);
    let mut whole = Vec::new();
    while let Some(frame) = replies.next().await {
        match assembler
            .accept(frame.expect("the server sends frames"))
            .expect("in order")
        {
            Assembled::Pending => {}
            Assembled::Whole(envelope, reply) => whole.push((envelope.request_id, reply)),
            Assembled::Refused(_, refusal) => panic!("{refusal}"),
        }
    }
    whole.sort_by_key(|(request_id, _)| *request_id);
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_arrive_whole_whichever_codec_is_at_either_end() {
    for server_is_ours in [true, false] {
        let address = start(server_is_ours).await;
        for client_is_ours in [true, false] {
            let requests = [
                Request::Push(push()),
                Request::Pull(pull(3)),
                Request::Push(push()),
            ];
            let replies = exchange(&requests, address, client_is_ours).await;
            assert_eq!(
                replies.len(),
                3,
                "server ours {server_is_ours}, client {client_is_ours}"
            );
            for (request_id, reply) in replies {
                match reply {
                    Reply::Refused(refusal) => assert_eq!(refusal.message, summary(&push())),
                    Reply::Pulled(PullReply::Ready(reads)) => {
                        assert_eq!(request_id, 2);
                        assert_eq!(reads.len(), 3);
                        for read in reads {
                            assert_eq!(read.payload, Payload::from_values(&vec![0.25; 700_001]));
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refused_session_says_why() {
    for ours in [true, false] {
        let mut metadata = MetadataMap::new();
        metadata.insert(REFUSE_ME, "1".parse().unwrap());
        let frames = tokio_stream::pending();
        let channel = channel(start(ours).await).await;
        let status = open_session(channel, frames, metadata, 1 << 20)
            .await
            .unwrap_err();
        let refusal = Refusal::new(RefusalKind::Stopping, "the server is ending");
        assert_eq!(from_status(&status), Failure::Refused(refusal));
    }
}

#[tokio::test]
async fn a_frame_past_the_bound_ends_the_stream_with_its_length() {
    let place = "x".repeat(3 << 20);
    let register = v1::Register {
        place,
        ..v1::Register::default()
    };
    let body = Some(v1::client_frame::Body::Register(register));
    let frame = v1::ClientFrame {
        request_id: 1,
        body,
        ..v1::ClientFrame::default()
    };
    let frames = tokio_stream::iter([frame]).chain(tokio_stream::pending());
    let channel = channel(start(true).await).await;
    let mut replies = open_session(channel, frames, MetadataMap::new(), 1 << 20)
        .await
        .unwrap();
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(
        status.message().contains("at most 2097152 bytes"),
        "{status}"
    );
    assert!(
        replies.message().await.unwrap().is_none(),
        "after an error the stream is at its end"
    );
}

#[tokio::test]
async fn unary_calls_go_through_the_same_service() {
    let mut client = ParameterServerClient::new(channel(start(true).await).await);
    let small = Pull {
        parts: Vec::new(),
        ..pull(0)
    };
    let reply = client
        .pull(v1::Pull::from(&small))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(PullReply::try_from(reply), Ok(PullReply::Ready(Vec::new())));
}
