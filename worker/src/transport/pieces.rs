//! Large requests in pieces: a push or pull of many megabytes goes as several requests, so that the
//! server applies and reads one shard while the next is on its way.
//!
//! Parts are judged, applied and acknowledged alone, so nothing is lost by sending them apart. Only
//! the last piece of a push says that the worker's clock has moved: a server finishes the pushes of a
//! session in the order of their arrival.

use thalweg_common::ids::Clock;
use thalweg_common::message::{Payload, Pull, PullReply, Push, PushHeader, Reply, Request};

/// Values beyond which a piece ends, bytes: a full shard.
const PIECE_BYTES: usize = 4 << 20;

/// Cuts a request into pieces, in order; most requests are one.
pub(super) fn cut(request: Request) -> Vec<Request> {
    match request {
        Request::Push(push) => cut_push(push),
        Request::Pull(pull) => cut_pull(pull),
        other => vec![other],
    }
}

fn cut_push(Push { header, parts }: Push) -> Vec<Request> {
    let mut pieces = groups(parts, |part| part.payload.bytes());
    let last = pieces.pop().unwrap_or_default();
    let before = Clock(header.clock.0.saturating_sub(1));
    let early = |parts| {
        let header = PushHeader {
            clock: before,
            ..header.clone()
        };
        Request::Push(Push { header, parts })
    };
    let mut requests: Vec<_> = pieces.into_iter().map(early).collect();
    requests.push(Request::Push(Push {
        header,
        parts: last,
    }));
    requests
}

fn cut_pull(pull: Pull) -> Vec<Request> {
    let Pull {
        fingerprint,
        generation,
        session,
        worker,
        clock,
        patience,
        parts,
    } = pull;
    let mut pieces = groups(parts, |part| part.address.len() * Payload::VALUE_BYTES);
    if pieces.is_empty() {
        pieces.push(Vec::new());
    }
    let piece = |parts| {
        let head = (fingerprint, generation, session);
        let (fingerprint, generation, session) = head;
        Request::Pull(Pull {
            fingerprint,
            generation,
            session,
            worker,
            clock,
            patience,
            parts,
        })
    };
    pieces.into_iter().map(piece).collect()
}

/// Neighbours put together until they weigh [`PIECE_BYTES`].
fn groups<T>(items: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut room = 0_usize;
    for item in items {
        let weight = bytes(&item);
        match groups.last_mut() {
            Some(group) if weight <= room => group.push(item),
            _ => {
                groups.push(vec![item]);
                room = PIECE_BYTES;
            }
        }
        room = room.saturating_sub(weight);
    }
    groups
}

/// The replies to the pieces of one request, as they come.
#[derive(Debug)]
pub(super) struct Gathering {
    replies: Vec<Option<Reply>>,
}

impl Gathering {
    /// Nothing of `pieces` replies has come.
    pub(super) fn of(pieces: usize) -> Self {
        Self {
            replies: (0..pieces).map(|_| None).collect(),
        }
    }

    /// Takes the reply to a piece; answers with the reply to the whole once all are there.
    pub(super) fn take(&mut self, piece: usize, reply: Reply) -> Option<Reply> {
        *self.replies.get_mut(piece)? = Some(reply);
        if self.replies.iter().any(Option::is_none) {
            return None;
        }
        std::mem::take(&mut self.replies)
            .into_iter()
            .flatten()
            .reduce(join)
    }
}

