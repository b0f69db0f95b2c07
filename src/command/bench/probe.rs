//! What is sent: a push of 4 KB, a push and a pull of 64 MB.

use std::time::Duration;

use bytes::Bytes;
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, DataRange, Dtype, Kind, Part, Payload, Pull, PullPart, Push, PushHeader,
};

/// The values of a small push.
pub(super) const SMALL_BYTES: usize = 4 << 10;
/// The values of a large push and a large pull.
pub(super) const LARGE_BYTES: usize = 64 << 20;
/// The values of one shard of the large ones: shards are cut at 1 Mi elements.
pub(super) const SHARD_BYTES: usize = 4 << 20;

/// A push of `bytes` of values in shards of at most [`SHARD_BYTES`].
pub(super) fn push(bytes: usize) -> Push {
    let values = Bytes::from(vec![0; bytes.min(SHARD_BYTES)]);
    let header = PushHeader {
        fingerprint: Fingerprint(7),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        weight: 32,
        loss_sum: 16.0,
        rate_factor: 1.0,
        ranges: vec![DataRange {
            epoch: 0,
            start: 0,
            end: 32,
            checksum: 7,
        }],
    };
    let parts = shards(bytes).map(|(shard, elements)| Part {
        shard,
        sequence: Sequence::FIRST,
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address: Address::Range(0..elements),
        payload: Payload::from_bytes(values.slice(..elements as usize * Payload::VALUE_BYTES)),
        at_read: Payload::default(),
    });
    Push {
        header,
        parts: parts.collect(),
    }
}

/// A pull of `bytes` of values in shards of at most [`SHARD_BYTES`].
pub(super) fn pull(bytes: usize) -> Pull {
    let parts = shards(bytes).map(|(shard, elements)| PullPart {
        shard,
        address: Address::Range(0..elements),
    });
    Pull {
        fingerprint: Fingerprint(7),
        generation: Generation(1),
        session: SessionId(1),
        worker: WorkerId(0),
        clock: Clock(1),
        patience: Duration::ZERO,
        parts: parts.collect(),
    }
}

fn shards(bytes: usize) -> impl Iterator<Item = (ShardId, u32)> {
    let starts = (0..bytes).step_by(SHARD_BYTES);
    (0..).map(ShardId).zip(starts.map(move |start| {
        let elements = (bytes - start).min(SHARD_BYTES) / Payload::VALUE_BYTES;
        u32::try_from(elements).expect("a shard has at most 2^20 elements")
    }))
}
