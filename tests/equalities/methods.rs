//! Every method under every driver: one rule, three ways to run it.

use std::time::Duration;

use rayon::ThreadPoolBuilder;
use thalweg::job::ResolvedJob;
use thalweg::launch::train_in_process;
use thalweg::simulate::{History, Physics, Simulation};
use thalweg_common::consistency::Consistency;
use thalweg_worker::evaluate::evaluate;
use thalweg_worker::method::{METHODS, MethodEntry, Place};

use crate::support::{bits, small};

fn simulate(job: &ResolvedJob) -> History {
    let physics = Physics::constant(Duration::from_millis(3), Duration::from_millis(2));
    Simulation::new(job, physics).unwrap().run().unwrap()
}

/// The small job under a method, with its own optimizer at a rate at which it does something.
fn under(method: &str, sets: &[&str]) -> ResolvedJob {
    let method = format!("method.name={method}");
    let all = [&[&method, "optimizer.lr=0.05"][..], sets].concat();
    small(&all)
}

/// The methods of servers and workers; threads on one model have one driver alone.
fn of_clusters() -> impl Iterator<Item = &'static MethodEntry> {
    METHODS.iter().filter(|entry| entry.machine().is_some())
}

#[test]
fn one_worker_takes_the_same_steps_on_any_shards_and_under_any_driver() {
    for entry in of_clusters() {
        let alone = ["cluster.workers=1"];
        let one = simulate(&under(entry.name, &alone));
        assert!(one.parameters.iter().any(|x| *x != 0.0), "{}", entry.name);
        let servers = ["cluster.workers=1", "cluster.servers=3"];
        let job = under(entry.name, &servers);
        let three = simulate(&job);
        assert_eq!(
            bits(&one.parameters),
            bits(&three.parameters),
            "{}",
            entry.name
        );
        let threads = train_in_process(&job).unwrap();
        assert_eq!(
            bits(&one.parameters),
            bits(&threads),
            "{} on threads",
            entry.name
        );
    }
}

#[test]
fn rounds_of_several_workers_are_the_same_under_any_driver() {
    let mut checked = 0;
    for entry in of_clusters() {
        let job = under(entry.name, &["cluster.workers=3", "cluster.servers=2"]);
        if job.blueprint.config.consistency.model != Consistency::Bsp {
            continue;
        }
        let simulated = simulate(&job).parameters;
        let threads = train_in_process(&job).unwrap();
        assert_eq!(bits(&simulated), bits(&threads), "{}", entry.name);
        checked += 1;
    }
    assert_eq!(checked, 3, "synchronous, local_sgd, diloco");
    // Elastic averaging has a synchronous form.
    let sets = [
        "cluster.workers=3",
        "consistency.model=bsp",
        "method.communication_period=1",
    ];
    for method in ["easgd", "eamsgd"] {
        let job = under(method, &sets);
        let threads = train_in_process(&job).unwrap();
        assert_eq!(bits(&simulate(&job).parameters), bits(&threads), "{method}");
    }
}

/// What workers with local steps push in fewer bytes.
const NARROW: [&str; 2] = ["method.push_format=bf16", "method.push_format=int8"];

fn with_local_steps() -> impl Iterator<Item = &'static str> {
    let entries = METHODS.iter();
    entries
        .filter(|entry| matches!(entry.place, Place::Workers(_)))
        .map(|entry| entry.name)
}

#[test]
fn pushes_in_fewer_bytes_are_the_same_under_any_driver() {
    for format in NARROW {
        for method in with_local_steps() {
            let wide = ["cluster.workers=1", "cluster.servers=2"];
            let sets = [&wide[..], &[format]].concat();
            let (job, wide) = (under(method, &sets), under(method, &wide));
            let simulated = simulate(&job).parameters;
            let threads = train_in_process(&job).unwrap();
            assert_eq!(bits(&simulated), bits(&threads), "{method}, {format}");
            let wide = simulate(&wide).parameters;
            assert_ne!(bits(&simulated), bits(&wide), "{method}, {format}");
            for (a, b) in simulated.iter().zip(&wide) {
                assert!((a - b).abs() < 0.05, "{method}, {format}: {a} beside {b}");
            }
        }
        for method in ["local_sgd", "diloco"] {
            let sets = ["cluster.workers=3", "cluster.servers=2", format];
            let job = under(method, &sets);
            let threads = train_in_process(&job).unwrap();
            let simulated = simulate(&job).parameters;
            assert_eq!(bits(&simulated), bits(&threads), "{method}, {format}");
        }
    }
}

