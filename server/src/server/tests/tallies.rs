//! The tally of every worker's parts and their staleness under random schedules: retries, strange and late
//! parts, workers that are lost, fenced and come back. Books that are kept from the answers alone say what they
//! must be.

use std::collections::BTreeMap;

use thalweg_common::message::{
    Happened, PartTally, Push, Reply, Request, StalenessHistogram, Status, StatusRequest,
};
use thalweg_common::seed::mix;

use super::*;
use crate::direct::Handled;

const SCHEDULES: u64 = 300;
const STEPS: usize = 120;
const LIMIT: u64 = 2;

/// How a job treats what comes: what combines parts, and what becomes of late ones.
fn jobs() -> Vec<(Consistency, Aggregation, BeyondLimit)> {
    let round = |backup_workers| Aggregation::Round { backup_workers };
    vec![
        (Consistency::Asp, Aggregation::Push, BeyondLimit::Reject),
        (Consistency::Asp, Aggregation::Push, BeyondLimit::DownWeight),
        (Consistency::Bsp, round(0), BeyondLimit::Count),
        (Consistency::Bsp, round(1), BeyondLimit::Count),
        (
            Consistency::Asp,
            Aggregation::Softsync { splits: 2 },
            BeyondLimit::Reject,
        ),
        (
            Consistency::Asp,
            Aggregation::Softsync { splits: 1 },
            BeyondLimit::Count,
        ),
    ]
}

/// What a worker's outbox was told: what became of its parts, and how stale they were. `applied`, and the
/// staleness, count what was taken, at once or for a round.
#[derive(Debug, Default, PartialEq)]
struct Told(PartTally, StalenessHistogram);

impl Told {
    fn note(&mut self, push: &Push, reply: &Reply) {
        let acks = match reply {
            Reply::Pushed(acks) => acks,
            Reply::Refused(refusal) => {
                return self.0.refuse(refusal.kind, push.parts.len() as u64);
            }
            other => panic!("a push is acknowledged or refused, not {other:?}"),
        };
        assert_eq!(acks.len(), push.parts.len());
        for (part, ack) in push.parts.iter().zip(acks) {
            let is_late = |staleness| !part.address.is_empty() && LIMIT < staleness;
            match &ack.outcome {
                Outcome::Refused(refusal) => self.0.refuse(refusal.kind, 1),
                Outcome::Applied { staleness, .. } | Outcome::Accepted { staleness, .. } => {
                    if !part.address.is_empty() {
                        self.1.record(*staleness);
                    }
                    self.0.applied += 1;
                    self.0.late += u64::from(is_late(*staleness));
                }
                Outcome::Dropped { .. } => {
                    self.0.left_out += 1;
                    self.0.late += 1;
                }
                Outcome::Duplicate { .. } => self.0.duplicates += 1,
            }
            self.0.came += u64::from(!matches!(ack.outcome, Outcome::Refused(_)));
        }
    }
}

struct World {
    server: Server,
    now: Time,
    random: u64,
    /// The sessions that ever were, the present one of each slot and those that do not know their end.
    pushers: Vec<Pusher>,
    /// The last push of each, to be sent again.
    last: Vec<Option<Push>>,
    told: Vec<Told>,
}

