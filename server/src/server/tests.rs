//! Laws of a whole server, in a time that the tests make.

mod claims;
mod deal;
mod ending;
mod history;
mod retries;
mod returning;
mod tallies;

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::consistency::{Aggregation, BeyondLimit, Consistency, Staleness};
use thalweg_common::feedback::feedback;
use thalweg_common::ids::{Clock, Life, Sequence, ServerId, Version};
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::message::{
    Address, Codec, DataRange, DataSummary, Dtype, Grant, Kind, LeaveReason, NextRange,
    PROTOCOL_VERSIONS, Payload, Phase, WorkerState,
};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::push_format::PushFormat;
use thalweg_common::regularizer::Regularization;
use thalweg_common::shard_map::ShardMap;

use super::*;
use crate::coordinator::{self, Deal, RatePlan};
use crate::plan::{Bounds, OnWorkerLoss, Training};
use crate::shard::Tuner;

const DATA: DataSummary = DataSummary {
    rows: 100,
    features: 40,
    hash: 7,
};
const SHARDS: u32 = 4;

fn plan(consistency: Consistency, workers: u32) -> Plan {
    let layout = ParameterLayout::new(vec![Tensor::trainable("w", vec![40])]).unwrap();
    let map = ShardMap::plan(&layout, 1, Generation(1)).unwrap();
    let bsp = consistency == Consistency::Bsp;
    let deal = if bsp {
        Deal::Striped { batch_examples: 10 }
    } else {
        Deal::Dynamic {
            batch_examples: 10,
            range_examples: 20,
        }
    };
    Plan {
        life: Life(3),
        job: "test".into(),
        job_text: String::new(),
        fingerprint: Fingerprint(5),
        data: DATA,
        layout,
        map,
        server: ServerId(0),
        consistency,
        training: Training {
            seed: 1,
            initial: None,
            optimizer: "sgd".into(),
            hyper_parameters: toml::Table::new(),
            rate: Arc::new(|_| 1.0),
            tuner: Tuner::default(),
            regularization: Regularization::default(),
            aggregation: if bsp {
                Aggregation::Round { backup_workers: 0 }
            } else {
                Aggregation::Push
            },
            staleness: Staleness::default(),
            pushes: Kind::Gradient,
            push_format: PushFormat::F32,
            non_finite: NonFinite::Reject,
            workers,
        },
        coordinator: coordinator::Plan {
            streamed: false,
            rows: DATA.rows,
            examples_total: DATA.rows,
            workers,
            deal,
            solo_examples: 0,
            train_time_max: None,
            rate: RatePlan {
                rule: feedback("none")
                    .and_then(|entry| entry.build(&toml::Table::new()))
                    .unwrap(),
                lr: 0.1,
                every_examples: 1,
            },
        },
        on_worker_loss: OnWorkerLoss::Continue,
        bounds: Bounds {
            lease: Duration::from_secs(10),
            iteration: Duration::from_secs(3600),
            heartbeat: Duration::from_secs(1),
            join: Duration::from_secs(60),
            linger: Duration::from_secs(5),
            last_look: Duration::from_secs(1),
            first_contact: Duration::from_secs(600),
            sessions_max: 100,
            history_events: 64,
        },
    }
}

fn server(consistency: Consistency, workers: u32) -> Server {
    Server::new(plan(consistency, workers), Time::ZERO).unwrap()
}

fn registration() -> Register {
    Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Worker,
        fingerprint: Some(Fingerprint(5)),
        worker: None,
        session: None,
        data: Some(DATA),
        place: "here".into(),
        lives: vec![],
        clock: None,
        after: None,
    }
}

fn join(server: &Server, now: Time) -> Registered {
    server.register(now, &registration()).unwrap()
}

/// A worker that pushes 1 to element 0 of every shard.
struct Pusher {
    session: SessionId,
    worker: WorkerId,
    sequence: u64,
    clock: u64,
    received: u64,
}

impl Pusher {
    fn join(server: &Server) -> Self {
        Self::of(&join(server, Time::ZERO))
    }

    fn of(registered: &Registered) -> Self {
        Self {
            session: registered.session,
            worker: registered.worker,
            sequence: 0,
            clock: 0,
            received: 0,
        }
    }

    fn header(&self, ranges: Vec<DataRange>) -> PushHeader {
        PushHeader {
            fingerprint: Fingerprint(5),
            generation: Generation(1),
            session: self.session,
            worker: self.worker,
            clock: Clock(self.clock),
            weight: ranges.iter().map(DataRange::examples).sum(),
            loss_sum: 1.0,
            rate_factor: 1.0,
            ranges,
        }
    }

