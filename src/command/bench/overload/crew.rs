//! Sessions that push as fast as their windows allow: the load, and the good clients beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use parking_lot::Mutex;
use thalweg_common::error::{Next, Refusal};
use thalweg_common::ids::{Clock, Sequence, ShardId, Version};
use thalweg_common::message::{
    Address, Codec, Dtype, Kind, Outcome, Part, PartAck, Payload, Push, PushHeader, Registered,
    Reply, Request,
};
use thalweg_worker::transport::client::Client;
use tokio::task::JoinSet;

use super::ground::{Ground, PATIENCE, leave, pause};
use crate::command::bench::sample::{millis_since, now};

/// What a session does when it is refused for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It waits as long as the server asks.
    Polite,
    /// It sends the same again at once.
    Rude,
}

/// What all sessions of a crew have seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Pushes acknowledged as applied.
    pub(super) acknowledged: AtomicU64,
    /// Refusals with a time after which to come again.
    pub(super) hinted: AtomicU64,
    /// Refusals without.
    pub(super) bare: AtomicU64,
    /// From a push's first try to its acknowledgement, ms; kept for small crews only.
    latencies: Mutex<Vec<f64>>,
}

impl Tally {
    /// A quantile of the latencies, ms; `None` if there are none.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let mut sorted = self.latencies.lock().clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within a count"
        )]
        let rank = (sorted.len().saturating_sub(1) as f64 * q).round() as usize;
        sorted.get(rank).copied()
    }
}

/// Sessions at work.
#[derive(Debug)]
pub(super) struct Crew {
    stop: Arc<AtomicBool>,
    pub(super) tally: Arc<Tally>,
    sessions: JoinSet<anyhow::Result<u64>>,
    acknowledged: Arc<AtomicU64>,
}

/// How a crew works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) sessions: usize,
    /// Pushes in flight of each.
    pub(super) window: u64,
    pub(super) manner: Manner,
}

/// Latencies that are kept.
const LATENCIES_MAX: usize = 1 << 20;

/// One session.
struct Session {
    client: Client,
    registered: Registered,
    shards: Arc<[(ShardId, u32)]>,
    values: Bytes,
    manner: Manner,
    tally: Arc<Tally>,
}

impl Crew {
    /// Opens the sessions, then lets all of them push.
    pub(super) async fn start(ground: &Ground, way: Way) -> anyhow::Result<Self> {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let values = Bytes::from(vec![0; ground.job.push_bytes()]);
        let mut opened = Vec::new();
        for _ in 0..way.sessions {
            let place = (ground.server.address, &ground.shown);
            let data = Some(ground.job.data);
            let (client, registered) = ground.job.register(place, data).await?;
            opened.push(Session {
                client,
                registered,
                shards: ground.job.shards.clone(),
                values: values.clone(),
                manner: way.manner,
                tally: tally.clone(),
            });
        }
        let mut sessions = JoinSet::new();
        for session in opened {
            sessions.spawn(Arc::new(session).run(way.window, stop.clone()));
        }
        Ok(Self {
            stop,
            tally,
            sessions,
            acknowledged: ground.acknowledged.clone(),
        })
    }

    /// Begins no push any more.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until everything is acknowledged and every session has left.
    pub(super) async fn finish(mut self) -> anyhow::Result<Arc<Tally>> {
        self.stop();
        while let Some(session) = self.sessions.join_next().await {
            let acknowledged = session.context("a session broke off")??;
            self.acknowledged.fetch_add(acknowledged, Ordering::Relaxed);
        }
        Ok(self.tally)
    }
}

impl Session {
    /// Pushes until it is told to stop; answers how many pushes were acknowledged. The window is a worker's: it
    /// goes from the oldest push that is not acknowledged.
    async fn run(self: Arc<Self>, window: u64, stop: Arc<AtomicBool>) -> anyhow::Result<u64> {
        let mut pushes = JoinSet::new();
        let mut open = BTreeSet::new();
        let mut next = 1;
        loop {
            while !stop.load(Ordering::Relaxed)
                && next < open.first().copied().unwrap_or(next) + window
            {
                open.insert(next);
                pushes.spawn(self.clone().push(next));
                next += 1;
            }
            let Some(done) = pushes.join_next().await else {
                break;
            };
            open.remove(&done.context("a push broke off")??);
        }
        leave(&self.client, &self.registered).await?;
        Ok(next - 1)
    }