impl World {
    fn new(seed: u64) -> Self {
        let jobs = jobs();
        let (consistency, aggregation, beyond) = jobs[usize::try_from(seed).unwrap() % jobs.len()];
        let workers = 2 + u32::try_from(mix(seed) % 3).unwrap();
        let mut plan = plan(consistency, workers);
        plan.coordinator.examples_total = 1_000_000;
        plan.bounds.history_events = 4 * STEPS;
        plan.training.aggregation = aggregation;
        plan.training.staleness = Staleness {
            limit: Some(LIMIT),
            beyond,
            ..Staleness::default()
        };
        let server = Server::new(plan, Time::ZERO).unwrap();
        let pushers: Vec<_> = (0..workers).map(|_| Pusher::join(&server)).collect();
        Self {
            last: pushers.iter().map(|_| None).collect(),
            // The last is of strangers.
            told: (0..=workers).map(|_| Told::default()).collect(),
            server,
            now: Time::ZERO,
            random: mix(seed ^ 0x5eed),
            pushers,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = mix(self.random);
        self.random % below
    }

    fn send(&mut self, push: &Push) {
        let slot = (push.header.worker.0 as usize).min(self.told.len() - 1);
        let reply = match self.server.handle(self.now, Request::Push(push.clone())) {
            Handled::Reply(reply) => reply,
            Handled::Parked(..) => unreachable!("a push does not wait at the gate"),
        };
        self.told[slot].note(push, &reply);
    }

    /// The next push of a session: of data if there are any, computed at versions of some time ago.
    fn next_push(&mut self, who: usize) -> Push {
        let pusher = &self.pushers[who];
        let granted = self.server.next_range(self.now, &pusher.asks());
        let ranges = match granted.map(|granted| granted.grants[0]) {
            Ok(Grant::Range { epoch, start, end }) => {
                self.pushers[who].received += 1;
                vec![DataRange {
                    epoch,
                    start,
                    end,
                    checksum: 0,
                }]
            }
            Ok(Grant::ClockOnly) => {
                self.pushers[who].received += 1;
                vec![]
            }
            _ => vec![],
        };
        let versions: Vec<_> = self.server.status(self.now).shards;
        let versions: Vec<_> = versions.iter().map(|shard| shard.version.0).collect();
        let back = self.draw(2 * LIMIT + 2);
        let pusher = &mut self.pushers[who];
        pusher.sequence += 1;
        pusher.clock += 1;
        let header = pusher.header(ranges);
        let part = |(shard, version): (u32, &u64)| {
            let version_read = Version(version.saturating_sub(back));
            Part {
                version_read,
                ..pusher.part(shard, &header)
            }
        };
        let parts = (0..).zip(&versions).map(part).collect();
        Push { header, parts }
    }

    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(self.draw(900));
        let drawn = self.draw(self.pushers.len() as u64);
        let who = usize::try_from(drawn).unwrap();
        match self.draw(20) {
            0 => {
                let again = Register {
                    worker: Some(self.pushers[who].worker),
                    ..registration()
                };
                let taken = self.server.register(self.now, &again).unwrap();
                self.pushers.push(Pusher::of(&taken));
                self.last.push(None);
            }
            1 => drop(self.server.tick(self.now)),
            2 => {
                let Pusher {
                    worker, session, ..
                } = self.pushers[who];
                self.server.leave(
                    self.now,
                    &Leave {
                        session,
                        worker,
                        reason: LeaveReason::Stopped,
                        cause: String::new(),
                    },
                );
            }
            3..=6 => {
                if let Some(push) = self.last[who].clone() {
                    self.send(&push);
                }
            }
            kind => {
                let mut push = self.next_push(who);
                self.last[who] = Some(push.clone());
                spoil(kind, &mut push);
                self.send(&push);
            }
        }
    }

    /// The law: every part that came is told once of what became of it, and as its worker heard it.
    fn judge(&self) -> PartTally {
        let status = self.server.status(self.now);
        let mut all = PartTally::default();
        for (row, Told(told, _)) in status.workers.iter().zip(&self.told) {
            let PartTally {
                came,
                applied,
                waiting,
                left_out,
                duplicates,
                ..
            } = row.parts;
            let sum = applied + waiting + left_out + duplicates + row.parts.refused();
            assert_eq!(came, sum, "{:?}", row.parts);
            let heard = PartTally {
                applied: applied + waiting,
                waiting: 0,
                ..row.parts.clone()
            };
            assert_eq!(&heard, told);
            all.merge(&row.parts);
        }
        let pending: u64 = status.shards.iter().map(|shard| shard.pending).sum();
        assert_eq!(all.waiting, pending);
        let mut refusals = all.refusals.clone();
        for (kind, count) in &self.told.last().unwrap().0.refusals {
            *refusals.entry(*kind).or_default() += count;
        }
        assert_eq!(status.refusals, refusals);
        self.judge_staleness(&status);
        all
    }

