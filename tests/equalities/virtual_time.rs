//! Virtual time: one seed gives one history whatever it is made to go through, every rule leaves its mark on
//! the trace, and the books of waits, losses and late workers are right.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thalweg::job::ResolvedJob;
use thalweg::simulate::{
    History, Moment, Physics, Recording, SimulateError, Simulation, Spectator,
};
use thalweg_common::message::{Phase, WorkerState};
use thalweg_common::physics::{Conditions, Distribution, LinkPhysics};

use crate::support::{bits, small};

const MS: Duration = Duration::from_millis(1);

fn play(job: &ResolvedJob, physics: Physics) -> History {
    Simulation::new(job, physics).unwrap().run().unwrap()
}

fn delay(text: &str) -> Distribution {
    text.parse().unwrap()
}

/// Links of 3 ms, and gradients of 2 ms.
fn steady() -> Physics {
    Physics::constant(3 * MS, 2 * MS)
}

/// Conditions of links of 3 ms with stragglers, processes that are killed, and workers that come late.
fn under(stragglers: &[&str], kills: &[&str], joins: &[&str]) -> Physics {
    let physics = steady();
    Physics {
        conditions: Conditions {
            stragglers: stragglers
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            kills: kills.iter().map(|text| text.parse().unwrap()).collect(),
            joins: joins.iter().map(|text| text.parse().unwrap()).collect(),
            ..physics.conditions
        },
        ..physics
    }
}

/// Everything that physics have, at once, with messages that take `latency`.
fn everything(latency: &str) -> Physics {
    let stragglers = [
        "0:3x",
        "any:10x:5%",
        "rotating:2x:50ms",
        "1:pause:20ms:100ms",
    ];
    let physics = under(&stragglers, &["worker:2@150ms"], &["worker:3@60ms"]);
    Physics {
        conditions: Conditions {
            link: LinkPhysics {
                latency: delay(latency),
                jitter: delay("uniform:0ms:2ms"),
                bandwidth: Some("10mbit".parse().unwrap()),
                loss: "2%".parse().unwrap(),
            },
            ..physics.conditions
        },
        compute: delay("lognormal:2ms:0.5"),
        serve: delay("exponential:100us"),
        slow_servers: vec!["1:5x".parse().unwrap()],
        ..Physics::default()
    }
}

const LATENCIES: [&str; 5] = [
    "3ms",
    "uniform:1ms:5ms",
    "exponential:3ms",
    "lognormal:3ms:0.7",
    "pareto:1ms:1.5",
];

/// Four workers that may be two iterations apart.
const FOUR: &[&str] = &[
    "cluster.workers=4",
    "cluster.servers=2",
    "consistency.model=ssp",
    "consistency.lag=2",
    "method.overlap=full",
];

fn four(further: &[&str]) -> ResolvedJob {
    small(&[FOUR, further].concat())
}

#[test]
fn one_seed_gives_one_history_whatever_it_goes_through() {
    let (job, other) = (four(&[]), four(&["seed=2"]));
    let mut traces = Vec::new();
    for latency in LATENCIES {
        let first = play(&job, everything(latency));
        let again = play(&job, everything(latency));
        assert_eq!(first.trace, again.trace, "{latency}");
        assert_eq!(bits(&first.parameters), bits(&again.parameters));
        assert_eq!(first.events, again.events);
        assert_eq!((first.usage, &first.waits), (again.usage, &again.waits));
        assert_eq!(first.statuses[0].progress, 600, "{latency}");
        let reseeded = play(&other, everything(latency)).trace;
        assert_ne!(first.trace, reseeded, "{latency}");
        traces.extend([first.trace, reseeded].map(|trace| trace.to_string()));
    }
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 2 * LATENCIES.len(), "each is of its own");
}

#[test]
fn every_physics_leaves_its_mark_on_the_trace() {
    let job = four(&[]);
    let plain = play(&job, steady()).trace;
    let changed = [
        under(&["0:3x"], &[], &[]),
        under(&["any:10x:5%"], &[], &[]),
        under(&["rotating:2x:50ms"], &[], &[]),
        under(&["1:pause:10ms:30ms"], &[], &[]),
        under(&[], &["worker:2@100ms"], &[]),
        under(&[], &[], &["worker:3@60ms"]),
        Physics {
            serve: delay("1us"),
            ..steady()
        },
        Physics {
            compute: delay("uniform:1ms:3ms"),
            ..steady()
        },
    ];
    for physics in changed {
        assert_ne!(play(&job, physics.clone()).trace, plain, "{physics:?}");
    }
    let serving = Physics {
        serve: delay("1us"),
        ..steady()
    };
    let slow = Physics {
        slow_servers: vec!["1:5x".parse().unwrap()],
        ..serving.clone()
    };
    assert_ne!(play(&job, slow).trace, play(&job, serving).trace);
}