/// Two neighbouring replies as one. What is no success stands for both: the request is repeated as a
/// whole, and parts that were applied are known by their sequence.
fn join(first: Reply, second: Reply) -> Reply {
    match (first, second) {
        (Reply::Pushed(mut acks), Reply::Pushed(more)) => {
            acks.extend(more);
            Reply::Pushed(acks)
        }
        (Reply::Pulled(PullReply::Ready(mut reads)), Reply::Pulled(PullReply::Ready(more))) => {
            reads.extend(more);
            Reply::Pulled(PullReply::Ready(reads))
        }
        (Reply::Pushed(_) | Reply::Pulled(PullReply::Ready(_)), other) | (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thalweg_common::error::{Refusal, RefusalKind};
    use thalweg_common::ids::{
        Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
    };
    use thalweg_common::message::{Address, Codec, Dtype, Kind, Outcome, Part, PartAck, PullPart};

    use super::*;

    fn push(sizes: &[usize]) -> Request {
        let header = PushHeader {
            fingerprint: Fingerprint(1),
            generation: Generation(1),
            session: SessionId(1),
            worker: WorkerId(0),
            clock: Clock(9),
            weight: 4,
            loss_sum: 1.0,
            rate_factor: 1.0,
            ranges: vec![],
        };
        let part = |(shard, bytes): (u32, &usize)| Part {
            shard: ShardId(shard),
            sequence: Sequence(3),
            version_read: Version(0),
            kind: Kind::Gradient,
            dtype: Dtype::F32,
            codec: Codec::Raw,
            address: Address::Range(0..u32::try_from(bytes / 4).unwrap()),
            payload: Payload::from_bytes(vec![0; *bytes].into()),
            at_read: Payload::default(),
        };
        Request::Push(Push {
            header,
            parts: (0..).zip(sizes).map(part).collect(),
        })
    }

    fn cuts(request: Request) -> Vec<(u64, usize)> {
        let piece = |piece: &Request| match piece {
            Request::Push(push) => (push.header.clock.0, push.parts.len()),
            other => panic!("a push, not {other:?}"),
        };
        cut(request).iter().map(piece).collect()
    }

    #[test]
    fn only_the_last_piece_moves_the_clock() {
        let full = PIECE_BYTES;
        assert_eq!(cuts(push(&[4, 8, 0])), [(9, 3)]);
        assert_eq!(cuts(push(&[])), [(9, 0)]);
        assert_eq!(cuts(push(&[full, full, 4, 0])), [(8, 1), (8, 1), (9, 2)]);
        assert_eq!(cuts(push(&[4, full, full])), [(8, 1), (8, 1), (9, 1)]);
    }

    #[test]
    fn pulls_are_cut_by_what_they_ask_for() {
        let part = |shard| PullPart {
            shard: ShardId(shard),
            address: Address::Range(0..1 << 20),
        };
        let pull = |shards: u32| {
            Request::Pull(Pull {
                fingerprint: Fingerprint(1),
                generation: Generation(1),
                session: SessionId(1),
                worker: WorkerId(0),
                clock: Clock(9),
                patience: Duration::ZERO,
                parts: (0..shards).map(part).collect(),
            })
        };
        assert_eq!(cut(pull(3)).len(), 3);
        assert_eq!(cut(pull(0)).len(), 1);
    }

    #[test]
    fn replies_are_joined_in_the_order_of_the_pieces() {
        let ack = |shard| PartAck {
            shard: ShardId(shard),
            sequence: Sequence(3),
            outcome: Outcome::Duplicate {
                version: Version(1),
            },
        };
        let mut gathering = Gathering::of(3);
        assert!(gathering.take(2, Reply::Pushed(vec![ack(2)])).is_none());
        assert!(gathering.take(0, Reply::Pushed(vec![ack(0)])).is_none());
        let Some(Reply::Pushed(acks)) = gathering.take(1, Reply::Pushed(vec![ack(1)])) else {
            panic!("all pieces are there")
        };
        assert_eq!(acks, [ack(0), ack(1), ack(2)]);
    }

    #[test]
    fn one_refusal_is_the_answer_to_all() {
        for refused in 0..2 {
            let mut gathering = Gathering::of(2);
            let refusal = Refusal::new(RefusalKind::Overloaded, "full");
            assert!(gathering.take(refused, Reply::Refused(refusal)).is_none());
            let whole = gathering.take(1 - refused, Reply::Pushed(vec![]));
            assert!(matches!(whole, Some(Reply::Refused(_))), "{whole:?}");
        }
    }
}
