//! Answers to pulls: the values, or who holds the gate.

use std::time::Duration;

use bytes::Bytes;
use thalweg_common::ids::{Clock, Sequence, ShardId, Version, WorkerId};
use thalweg_common::message::{Holder, PullReply, Read};

use super::section::{self, Opened, Section, SectionKind};
use super::{ConvertError, field};
use crate::v1;
use crate::v1::pull_reply::Outcome;

/// Writes an answer without values, and lists them.
pub(crate) fn split(reply: &PullReply) -> (v1::PullReply, Vec<Section>) {
    let mut sections = Vec::new();
    let outcome = match reply {
        PullReply::Ready(reads) => {
            let reads = reads.iter().enumerate();
            let reads = reads
                .map(|(index, read)| {
                    sections.extend(Section::values(index, &read.payload));
                    sections.extend(Section::at_read(index, &read.at_read));
                    write_read(read)
                })
                .collect();
            Outcome::Ready(v1::Reads { reads })
        }
        PullReply::NotYet { floor, holders } => Outcome::NotYet(v1::NotYet {
            floor: floor.0,
            holders: holders.iter().map(v1::Holder::from).collect(),
        }),
    };
    (
        v1::PullReply {
            outcome: Some(outcome),
        },
        sections,
    )
}

fn write_read(read: &Read) -> v1::Read {
    v1::Read {
        shard: read.shard.0,
        version: read.version.0,
        applied: read.applied.0,
        payload_bytes: read.payload.bytes() as u64,
        payload: Bytes::new(),
        value_at_read_bytes: read.at_read.bytes() as u64,
        value_at_read: Bytes::new(),
    }
}

/// Puts a section back into the answer that it was split from.
pub(crate) fn inline(head: &mut v1::PullReply, section: Section) {
    match &mut head.outcome {
        Some(Outcome::Ready(v1::Reads { reads })) => {
            let read = &mut reads[section.part];
            match section.kind {
                SectionKind::AtRead => read.value_at_read = section.joined(),
                _ => read.payload = section.joined(),
            }
        }
        Some(Outcome::NotYet(_)) | None => unreachable!("only reads are split into values"),
    }
}

/// Reads an answer whose values may be missing.
pub(crate) fn open(reply: v1::PullReply) -> Result<Opened<PullReply>, ConvertError> {
    let mut missing = Vec::new();
    let message = match field::required("outcome", reply.outcome, "ready or not_yet")? {
        Outcome::Ready(list) => {
            let mut reads = Vec::with_capacity(list.reads.len());
            for (index, read) in list.reads.into_iter().enumerate() {
                let (payload, rest) =
                    section::open_values(index, read.payload_bytes, read.payload, None)
                        .map_err(|error| error.at("reads", index))?;
                missing.extend(rest);
                let (at_read, rest) =
                    section::open_at_read(index, read.value_at_read_bytes, read.value_at_read)
                        .map_err(|error| error.at("reads", index))?;
                missing.extend(rest);
                reads.push(Read {
                    shard: ShardId(read.shard),
                    version: Version(read.version),
                    applied: Sequence(read.applied),
                    payload,
                    at_read,
                });
            }
            field::distinct_shards(reads.iter().map(|read| read.shard), "reads")?;
            PullReply::Ready(reads)
        }
        Outcome::NotYet(not_yet) => PullReply::NotYet {
            floor: Clock(not_yet.floor),
            holders: not_yet.holders.into_iter().map(Holder::from).collect(),
        },
    };
    Ok(Opened { message, missing })
}

impl From<&PullReply> for v1::PullReply {
    /// With everything inline.
    fn from(reply: &PullReply) -> Self {
        let (mut head, sections) = split(reply);
        for section in sections {
            inline(&mut head, section);
        }
        head
    }
}

impl TryFrom<v1::PullReply> for PullReply {
    type Error = ConvertError;

    /// Everything must be inline.
    fn try_from(reply: v1::PullReply) -> Result<Self, ConvertError> {
        open(reply)?.whole()
    }
}

impl From<&Holder> for v1::Holder {
    fn from(holder: &Holder) -> Self {
        Self {
            worker: holder.worker.0,
            clock: holder.clock.0,
            since_us: field::micros(holder.since),
            why: holder.why.clone(),
        }
    }
}

impl From<v1::Holder> for Holder {
    fn from(holder: v1::Holder) -> Self {
        Self {
            worker: WorkerId(holder.worker),
            clock: Clock(holder.clock),
            since: Duration::from_micros(holder.since_us),
            why: holder.why,
        }
    }
}
