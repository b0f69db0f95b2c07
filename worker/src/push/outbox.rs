//! Pushes that wait for their acknowledgement, and own pushes that reads may still lack.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thalweg_common::error::{Next, Refusal};
use thalweg_common::ids::{Sequence, ServerId, ShardId, Version};
use thalweg_common::message::{Outcome, Part, PartAck, Push, PushHeader};

use crate::replica::Vector;

/// Own pushes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pushes: VecDeque<Sent>,
    /// The number of the last push.
    last: Sequence,
}

#[derive(Debug)]
struct Sent {
    sequence: Sequence,
    header: PushHeader,
    /// Parts that are not acknowledged, by server; a server without any is absent.
    pending: BTreeMap<ServerId, Vec<Part>>,
    /// What was pushed, if it may have to be taken again.
    vector: Option<Arc<Vector>>,
}

/// What an acknowledgement says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Acknowledged {
    /// Versions of shards, newer than what was known before.
    pub(crate) versions: Vec<(ShardId, Version)>,
    /// Some part is to be sent again, and why: of several refusals the one that asks for the longest wait.
    pub(crate) again: Option<Refusal>,
    /// Some part was refused for good.
    pub(crate) refused: Option<Refusal>,
}

impl Outbox {
    /// The number that the next push will carry.
    pub(crate) fn next_sequence(&self) -> Sequence {
        self.last.next()
    }

    /// Takes on a push, numbered [`Self::next_sequence`]; `vector` is kept if it may have to be
    /// taken again.
    pub(crate) fn add(
        &mut self,
        header: PushHeader,
        pending: BTreeMap<ServerId, Vec<Part>>,
        vector: Option<Arc<Vector>>,
    ) {
        self.last = self.last.next();
        self.pushes.push_back(Sent {
            sequence: self.last,
            header,
            pending,
            vector,
        });
    }

    /// The request that carries what a server has not acknowledged of a push. Its parts share their
    /// values with the push.
    pub(crate) fn request(&self, sequence: Sequence, server: ServerId) -> Option<Push> {
        let sent = self.pushes.iter().find(|sent| sent.sequence == sequence)?;
        let parts = sent.pending.get(&server)?.clone();
        Some(Push {
            header: sent.header.clone(),
            parts,
        })
    }

    /// Notes what became of the parts of one request.
    ///
    /// # Errors
    /// What was expected and what was found, if the answer does not fit the question.
    pub(crate) fn acknowledge(
        &mut self,
        sequence: Sequence,
        server: ServerId,
        acks: &[PartAck],
    ) -> Result<Acknowledged, String> {
        let sent = self
            .pushes
            .iter_mut()
            .find(|sent| sent.sequence == sequence);
        let Some(sent) = sent else {
            return Ok(Acknowledged::default());
        };
        let Some(parts) = sent.pending.remove(&server) else {
            return Ok(Acknowledged::default());
        };
        if acks.len() != parts.len() {
            return Err(format!(
                "{} acknowledgements of {} parts",
                acks.len(),
                parts.len()
            ));
        }
        let mut result = Acknowledged::default();
        let mut left = Vec::new();
        for (part, ack) in parts.into_iter().zip(acks) {
            if (ack.shard, ack.sequence) != (part.shard, sequence) {
                return Err(format!(
                    "an acknowledgement of push {} to shard {}; sent push {sequence} to shard {}",
                    ack.sequence, ack.shard, part.shard
                ));
            }
            match &ack.outcome {
                Outcome::Applied { version, .. }
                | Outcome::Accepted { version, .. }
                | Outcome::Dropped { version, .. }
                | Outcome::Duplicate { version } => result.versions.push((ack.shard, *version)),
                Outcome::Refused(refusal) if refusal.kind.next() == Next::RetryLater => {
                    let waits = |refusal: &Refusal| refusal.retry_after;
                    if result
                        .again
                        .as_ref()
                        .is_none_or(|other| waits(other) <= waits(refusal))
                    {
                        result.again = Some(refusal.clone());
                    }
                    left.push(part);
                }
                Outcome::Refused(refusal) => result.refused = Some(refusal.clone()),
            }
        }
        if !left.is_empty() {
            sent.pending.insert(server, left);
        }
        Ok(result)
    }

    /// Pushes from the first that is not wholly acknowledged on: what bounds memory here and the
    /// window of sequences at the servers.
    pub(crate) fn in_flight(&self) -> u64 {
        self.last.0 - self.settled().0
    }

    /// Servers that have not acknowledged some push: of the oldest push first, once per push.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = ServerId> {
        self.pushes
            .iter()
            .flat_map(|sent| sent.pending.keys().copied())
    }

    /// Pushes that some server has not acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let pending = self.pushes.iter().filter(|sent| !sent.pending.is_empty());
        pending.count() as u64
    }

    /// The last push up to which all are wholly acknowledged: a read that is asked for from here on
    /// has them.
    pub(crate) fn settled(&self) -> Sequence {
        let unsettled = self.pushes.iter().find(|sent| !sent.pending.is_empty());
        unsettled.map_or(self.last, |sent| Sequence(sent.sequence.0 - 1))
    }

    /// Forgets the pushes up to `sequence`, which are wholly acknowledged and in every read that is
    /// still to come.
    pub(crate) fn forget(&mut self, sequence: Sequence) {
        let kept = |sent: &Sent| sequence < sent.sequence || !sent.pending.is_empty();
        while self.pushes.front().is_some_and(|sent| !kept(sent)) {
            self.pushes.pop_front();
        }
    }

    /// Gives up what a server has not acknowledged.
    pub(crate) fn abandon(&mut self, server: ServerId) {
        for sent in &mut self.pushes {
            sent.pending.remove(&server);
        }
    }

    /// What was pushed after `applied`, in order.
    pub(crate) fn after(&self, applied: Sequence) -> impl Iterator<Item = &Vector> {
        self.pushes
            .iter()
            .filter(move |sent| applied < sent.sequence)
            .filter_map(|sent| sent.vector.as_deref())
    }
}

#[cfg(test)]
mod tests;
