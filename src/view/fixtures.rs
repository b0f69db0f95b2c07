//! Hand-made answers of servers for the tests of view, report and progress display.

use std::time::Duration;

use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{Clock, Sequence, ServerId, SessionId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    Asked, EpochStatus, Happened, HistoryEvent, PartTally, Phase, Pushed, ShardStatus,
    StalenessHistogram, Status, Wait, WaitSum, Waited, WorkerState, WorkerStatus,
};

/// Two servers in the middle of a job with four workers: 2 waits for 0, 3 is lost.
pub(crate) fn two_servers() -> Vec<Status> {
    vec![server_0(), server_1()]
}

fn server_0() -> Status {
    let of_workers: [&[u64]; 4] = [&[3, 70], &[0], &[1], &[3]];
    let mut workers: Vec<_> = (0..4).zip(of_workers).map(worker).collect();
    workers[2].wait = Some(Wait {
        on: vec![WorkerId(0)],
        since: Duration::from_millis(1_400),
        why: "all must reach clock 18: worker 0 is at clock 17 (in an iteration for 3.2 s)".into(),
    });
    workers[3].state = WorkerState::Lost;
    workers[3].doing = "gave no sign of life for 10.0 s".into();
    workers[0].parts.came += 3;
    workers[0].parts.duplicates = 1;
    workers[0].parts.refusals = [(RefusalKind::Fenced, 1), (RefusalKind::NonFinite, 1)].into();
    workers[2].parts.waiting = 2;
    workers[2].parts.applied -= 2;
    Status {
        server: ServerId(0),
        job: "flights".into(),
        phase: Phase::Training,
        cause: String::new(),
        diverged: false,
        progress: 42_336,
        examples_total: 98_000,
        up: Duration::from_millis(5_500),
        trained: Duration::from_secs(4),
        loss_sum: 500.0,
        loss_weight: 1_000.0,
        rate_factor: 1.0,
        workers,
        shards: vec![shard(0, 83, &[0, 1, 3]), shard(1, 84, &[3, 70])],
        staleness: staleness(&[0, 1, 3, 3, 70]),
        pushed_bytes: 1_000_000,
        pulled_bytes: 4_000_000,
        received_bytes: 1_100_000,
        sent_bytes: 4_100_000,
        refusals: [(RefusalKind::Fenced, 1), (RefusalKind::NonFinite, 1)].into(),
        epochs: vec![EpochStatus {
            epoch: 0,
            rows: 42_336,
            checksum: 255,
        }],
        waits: vec![Waited {
            worker: WorkerId(2),
            on: WorkerId(0),
            sum: WaitSum {
                count: 12,
                total: Duration::from_millis(9_100),
                longest: Duration::from_millis(1_400),
            },
        }],
        history: Vec::new(),
        checkpoint: None,
    }
}

fn server_1() -> Status {
    let of_workers: [&[u64]; 4] = [&[2], &[0], &[3], &[2]];
    let mut workers: Vec<_> = (0..4).zip(of_workers).map(worker).collect();
    workers[1].parts.refuse(RefusalKind::NonFinite, 2);
    Status {
        server: ServerId(1),
        progress: 42_000,
        up: Duration::from_millis(5_400),
        trained: Duration::ZERO,
        loss_sum: 0.0,
        loss_weight: 0.0,
        rate_factor: 1.0,
        workers,
        shards: vec![shard(2, 83, &[0, 2]), shard(3, 83, &[2, 3])],
        staleness: staleness(&[0, 2, 2, 3]),
        pushed_bytes: 2_000_000,
        pulled_bytes: 5_000_000,
        received_bytes: 2_100_000,
        sent_bytes: 5_100_000,
        refusals: [(RefusalKind::NonFinite, 2)].into(),
        epochs: Vec::new(),
        ..server_0()
    }
}