#[test]
fn every_rule_leaves_its_mark_on_the_trace() {
    let plain = play(&four(&[]), steady()).trace;
    for set in [
        // The next f32 above 0.5.
        "optimizer.lr=0.50000006",
        "optimizer.name=adagrad",
        "regularizer.l2=0.001",
        "regularizer.terms=[{ name = 'l1_proximal', l1 = 0.001 }]",
        "consistency.lag=3",
        "consistency.lag=1",
        "method.n_push=2",
        "method.local_lr=0",
        "train.batch_size=9",
        "gradient.transforms=[{ name = 'clip_by_value', max_value = 0.01 }]",
        "cluster.servers=3",
    ] {
        let changed = play(&four(&[set]), steady()).trace;
        assert_ne!(changed, plain, "{set}");
    }
}

/// The hash of one history whose arithmetic every machine does alike: no logarithm and no exponential is in it,
/// but rounds of times and sums of f32. It stands here so that a change of any rule on the way of a gradient is
/// seen, wanted or not: after a wanted one, put the new hash here.
const PINNED: &str = "a4b9ce2be2c793d3";

#[test]
fn a_history_that_was_written_down_is_played_again() {
    let job = four(&[
        "model.name=linear_svm",
        "optimizer.lr=0.125",
        "method.n_push=2",
    ]);
    let physics = Physics {
        conditions: Conditions {
            link: LinkPhysics {
                latency: delay("uniform:1ms:5ms"),
                loss: "2%".parse().unwrap(),
                ..LinkPhysics::default()
            },
            ..under(&["0:3x"], &["worker:2@150ms"], &["worker:3@60ms"]).conditions
        },
        compute: delay("uniform:1ms:3ms"),
        serve: delay("50us"),
        ..Physics::default()
    };
    assert_eq!(play(&job, physics).trace.to_string(), PINNED);
}

#[test]
fn conditions_without_effect_are_no_conditions() {
    let (job, times) = (four(&[]), Physics::constant(Duration::ZERO, 2 * MS));
    let idle = Physics {
        conditions: Conditions {
            link: LinkPhysics {
                latency: delay("0ms"),
                jitter: delay("0ms"),
                bandwidth: None,
                loss: "0%".parse().unwrap(),
            },
            stragglers: vec!["any:1x".parse().unwrap(), "1:1x".parse().unwrap()],
            ..Conditions::default()
        },
        slow_servers: vec!["any:10x".parse().unwrap()],
        ..times.clone()
    };
    let (idle, plain) = (play(&job, idle), play(&job, times));
    assert_eq!(idle.trace, plain.trace);
    assert_eq!(bits(&idle.parameters), bits(&plain.parameters));
}

#[test]
fn under_rounds_every_wait_is_for_the_straggler() {
    let job = small(&[
        "cluster.workers=4",
        "cluster.servers=2",
        "consistency.model=bsp",
    ]);
    let history = play(&job, under(&["2:10x"], &[], &[]));
    let pairs = history.waits.pairs();
    let of_others: Vec<_> = pairs
        .iter()
        .filter(|((waiter, _), _)| *waiter != 2)
        .collect();
    assert_eq!(of_others.len(), 3, "each of the others waits: {pairs:?}");
    for ((waiter, culprit), wait) in of_others {
        assert_eq!(*culprit, 2, "worker {waiter}");
        // 19 rounds of 18 ms each, but for the first and the last ones.
        let least = 16 * 18 * MS;
        assert!(least <= wait.total && wait.count <= 19, "{wait:?}");
        assert_eq!(wait.longest, 18 * MS, "{wait:?}");
    }
    assert_eq!(history.waits.by_culprit()[0].0, 2);
}

#[test]
fn nobody_waits_and_computes_longer_than_it_is_there() {
    for (sets, physics) in [
        (FOUR, everything("exponential:3ms")),
        (FOUR, under(&["2:10x"], &["worker:1@90ms"], &[])),
        (
            &[
                "cluster.workers=4",
                "consistency.model=bsp",
                "cluster.on_worker_loss=continue",
            ][..],
            everything("pareto:1ms:1.5"),
        ),
    ] {
        let history = play(&small(sets), physics);
        assert!(Duration::ZERO < history.waits.total(), "{sets:?}");
        let mut whole = Duration::ZERO;
        for (worker, times) in (0_u32..).zip(&history.workers) {
            let pairs = history.waits.pairs().into_iter();
            let own = pairs.filter(|((waiter, _), _)| *waiter == worker);
            let waited: Duration = own.map(|(_, wait)| wait.total).sum();
            assert!(
                waited + times.computed <= times.there,
                "worker {worker} of {sets:?}: {waited:?}, {times:?}"
            );
            assert!(times.there <= history.virtual_time);
            whole += times.there;
        }
        assert_eq!(whole, history.usage.workers_there);
        let served: Duration = history.served.iter().sum();
        assert_eq!(served, history.usage.serving);
    }
}