    /// Pushes until every part is applied, always under the same sequence; answers with that.
    async fn push(self: Arc<Self>, sequence: u64) -> anyhow::Result<u64> {
        let begun = now();
        let mut pending = self.shards.to_vec();
        while !pending.is_empty() {
            let request = Request::Push(self.words(sequence, &pending));
            let refusals = match self.client.call(request, PATIENCE).await? {
                Reply::Pushed(acks) => refused(&mut pending, &acks)?,
                Reply::Refused(refusal) => vec![refusal],
                other => bail!("expected an acknowledgement, found {other:?}"),
            };
            let mut wait = Duration::ZERO;
            for refusal in &refusals {
                if refusal.kind.next() != Next::RetryLater {
                    bail!("a push was refused for good: {refusal}");
                }
                let (hinted, bare) = (&self.tally.hinted, &self.tally.bare);
                let hint = refusal.retry_after;
                let count = if hint.is_some() { hinted } else { bare };
                count.fetch_add(1, Ordering::Relaxed);
                wait = wait.max(hint.unwrap_or(SHY));
            }
            match self.manner {
                _ if refusals.is_empty() => {}
                Manner::Polite => pause(wait).await,
                Manner::Rude => tokio::task::yield_now().await,
            }
        }
        self.tally.acknowledged.fetch_add(1, Ordering::Relaxed);
        let mut latencies = self.tally.latencies.lock();
        if latencies.len() < LATENCIES_MAX {
            latencies.push(millis_since(begun));
        }
        Ok(sequence)
    }

    fn words(&self, sequence: u64, pending: &[(ShardId, u32)]) -> Push {
        let part = |&(shard, elements): &(ShardId, u32)| Part {
            shard,
            sequence: Sequence(sequence),
            version_read: Version(0),
            kind: Kind::Gradient,
            dtype: Dtype::F32,
            codec: Codec::Raw,
            address: Address::Range(0..elements),
            payload: Payload::from_bytes(
                self.values
                    .slice(..elements as usize * Payload::VALUE_BYTES),
            ),
            at_read: Payload::default(),
        };
        Push {
            header: PushHeader {
                fingerprint: self.registered.fingerprint,
                generation: self.registered.generation,
                session: self.registered.session,
                worker: self.registered.worker,
                clock: Clock(sequence),
                weight: 32,
                loss_sum: 16.0,
                rate_factor: 1.0,
                ranges: vec![],
            },
            parts: pending.iter().map(part).collect(),
        }
    }
}

/// Leaves in `pending` what is to be sent again; answers why.
fn refused(pending: &mut Vec<(ShardId, u32)>, acks: &[PartAck]) -> anyhow::Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for ack in acks {
        match &ack.outcome {
            Outcome::Applied { .. } | Outcome::Duplicate { .. } => {
                pending.retain(|(shard, _)| *shard != ack.shard);
            }
            Outcome::Refused(refusal) => refusals.push(refusal.clone()),
            other @ (Outcome::Accepted { .. } | Outcome::Dropped { .. }) => {
                bail!("expected a part applied, found {other:?}")
            }
        }
    }
    if refusals.len() != pending.len() {
        bail!("{} parts without an acknowledgement", pending.len());
    }
    Ok(refusals)
}

/// How long a polite session waits that was told nothing.
const SHY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refused_parts_stay_pending_and_none_is_forgotten() {
        let ack = |shard, outcome| PartAck {
            shard: ShardId(shard),
            sequence: Sequence(1),
            outcome,
        };
        let (version, staleness) = (Version(1), 0);
        let applied = Outcome::Applied { version, staleness };
        let full = thalweg_common::error::RefusalKind::Overloaded;
        let full = Outcome::Refused(Refusal::new(full, "full"));
        let all = vec![(ShardId(0), 4), (ShardId(1), 4)];
        let mut pending = all.clone();
        let acks = [ack(0, applied.clone()), ack(1, full)];
        assert_eq!(refused(&mut pending, &acks).unwrap().len(), 1);
        assert_eq!(pending, [(ShardId(1), 4)]);
        let again = [ack(1, Outcome::Duplicate { version })];
        assert!(refused(&mut pending, &again).unwrap().is_empty());
        assert!(pending.is_empty());
        let mut pending = all;
        refused(&mut pending, &[ack(0, applied)]).unwrap_err();
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let tally = Tally::default();
        assert_eq!(tally.quantile(0.5), None);
        tally
            .latencies
            .lock()
            .extend((1..=100).rev().map(f64::from));
        assert_eq!(tally.quantile(0.0), Some(1.0));
        assert_eq!(tally.quantile(0.99), Some(99.0));
        assert_eq!(tally.quantile(1.0), Some(100.0));
    }
}