    fn part(&self, shard: u32, header: &PushHeader) -> Part {
        let (address, values): (_, &[f32]) = if header.weight > 0 {
            (Address::Range(0..1), &[1.0])
        } else {
            (Address::NONE, &[])
        };
        Part {
            shard: ShardId(shard),
            sequence: Sequence(self.sequence),
            version_read: Version(0),
            kind: Kind::Gradient,
            dtype: Dtype::F32,
            codec: Codec::Raw,
            address,
            payload: Payload::from_values(values),
            at_read: Payload::default(),
        }
    }

    fn push(&mut self, server: &Server, ranges: Vec<DataRange>) -> Result<Vec<PartAck>, Refusal> {
        self.push_at(Time::ZERO, server, ranges)
    }

    fn push_at(
        &mut self,
        now: Time,
        server: &Server,
        ranges: Vec<DataRange>,
    ) -> Result<Vec<PartAck>, Refusal> {
        self.sequence += 1;
        self.clock += 1;
        self.push_again_at(now, server, ranges)
    }

    fn push_again(&self, server: &Server, ranges: Vec<DataRange>) -> Result<Vec<PartAck>, Refusal> {
        self.push_again_at(Time::ZERO, server, ranges)
    }

    fn push_again_at(
        &self,
        now: Time,
        server: &Server,
        ranges: Vec<DataRange>,
    ) -> Result<Vec<PartAck>, Refusal> {
        let header = self.header(ranges);
        let mut event = server.judge_push(now, &header, SHARDS as usize)?;
        let acks = (0..SHARDS)
            .map(|shard| {
                let part = self.part(shard, &header);
                let ack = server.push_part(now, &header, &part);
                event.note(part.address.len(), &ack);
                ack
            })
            .collect();
        server.finish_push(now, &header, &event);
        Ok(acks)
    }

    fn grant(&mut self, server: &Server) -> Grant {
        let grant = self.grant_again(server, Time::ZERO);
        self.received += u64::from(grant.is_iterations());
        grant
    }

    fn asks(&self) -> NextRange {
        NextRange {
            session: self.session,
            worker: self.worker,
            received: self.received,
            wanted: 1,
        }
    }

    /// Asks without having received more than before.
    fn grant_again(&self, server: &Server, now: Time) -> Grant {
        server.next_range(now, &self.asks()).unwrap().grants[0]
    }

    fn range(&mut self, server: &Server) -> DataRange {
        match self.grant(server) {
            Grant::Range { epoch, start, end } => DataRange {
                epoch,
                start,
                end,
                checksum: start,
            },
            other => panic!("expected a range, found {other:?}"),
        }
    }

    fn pull(&self, clock: u64) -> Pull {
        Pull {
            fingerprint: Fingerprint(5),
            generation: Generation(1),
            session: self.session,
            worker: self.worker,
            clock: Clock(clock),
            patience: Duration::from_secs(1),
            parts: vec![],
        }
    }

    fn value(&self, server: &Server) -> Vec<f32> {
        let part = PullPart {
            shard: ShardId(1),
            address: Address::Range(0..1),
        };
        let by = server.reads_by(&self.pull(0));
        server.read(by, &part).unwrap().payload.iter().collect()
    }
}

#[test]
fn an_observer_reads_what_is_judged_and_a_worker_where_gradients_are_taken() {
    let mut plan = plan(Consistency::Asp, 1);
    plan.training.optimizer = "nag_lookahead".into();
    let server = Server::new(plan, Time::ZERO).unwrap();
    let observer = Register {
        role: SessionRole::Observer,
        data: None,
        ..registration()
    };
    let observer = server.register(Time::ZERO, &observer).unwrap();
    let mut pusher = Pusher::join(&server);
    let range = pusher.range(&server);
    pusher.push(&server, vec![range]).unwrap();
    // One step of the rate 1 against a gradient of 1; the point ahead is 0.9 further.
    assert_eq!(pusher.value(&server), [-1.9]);
    pusher.session = observer.session;
    assert_eq!(pusher.value(&server), [-1.0]);
}