#[test]
fn a_killed_worker_is_lost_and_the_others_finish() {
    let history = play(&four(&[]), under(&[], &["worker:1@40ms"], &[]));
    let status = &history.statuses[0];
    assert_eq!((status.phase, status.progress), (Phase::Done, 600));
    assert_eq!(status.epochs[0].rows, 600, "each row once");
    for worker in &status.workers {
        let expected = match worker.worker.0 {
            1 => WorkerState::Lost,
            _ => WorkerState::Left,
        };
        assert_eq!(worker.state, expected, "{worker:?}");
        assert!(0 < worker.examples, "{worker:?}");
    }
    assert!(status.workers[1].doing.contains("killed"));
    assert_eq!(history.workers[1].there, 40 * MS);
}

#[test]
fn a_late_worker_trains_and_one_that_nobody_needs_turns_back() {
    let history = play(&four(&[]), under(&[], &[], &["worker:3@60ms"]));
    let status = &history.statuses[0];
    assert_eq!(status.phase, Phase::Done);
    let late = &status.workers[3];
    assert_eq!(late.state, WorkerState::Left);
    assert!(0 < late.examples && late.examples < status.workers[0].examples);
    let (late, first) = (history.workers[3].there, history.workers[0].there);
    assert!(late + 60 * MS <= history.virtual_time, "{late:?}");
    assert!(late < first, "{late:?}, {first:?}");

    // Nobody waits for it, unlike under a lag.
    let job = small(&["cluster.workers=4", "cluster.servers=2"]);
    let history = play(&job, under(&[], &[], &["worker:3@20s"]));
    let status = &history.statuses[0];
    assert_eq!((status.phase, status.progress), (Phase::Done, 600));
    assert_eq!(status.workers[3].examples, 0);
    assert_eq!(history.workers[3].there, Duration::ZERO);
}

#[test]
fn a_killed_server_ends_the_simulation_with_its_name() {
    let job = four(&[]);
    let simulation = Simulation::new(&job, under(&[], &["server:1@40ms"], &[])).unwrap();
    match simulation.run().unwrap_err() {
        SimulateError::ServerKilled { server: 1, at } => assert_eq!(at, 40 * MS),
        other => panic!("{other}"),
    }
}

#[test]
fn a_worker_whose_lease_ends_leaves_the_job_to_the_others() {
    // Messages that are lost again and again come later than a lease of a second bears.
    let mut physics = steady();
    physics.conditions.link.loss = "30%".parse().unwrap();
    let job = small(&[
        "cluster.workers=4",
        "cluster.servers=2",
        "limits.lease_seconds=1",
        "limits.heartbeat_seconds=0.2",
    ]);
    let history = play(&job, physics);
    assert!(!history.failures.is_empty());
    let status = &history.statuses[0];
    for failure in &history.failures {
        let worker = &status.workers[failure.worker as usize];
        assert_eq!(worker.state, WorkerState::Lost, "{failure}");
        assert!(failure.cause.contains("session"), "{failure}");
    }
    match history.fault() {
        None => assert_eq!(status.progress, 600, "all rows are used"),
        Some(fault) => assert_eq!(history.failures.len(), 4, "{fault}"),
    }
}

#[test]
fn a_lost_worker_fails_a_job_that_stops_then_and_the_cause_names_it() {
    let job = small(&[
        "cluster.workers=4",
        "consistency.model=bsp",
        "cluster.on_worker_loss=stop",
    ]);
    let history = play(&job, under(&[], &["worker:1@40ms"], &[]));
    let fault = history.fault().unwrap();
    assert_eq!(fault, "worker 1 failed: its process was killed");
    let others: Vec<u32> = history.failures.iter().map(|f| f.worker).collect();
    assert_eq!(others, [0, 2, 3], "they hear that the job has failed");
}

/// Has enough when it is asked for the first time.
struct Leaving;

impl Spectator for Leaving {
    fn look(&mut self, _: &Moment<'_>) -> Option<String> {
        None
    }

    fn goes_on(&mut self, _: Duration, events: u64) -> bool {
        assert!(0 < events);
        false
    }
}

