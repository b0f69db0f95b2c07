//! Small servers that step by plain gradient descent, for the loop's tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Clock, Sequence, ServerId, SessionId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    Address, Grant, Granted, Heartbeat, HeartbeatReply, Holder, Leave, NextRange, Outcome, Part,
    PartAck, Payload, Pull, PullReply, Push, PushHeader, Read, Reply, Request,
};
use thalweg_common::shard_map::ShardMap;

use super::BATCH_SIZE;

/// All servers of a job. Parameters that nobody has stepped are zero and cost no memory.
pub(crate) struct Cluster {
    pub(crate) map: ShardMap,
    pub(crate) lr: f32,
    pub(crate) x: BTreeMap<u64, f32>,
    versions: BTreeMap<ShardId, u64>,
    applied: BTreeMap<(SessionId, ShardId), BTreeSet<u64>>,
    /// What the coordinator will say, then done.
    pub(crate) grants: VecDeque<Grant>,
    /// Whether a range of which nothing was pushed is granted again.
    pub(crate) regrants: bool,
    granted: Option<Grant>,
    /// Pulls that are answered "not yet" before one is answered.
    pub(crate) gate: u32,
    pub(crate) stop: bool,
    /// For how many iterations data were asked for, each time.
    pub(crate) wanted: Vec<u64>,
    /// Headers of pushes that were new, as the server of shard 0 saw them.
    pub(crate) pushes: Vec<PushHeader>,
    /// The sequences of all parts that arrived at shard 0.
    pub(crate) sequences: Vec<u64>,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) leaves: Vec<Leave>,
    pub(crate) staleness_max: u64,
    pub(crate) pulled_values: usize,
}

impl Cluster {
    pub(crate) fn new(map: ShardMap, lr: f32, grants: impl IntoIterator<Item = Grant>) -> Self {
        Self {
            map,
            lr,
            x: BTreeMap::new(),
            versions: BTreeMap::new(),
            applied: BTreeMap::new(),
            grants: grants.into_iter().collect(),
            regrants: false,
            granted: None,
            gate: 0,
            stop: false,
            wanted: Vec::new(),
            pushes: Vec::new(),
            sequences: Vec::new(),
            pulls: Vec::new(),
            heartbeats: Vec::new(),
            leaves: Vec::new(),
            staleness_max: 0,
            pulled_values: 0,
        }
    }

    pub(crate) fn answer(&mut self, server: ServerId, request: Request) -> Reply {
        match request {
            Request::Push(push) => Reply::Pushed(self.push(server, &push)),
            Request::Pull(pull) => Reply::Pulled(self.pull(server, pull)),
            Request::NextRange(NextRange { wanted, .. }) => {
                assert_eq!(server, ServerId(0));
                self.wanted.push(wanted);
                Reply::Granted(Granted {
                    grants: self.grants_of(wanted),
                    rate_factor: 1.0,
                })
            }
            Request::Heartbeat(heartbeat) => {
                self.heartbeats.push(heartbeat);
                Reply::Heartbeat(HeartbeatReply {
                    progress: 0,
                    stop: self.stop,
                })
            }
            Request::Leave(leave) => {
                self.leaves.push(leave);
                Reply::Left
            }
            Request::Register(_)
            | Request::Status(_)
            | Request::Conclude(_)
            | Request::Offer(_) => Reply::Refused(Refusal::new(
                RefusalKind::Unsupported,
                "a worker's loop never asks this",
            )),
        }
    }

    /// Ranges until there are as many iterations as were wanted, or no more are to be had.
    fn grants_of(&mut self, wanted: u64) -> Vec<Grant> {
        let (mut grants, mut iterations) = (vec![self.grant()], 0);
        while let Some(last) = grants.last().filter(|last| last.is_iterations()) {
            iterations += last.iterations(BATCH_SIZE);
            if self.regrants || wanted <= iterations {
                break;
            }
            grants.push(self.grant());
        }
        grants
    }