#[test]
fn a_job_is_done_when_all_examples_are_committed_once() {
    let server = server(Consistency::Asp, 2);
    let mut pusher = Pusher::join(&server);
    let mut pushes = 0_u8;
    while let Grant::Range { epoch, start, end } = pusher.grant(&server) {
        let range = DataRange {
            epoch,
            start,
            end,
            checksum: 3,
        };
        let acks = pusher.push(&server, vec![range]).unwrap();
        assert!(
            acks.iter()
                .all(|ack| matches!(ack.outcome, Outcome::Applied { .. }))
        );
        let again = pusher.push_again(&server, vec![range]).unwrap();
        assert!(
            again
                .iter()
                .all(|ack| matches!(ack.outcome, Outcome::Duplicate { .. }))
        );
        pushes += 1;
    }
    assert_eq!(pusher.grant(&server), Grant::Done);
    assert_eq!(pusher.value(&server), [-f32::from(pushes)]);
    let status = server.status(Time::ZERO);
    assert_eq!((status.phase, status.progress), (Phase::Done, 100));
    assert_eq!(
        (status.epochs[0].rows, status.epochs[0].checksum),
        (100, 3 * u64::from(pushes))
    );
    assert_eq!(status.workers[0].examples, 100);
    assert_eq!(
        status.workers[0].parts.duplicates,
        u64::from(pushes) * u64::from(SHARDS)
    );
}

#[test]
fn whatever_takes_the_step_a_gradient_beyond_the_limit_is_counted_as_late_and_no_empty_part_is() {
    for aggregation in [Aggregation::Push, Aggregation::Softsync { splits: 2 }] {
        let mut plan = plan(Consistency::Asp, 2);
        plan.training.aggregation = aggregation;
        plan.training.staleness = Staleness {
            limit: Some(0),
            beyond: BeyondLimit::Count,
            ..Staleness::default()
        };
        let server = Server::new(plan, Time::ZERO).unwrap();
        let mut pushers = [Pusher::join(&server), Pusher::join(&server)];
        for pusher in &mut pushers {
            let range = pusher.range(&server);
            pusher.push(&server, vec![range]).unwrap();
        }
        pushers[1].push(&server, vec![]).unwrap();
        let late = server.status(Time::ZERO).workers;
        let late: Vec<u64> = late.iter().map(|worker| worker.parts.late).collect();
        // Both gradients are of version 0, and the second comes to version 1.
        assert_eq!(late, [0, SHARDS.into()], "{aggregation:?}");
    }
}

#[test]
fn data_that_was_not_granted_is_refused_at_the_ledger_shard_and_for_good() {
    let server = server(Consistency::Asp, 2);
    let mut pusher = Pusher::join(&server);
    let stolen = DataRange {
        epoch: 0,
        start: 0,
        end: 5,
        checksum: 0,
    };
    let acks = pusher.push(&server, vec![stolen]).unwrap();
    assert!(matches!(acks[0].outcome, Outcome::Refused(_)), "{acks:?}");
    let granted = pusher.range(&server);
    assert_eq!(granted.start, 0);
    let again = pusher.push_again(&server, vec![granted]).unwrap();
    assert_eq!(
        again[0], acks[0],
        "a sequence that was refused stays refused"
    );
}

#[test]
fn a_later_session_fences_the_former() {
    let server = server(Consistency::Asp, 1);
    let mut old = Pusher::join(&server);
    let range = old.range(&server);
    let again = Register {
        worker: Some(WorkerId(0)),
        ..registration()
    };
    let new = server.register(Time::ZERO, &again).unwrap();
    assert!(new.session > old.session);
    assert_eq!(
        old.push(&server, vec![range]).unwrap_err().kind,
        RefusalKind::Fenced
    );
    let mut taken = Pusher::of(&new);
    assert_eq!(
        taken.range(&server),
        range,
        "what the old session held is dealt again"
    );
    let back = Register {
        session: Some(old.session),
        ..again
    };
    assert_eq!(
        server.register(Time::ZERO, &back).unwrap_err().kind,
        RefusalKind::Fenced
    );
}

#[test]
fn strangers_are_turned_away_by_name() {
    let server = server(Consistency::Asp, 1);
    let refuse = |register: &Register| server.register(Time::ZERO, register).unwrap_err();
    let other = refuse(&Register {
        fingerprint: Some(Fingerprint(6)),
        ..registration()
    });
    assert_eq!(other.kind, RefusalKind::WrongJob);
    let data = Some(DataSummary { rows: 99, ..DATA });
    let other = refuse(&Register {
        data,
        ..registration()
    });
    assert!(
        other.message.contains("99 rows") && other.message.contains("100 rows"),
        "{other}"
    );
    let other = refuse(&Register {
        protocol: 7..=9,
        ..registration()
    });
    assert_eq!(other.kind, RefusalKind::Protocol);
    let other = refuse(&Register {
        worker: Some(WorkerId(4)),
        ..registration()
    });
    assert!(other.message.contains("worker 4"), "{other}");
    join(&server, Time::ZERO);
    assert_eq!(refuse(&registration()).kind, RefusalKind::SlotsTaken);
    let pusher = Pusher {
        session: SessionId(9),
        worker: WorkerId(0),
        sequence: 1,
        clock: 1,
        received: 0,
    };
    let error = pusher.push_again(&server, vec![]).unwrap_err();
    assert_eq!(error.kind, RefusalKind::UnknownSession);
    let wrong = PushHeader {
        generation: Generation(2),
        ..pusher.header(vec![])
    };
    let error = server.judge_push(Time::ZERO, &wrong, 1).unwrap_err();
    assert_eq!(error.kind, RefusalKind::WrongGeneration);
}