#[test]
fn a_spectator_that_leaves_gets_the_history_so_far() {
    let job = four(&[]);
    let simulation = Simulation::new(&job, steady()).unwrap();
    let left = simulation.run_before(&mut Leaving).unwrap();
    assert!(left.interrupted);
    let whole = play(&job, steady());
    assert!(left.events < whole.events && left.virtual_time < whole.virtual_time);
    assert!(left.statuses[0].progress < 600);
    let fault = left.fault().unwrap();
    assert!(fault.starts_with("interrupted after "), "{fault}");
    assert!(!whole.interrupted && whole.fault().is_none());
}

/// Ends a job at its third look.
struct Impatient(u32);

impl Spectator for Impatient {
    fn look(&mut self, moment: &Moment<'_>) -> Option<String> {
        assert_eq!(moment.parameters().len(), 201);
        self.0 += 1;
        (self.0 == 3).then(|| "seen enough".to_owned())
    }
}

#[test]
fn a_spectator_ends_a_job_and_changes_nothing_before() {
    let job = four(&["evaluate.every=0.1"]);
    let mut impatient = Impatient(0);
    let simulation = Simulation::new(&job, steady()).unwrap();
    let ended = simulation.run_before(&mut impatient).unwrap();
    let status = &ended.statuses[0];
    assert_eq!((status.phase, impatient.0), (Phase::Done, 3));
    assert_eq!(status.cause, "seen enough");
    assert!((120..500).contains(&status.progress), "{}", status.progress);
    let unseen = play(&job, steady()).trace;
    let mut seen = Impatient(10);
    let seen = Simulation::new(&job, steady())
        .unwrap()
        .run_before(&mut seen);
    assert_eq!(seen.unwrap().trace, unseen);
}

/// A run of two workers with one server: what gradients and pushes took, ms.
fn recording(gradients: [&[u32]; 2], pushes: &[u32]) -> Arc<Recording> {
    let header = r#"{"kind":"recording","schema_version":1,"job":"small","fingerprint":"0","workers":2,"servers":1}"#;
    let seconds = |ms: &u32| f64::from(*ms) / 1e3;
    let mut lines = vec![header.to_owned()];
    for (worker, times) in gradients.iter().enumerate() {
        lines.extend(times.iter().map(|ms| {
            let took = seconds(ms);
            format!(
                r#"{{"kind":"gradient","worker":{worker},"begin_seconds":0,"took_seconds":{took}}}"#
            )
        }));
        lines.extend(pushes.iter().map(|ms| {
            let took = seconds(ms);
            format!(
                r#"{{"kind":"request","worker":{worker},"server":0,"request":"push","bytes":1,"begin_seconds":0,"round_trip_seconds":{took}}}"#
            )
        }));
    }
    let text = lines.join("\n");
    Arc::new(Recording::read(&mut text.as_bytes(), Path::new("recording")).unwrap())
}

#[test]
fn a_replay_takes_the_recorded_times_in_the_recorded_order() {
    let job = small(&["cluster.workers=2", "consistency.model=bsp"]);
    let gradients: [&[u32]; 2] = [&[1, 2, 4, 8, 16], &[100, 3, 5]];
    let replay = |compute, links| Physics {
        recorded_compute: compute,
        recorded_links: links,
        ..Physics::constant(Duration::ZERO, 2 * MS)
    };
    let recorded = recording(gradients, &[10]);
    let history = play(&job, replay(Some(recorded.clone()), None));
    // 75 batches: 38 of worker 0 and 37 of worker 1, each through its own list again and again.
    for (times, gradients, batches) in [
        (history.workers[0], gradients[0], 38),
        (history.workers[1], gradients[1], 37),
    ] {
        let expected: u32 = gradients.iter().cycle().take(batches).sum();
        assert_eq!(times.computed, expected * MS);
    }
    // Half of a round trip each way is a latency.
    let links = play(&job, replay(None, Some(recorded.clone())));
    let constant = play(&job, Physics::constant(5 * MS, 2 * MS));
    assert_eq!(links.trace, constant.trace);
    let both = |seed: &str, workers: &str| {
        let job = small(&[workers, seed, "consistency.model=bsp"]);
        play(&job, replay(Some(recorded.clone()), Some(recorded.clone())))
    };
    let (many, again) = (
        both("seed=1", "cluster.workers=9"),
        both("seed=1", "cluster.workers=9"),
    );
    assert_eq!(many.trace, again.trace);
    let new = many.workers[8].computed;
    assert!(Duration::ZERO < new && new < 9 * 100 * MS, "{new:?}");
}