    /// The law: the staleness of all workers' parts, and of all shards' parts, is that of all parts; and each
    /// worker's is what it heard, once nothing of it waits.
    fn judge_staleness(&self, status: &Status) {
        let (mut of_workers, mut of_shards) =
            (StalenessHistogram::default(), StalenessHistogram::default());
        for (row, Told(_, told)) in status.workers.iter().zip(&self.told) {
            of_workers.merge(&row.staleness);
            assert!(row.staleness.total() <= told.total());
            if row.parts.waiting == 0 {
                assert_eq!(&row.staleness, told);
            }
        }
        for shard in &status.shards {
            of_shards.merge(&shard.staleness);
        }
        assert_eq!(of_workers, status.staleness);
        assert_eq!(of_shards, status.staleness);
    }
}

impl World {
    /// The history, which is long enough here, explains every part of every push.
    fn judge_history(&self) {
        let (_strangers, told) = self.told.split_last().unwrap();
        for (worker, Told(told, _)) in (0..).zip(told) {
            let events = self.server.history(&StatusRequest {
                history: u32::MAX,
                worker: Some(WorkerId(worker)),
            });
            let mut sum = PartTally::default();
            let mut refused = 0;
            for event in events {
                match event.what {
                    Happened::Pushed(pushed) => {
                        sum.applied += u64::from(pushed.applied + pushed.kept);
                        sum.left_out += u64::from(pushed.left_out);
                        sum.duplicates += u64::from(pushed.duplicates);
                        sum.late += u64::from(pushed.late);
                        refused += u64::from(pushed.refused);
                    }
                    Happened::Fenced {
                        asked: Asked::Push, ..
                    }
                    | Happened::Refused {
                        asked: Asked::Push, ..
                    } => refused += u64::from(SHARDS),
                    _ => {}
                }
            }
            assert_eq!(refused, told.refused(), "{told:?}");
            let told = PartTally {
                came: 0,
                refusals: BTreeMap::new(),
                ..told.clone()
            };
            assert_eq!(sum, told);
        }
    }
}

/// Makes a push strange in some way, or leaves it as it is.
fn spoil(kind: u64, push: &mut Push) {
    match kind {
        7 => push.header.generation = Generation(9),
        8 => push.header.worker = WorkerId(77),
        9 => push.parts[1].shard = ShardId(99),
        10 => push.parts[2].sequence.0 += 1_000,
        11 if push.header.weight > 0 => {
            push.parts[3].payload = Payload::from_values(&[f32::NAN]);
        }
        12 if push.header.weight > 0 => push.parts[3].address = Address::NONE,
        // Data that was not granted.
        13 => push
            .header
            .ranges
            .iter_mut()
            .for_each(|range| range.epoch += 9),
        _ => {}
    }
}

#[test]
fn what_came_is_the_sum_of_what_became_of_it_under_every_schedule() {
    let mut seen = PartTally::default();
    let mut strangers = BTreeMap::new();
    let mut stale = StalenessHistogram::default();
    for seed in 0..SCHEDULES {
        let mut world = World::new(seed);
        let mut last = PartTally::default();
        for _ in 0..STEPS {
            world.step();
            last = world.judge();
        }
        world.judge_history();
        seen.merge(&last);
        strangers.extend(world.told.pop().unwrap().0.refusals);
        for told in &world.told {
            stale.merge(&told.1);
        }
    }
    // The schedules went everywhere, or the law would say little.
    let counts = [seen.applied, seen.waiting, seen.left_out, seen.duplicates];
    assert!(counts.iter().all(|count| 0 < *count), "{seen:?}");
    assert!(seen.left_out < seen.late, "{seen:?}");
    assert!(LIMIT < stale.max && 0 < stale.quantile(0.5), "{stale:?}");
    for kind in [
        RefusalKind::NonFinite,
        RefusalKind::UnknownShard,
        RefusalKind::WrongGeneration,
        RefusalKind::Fenced,
        RefusalKind::TooFar,
        RefusalKind::Invalid,
    ] {
        assert!(seen.refusals.contains_key(&kind), "{kind}: {seen:?}");
    }
    assert!(strangers.contains_key(&RefusalKind::UnknownSession));
}