#[test]
fn a_probe_learns_the_job_and_takes_no_slot() {
    let server = server(Consistency::Asp, 1);
    let probe = Register {
        data: None,
        fingerprint: None,
        ..registration()
    };
    assert_eq!(
        server.register(Time::ZERO, &probe).unwrap().session,
        SessionId(0)
    );
    assert!(server.register(Time::ZERO, &registration()).is_ok());
}

#[test]
fn a_round_of_two_workers_waits_at_the_gate_and_is_one_step() {
    let server = server(Consistency::Bsp, 2);
    let (mut a, mut b) = (Pusher::join(&server), Pusher::join(&server));
    let (first, second) = (a.range(&server), b.range(&server));
    assert_eq!((first.start, second.start), (0, 10));
    assert_eq!(server.ask(Time::ZERO, &a.pull(0)), Ok(Gate::Open));
    a.push(&server, vec![first]).unwrap();
    let Ok(Gate::Parked(ticket)) = server.ask(Time::ZERO, &a.pull(1)) else {
        panic!("the round is open")
    };
    assert_eq!(a.value(&server), [0.0]);
    b.push(&server, vec![second]).unwrap();
    assert_eq!(server.take_released(), vec![ticket]);
    assert_eq!(a.value(&server), [-1.0], "the mean of two equal gradients");
    assert_eq!(server.status(Time::ZERO).shards[0].version, Version(1));
}

#[test]
fn a_silent_worker_is_lost_after_its_lease_and_its_data_go_to_the_others() {
    let server = server(Consistency::Bsp, 2);
    let (mut a, mut b) = (Pusher::join(&server), Pusher::join(&server));
    let (first, lost) = (a.range(&server), b.range(&server));
    a.push(&server, vec![first]).unwrap();
    let later = Time::from_origin(Duration::from_secs(11));
    a.grant_again(&server, later);
    let lapsed = server.tick(later);
    assert_eq!(lapsed.len(), 1);
    assert_eq!(lapsed[0].worker, b.worker);
    assert_eq!(
        a.value(&server),
        [-1.0],
        "the round went on without the lost worker"
    );
    let refused = b.push_again(&server, vec![lost]).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Fenced);
    assert_eq!(server.status(later).workers[1].state, WorkerState::Lost);
    let mut committed = 10;
    for _ in 0..30 {
        match a.grant(&server) {
            Grant::Range { epoch, start, end } => {
                a.push(
                    &server,
                    vec![DataRange {
                        epoch,
                        start,
                        end,
                        checksum: 0,
                    }],
                )
                .unwrap();
                committed += end - start;
            }
            Grant::Done => break,
            Grant::ClockOnly | Grant::Wait(_) => {}
        }
    }
    assert_eq!(
        committed, 100,
        "the grant at `later` was received on the second asking"
    );
}

#[test]
fn copies_of_reads_go_with_the_worker_that_left_or_was_lost_and_not_with_its_successor() {
    let mut plan = plan(Consistency::Asp, 2);
    plan.training.optimizer = "dc_asgd_constant".into();
    let server = Server::new(plan, Time::ZERO).unwrap();
    let pushers = [Pusher::join(&server), Pusher::join(&server)];
    let whole = |shard: u32| PullPart {
        shard: ShardId(shard),
        address: Address::Range(0..10),
    };
    let read = |pusher: &Pusher, shard| {
        let read = server.read(server.reads_by(&pusher.pull(0)), &whole(shard));
        read.unwrap().at_read.bytes()
    };
    let copies = || server.shards.values().map(|shard| shard.lock().copies());
    assert_eq!([read(&pushers[0], 0), read(&pushers[1], 1)], [0, 0], "kept");
    assert!(copies().eq([1, 1, 0, 0]));
    let [
        Pusher {
            worker, session, ..
        },
        _,
    ] = pushers;
    let leave = Leave {
        session,
        worker,
        reason: LeaveReason::Stopped,
        cause: String::new(),
    };
    server.leave(Time::ZERO, &leave);
    assert!(copies().eq([0, 1, 0, 0]));
    assert_ne!(read(&pushers[0], 0), 0, "a read under way is told");
    server.tick(Time::from_origin(Duration::from_secs(11)));
    assert!(copies().eq([0, 0, 0, 0]));
}
