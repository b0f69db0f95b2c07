//! Acknowledgements: what became of each part of a push.

use thalweg_common::error::Refusal;
use thalweg_common::ids::{Sequence, ShardId, Version};
use thalweg_common::message::{Outcome, PartAck};

use super::{ConvertError, field};
use crate::v1;
use crate::v1::part_ack::Outcome as WireOutcome;

impl From<&PartAck> for v1::PartAck {
    fn from(ack: &PartAck) -> Self {
        let outcome = match &ack.outcome {
            Outcome::Applied { version, staleness } => WireOutcome::Applied(v1::Applied {
                version: version.0,
                staleness: *staleness,
            }),
            Outcome::Accepted { version, staleness } => WireOutcome::Accepted(v1::Accepted {
                version: version.0,
                staleness: *staleness,
            }),
            Outcome::Dropped { version, staleness } => WireOutcome::Dropped(v1::Dropped {
                version: version.0,
                staleness: *staleness,
            }),
            Outcome::Duplicate { version } => {
                WireOutcome::Duplicate(v1::Duplicate { version: version.0 })
            }
            Outcome::Refused(refusal) => WireOutcome::Refused(refusal.into()),
        };
        Self {
            shard: ack.shard.0,
            sequence: ack.sequence.0,
            outcome: Some(outcome),
        }
    }
}

impl TryFrom<v1::PartAck> for PartAck {
    type Error = ConvertError;

    fn try_from(ack: v1::PartAck) -> Result<Self, ConvertError> {
        let names = "applied, accepted, dropped, duplicate or refused";
        let outcome = match field::required("outcome", ack.outcome, names)? {
            WireOutcome::Applied(applied) => Outcome::Applied {
                version: Version(applied.version),
                staleness: applied.staleness,
            },
            WireOutcome::Accepted(accepted) => Outcome::Accepted {
                version: Version(accepted.version),
                staleness: accepted.staleness,
            },
            WireOutcome::Dropped(dropped) => Outcome::Dropped {
                version: Version(dropped.version),
                staleness: dropped.staleness,
            },
            WireOutcome::Duplicate(duplicate) => Outcome::Duplicate {
                version: Version(duplicate.version),
            },
            WireOutcome::Refused(refusal) => Outcome::Refused(
                Refusal::try_from(refusal).map_err(|error| error.within("refused"))?,
            ),
        };
        Ok(Self {
            shard: ShardId(ack.shard),
            sequence: Sequence(ack.sequence),
            outcome,
        })
    }
}

impl From<&[PartAck]> for v1::PushReply {
    fn from(acks: &[PartAck]) -> Self {
        Self {
            acks: acks.iter().map(v1::PartAck::from).collect(),
        }
    }
}

impl TryFrom<v1::PushReply> for Vec<PartAck> {
    type Error = ConvertError;

    fn try_from(reply: v1::PushReply) -> Result<Self, ConvertError> {
        let acks = reply.acks.into_iter().enumerate();
        acks.map(|(index, ack)| PartAck::try_from(ack).map_err(|error| error.at("acks", index)))
            .collect()
    }
}