    /// A worker without overlap asks for a range when the one before is all but pushed, so that a
    /// range of which nothing was pushed is one whose grant was lost.
    fn grant(&mut self) -> Grant {
        if let (true, Some(Grant::Range { epoch, start, end })) = (self.regrants, self.granted) {
            let mut ranges = self.pushes.iter().flat_map(|header| &header.ranges);
            if !ranges.any(|range| range.epoch == epoch && range.start == start) {
                return Grant::Range { epoch, start, end };
            }
        }
        let grant = self.grants.pop_front().unwrap_or(Grant::Done);
        self.granted = Some(grant);
        grant
    }

    fn push(&mut self, server: ServerId, push: &Push) -> Vec<PartAck> {
        let shards: Vec<_> = self.map.of_server(server).map(|(shard, _)| shard).collect();
        assert!(push.parts.iter().all(|part| shards.contains(&part.shard)));
        push.parts
            .iter()
            .map(|part| self.apply(&push.header, part))
            .collect()
    }

    fn apply(&mut self, header: &PushHeader, part: &Part) -> PartAck {
        let Part {
            shard, sequence, ..
        } = *part;
        if shard == ShardId(0) {
            self.sequences.push(sequence.0);
        }
        let start = self.map.shard(shard).unwrap().elements.start;
        let version = self.versions.entry(shard).or_default();
        if !self
            .applied
            .entry((header.session, shard))
            .or_default()
            .insert(sequence.0)
        {
            let outcome = Outcome::Duplicate {
                version: Version(*version),
            };
            return PartAck {
                shard,
                sequence,
                outcome,
            };
        }
        if shard == ShardId(0) {
            self.pushes.push(header.clone());
        }
        for (offset, g) in offsets(&part.address).into_iter().zip(part.payload.iter()) {
            *self.x.entry(start + u64::from(offset)).or_default() -= self.lr * g;
        }
        let staleness = *version - part.version_read.0;
        self.staleness_max = self.staleness_max.max(staleness);
        *version += 1;
        let outcome = Outcome::Applied {
            version: Version(*version),
            staleness,
        };
        PartAck {
            shard,
            sequence,
            outcome,
        }
    }

    fn pull(&mut self, server: ServerId, pull: Pull) -> PullReply {
        if 0 < self.gate {
            self.gate -= 1;
            let holder = Holder {
                worker: WorkerId(2),
                clock: Clock(17),
                since: Duration::from_secs(3),
                why: "computing".to_owned(),
            };
            return PullReply::NotYet {
                floor: pull.clock,
                holders: vec![holder],
            };
        }
        let reads = pull.parts.iter().map(|part| {
            let span = self.map.shard(part.shard).unwrap();
            assert_eq!(span.server, server);
            let value = |offset: u32| {
                self.x
                    .get(&(span.elements.start + u64::from(offset)))
                    .copied()
                    .unwrap_or(0.0)
            };
            let values: Vec<f32> = offsets(&part.address).into_iter().map(value).collect();
            self.pulled_values += values.len();
            let applied = self.applied.get(&(pull.session, part.shard));
            let applied = (1..)
                .take_while(|n| applied.is_some_and(|set| set.contains(n)))
                .last();
            Read {
                shard: part.shard,
                version: Version(self.versions.get(&part.shard).copied().unwrap_or(0)),
                applied: Sequence(applied.unwrap_or(0)),
                payload: Payload::from_values(&values),
                at_read: Payload::default(),
            }
        });
        let reads = reads.collect();
        self.pulls.push(pull);
        PullReply::Ready(reads)
    }
}

fn offsets(address: &Address) -> Vec<u32> {
    match address {
        Address::Range(range) => range.clone().collect(),
        Address::Coordinates(list) => list.as_slice().to_vec(),
        Address::Rows { .. } => unreachable!("a worker's loop never asks for rows"),
    }
}