#[test]
fn bf16_knows_nothing_of_shards_and_every_format_of_a_seed() {
    for method in with_local_steps() {
        let alone = ["cluster.workers=1", NARROW[0]];
        let shards = ["cluster.workers=1", "cluster.servers=3", NARROW[0]];
        let one = simulate(&under(method, &alone)).parameters;
        let three = simulate(&under(method, &shards)).parameters;
        assert_eq!(bits(&one), bits(&three), "{method}");
        for format in NARROW {
            let sets = ["cluster.workers=4", "cluster.servers=2", format];
            let job = under(method, &sets);
            let (first, again) = (simulate(&job), simulate(&job));
            assert_eq!(first.trace, again.trace, "{method}, {format}");
            assert_eq!(bits(&first.parameters), bits(&again.parameters));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history_of_every_method() {
    for entry in of_clusters() {
        let sets = [
            "cluster.workers=4",
            "cluster.servers=2",
            "method.overlap=full",
        ];
        let job = under(entry.name, &sets);
        let (first, again) = (simulate(&job), simulate(&job));
        assert_eq!(first.trace, again.trace, "{}", entry.name);
        let rows = first.statuses[0].progress;
        assert_eq!(rows, job.blueprint.examples_total(), "{}", entry.name);
    }
}

#[test]
fn every_method_learns_with_four_workers_and_two_servers() {
    for entry in of_clusters() {
        let sets = ["cluster.workers=4", "cluster.servers=2", "train.epochs=4"];
        let history = simulate(&under(entry.name, &sets));
        let status = &history.statuses[0];
        let loss = status.loss_sum / status.loss_weight;
        assert!(loss < 0.69, "{}: {loss}", entry.name);
    }
}

#[test]
fn a_period_that_is_longer_than_the_run_still_moves_the_model() {
    for entry in of_clusters() {
        let longer: &[&str] = match entry.place {
            Place::Workers(_) => &["method.communication_period=1000"],
            // Their steps are made of single pushes.
            _ if entry
                .fixed
                .iter()
                .any(|fixed| fixed.key == "optimizer.name") =>
            {
                &[]
            }
            _ if under(entry.name, &[]).blueprint.config.consistency.model == Consistency::Bsp => {
                &[]
            }
            _ => &["method.n_push=1000", "method.n_pull=1000"],
        };
        if longer.is_empty() {
            continue;
        }
        let sets = [
            "cluster.workers=2",
            "cluster.servers=2",
            "optimizer.lr=0.02",
        ];
        let job = under(entry.name, &[&sets[..], longer].concat());
        let history = simulate(&job);
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (model, rows) = (&job.blueprint.model, &job.data.train);
        let loss = |x: &[f32]| {
            let judged = evaluate(model.as_ref(), rows.as_ref(), u64::MAX, x, &pool);
            judged.unwrap().scores.loss.unwrap()
        };
        let (before, after) = (
            loss(&vec![0.0; history.parameters.len()]),
            loss(&history.parameters),
        );
        assert!(
            after < before - 0.001,
            "{}: {before} to {after}",
            entry.name
        );
        assert_eq!(history.statuses[0].progress, job.blueprint.examples_total());
    }
}

#[test]
fn one_worker_under_a_method_that_has_nothing_to_correct_is_plain_sgd() {
    let plain = simulate(&under("downpour", &["cluster.workers=1"]));
    for (method, sets) in [
        ("synchronous", &[][..]),
        ("staleness_aware", &[]),
        ("n_softsync", &[]),
        ("gap_aware", &[]),
        ("dc_asgd_constant", &[]),
        ("dc_asgd_adaptive", &[]),
        ("easgd", &["method.elastic_rate=1e-30"]),
    ] {
        let sets = [&["cluster.workers=1"][..], sets].concat();
        let found = simulate(&under(method, &sets));
        if method == "easgd" {
            assert!(
                found.parameters.iter().all(|x| x.abs() < 1e-20),
                "a spring of nothing never moves the centre"
            );
        } else {
            assert_eq!(bits(&found.parameters), bits(&plain.parameters), "{method}");
        }
    }
    // The period of one worker is its mean.
    let local = simulate(&under(
        "local_sgd",
        &["cluster.workers=1", "method.communication_period=1"],
    ));
    let pairs = local.parameters.iter().zip(&plain.parameters);
    pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a}, {b}"));
}

#[test]
fn local_sgd_of_period_one_is_synchronous_sgd() {
    let sets = ["cluster.workers=3", "cluster.servers=2"];
    let synchronous = under(
        "synchronous",
        &[&sets[..], &["optimizer.name=sgd"]].concat(),
    );
    let local = under(
        "local_sgd",
        &[&sets[..], &["method.communication_period=1"]].concat(),
    );
    let (a, b) = (
        simulate(&synchronous).parameters,
        simulate(&local).parameters,
    );
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-5, "{a}, {b}");
    }
}

/// Parts that came too late.
fn late(history: &History) -> u64 {
    let workers = history.statuses.iter().flat_map(|s| &s.workers);
    workers.map(|w| w.parts.late).sum()
}

#[test]
fn a_worker_that_is_lost_or_slow_does_not_hold_up_rounds_that_go_without_it() {
    let sets = [
        "cluster.workers=4",
        "cluster.servers=2",
        "consistency.backup_workers=1",
        "train.pull=whole",
    ];
    let job = under("synchronous", &sets);
    let history = simulate(&job);
    assert_eq!(history.statuses[0].progress, job.blueprint.examples_total());
    assert!(
        0 < late(&history),
        "of four equal workers the last of each round is late"
    );
}

#[test]
fn a_limit_on_staleness_is_kept_and_what_it_leaves_out_is_counted() {
    let sets = [
        "cluster.workers=4",
        "cluster.servers=2",
        "consistency.staleness_limit=1",
    ];
    let job = under("downpour", &sets);
    let history = simulate(&job);
    assert_eq!(history.statuses[0].progress, job.blueprint.examples_total());
    for status in &history.statuses {
        assert!(status.staleness.max <= 1, "{:?}", status.staleness);
    }
    assert!(0 < late(&history));
}