/// A worker whose applied parts were so stale.
fn worker((worker, parts): (u32, &[u64])) -> WorkerStatus {
    WorkerStatus {
        worker: WorkerId(worker),
        session: Some(SessionId(u64::from(worker) + 1)),
        state: WorkerState::Active,
        place: format!("127.0.0.1 pid {}", 4_000 + worker),
        doing: "computing".into(),
        clock: Clock(17 + u64::from(worker)),
        examples: 10_584,
        parts: PartTally {
            came: 1_234,
            applied: 1_234,
            ..PartTally::default()
        },
        silent: Duration::from_millis(if worker == 3 { 12_000 } else { 200 }),
        sent_bytes: 750_000,
        received_bytes: 2_250_000,
        compute: Duration::from_secs(2),
        waited: Duration::from_millis(500),
        retries: 2,
        wait: None,
        lease_left: None,
        staleness: staleness(parts),
    }
}

fn shard(shard: u32, version: u64, parts: &[u64]) -> ShardStatus {
    ShardStatus {
        shard: ShardId(shard),
        elements: 1_068,
        version: Version(version),
        progress: 42_336,
        pending: 0,
        staleness: staleness(parts),
    }
}

fn staleness(parts: &[u64]) -> StalenessHistogram {
    let mut histogram = StalenessHistogram::default();
    for staleness in parts {
        histogram.record(*staleness);
    }
    histogram
}

/// The same servers with an event of every kind. Server 1 started 0.1 s after server 0.
pub(crate) fn with_history() -> Vec<Status> {
    let mut servers = two_servers();
    servers[0].history = vec![
        event(40, Some(1), 2, joined(0, None)),
        event(900, Some(1), 2, pushed(4, 0)),
        event(901, Some(1), 2, waited()),
        event(4_000, Some(1), 2, lost()),
        event(4_100, Some(1), 2, fenced(None)),
        event(4_200, Some(1), 5, joined(17, Some(SessionId(2)))),
        event(4_300, Some(1), 2, fenced(Some(SessionId(5)))),
        event(
            5_300,
            Some(0),
            1,
            Happened::Left {
                why: "was told to stop".into(),
            },
        ),
    ];
    servers[1].history = vec![
        event(799, Some(1), 2, pushed(0, 0)),
        event(4_001, Some(0), 1, pushed(2, 3)),
        event(5_000, None, 9, refused()),
    ];
    servers
}

fn event(millis: u64, worker: Option<u32>, session: u64, what: Happened) -> HistoryEvent {
    HistoryEvent {
        at: Duration::from_millis(millis),
        worker: worker.map(WorkerId),
        session: worker.map(|_| SessionId(session)),
        what,
    }
}

fn joined(clock: u64, after: Option<SessionId>) -> Happened {
    Happened::Joined {
        clock: Clock(clock),
        place: "127.0.0.1 pid 4001".into(),
        after,
    }
}

fn lost() -> Happened {
    Happened::Lost {
        why: "gave no sign of life for 2.1 s (the lease is 2.0 s)".into(),
    }
}

fn fenced(holder: Option<SessionId>) -> Happened {
    Happened::Fenced {
        asked: Asked::Push,
        holder,
        why: match holder {
            Some(_) => String::new(),
            None => "gave no sign of life for 2.1 s (the lease is 2.0 s)".into(),
        },
    }
}

fn refused() -> Happened {
    Happened::Refused {
        asked: Asked::Register,
        kind: RefusalKind::SlotsTaken,
        message: "all 4 worker slots of the job are taken".into(),
    }
}

fn waited() -> Happened {
    Happened::Waited {
        floor: Clock(1),
        time: Duration::from_millis(402),
        last: WorkerId(2),
    }
}

/// A push to four shards: `applied` in time, one beyond the limit if it is `stale`, the others not at all.
fn pushed(applied: u32, staleness: u64) -> Happened {
    let (late, others) = (u32::from(0 < staleness), 4 - applied);
    Happened::Pushed(Pushed {
        sequence: Sequence(118),
        clock: Clock(118),
        elements: 1_068,
        staleness,
        applied,
        kept: others / 4,
        left_out: others / 2,
        duplicates: others / 4,
        refused: others / 4,
        late: late + others / 2,
        reason: (3 < others).then_some(RefusalKind::NonFinite),
    })
}
