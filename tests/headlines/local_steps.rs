//! DiLoCo (Douillard et al., 2023; Liu et al., 2024): the same number of local steps with ever fewer
//! exchanges, under three outer optimizers.

use thalweg_common::ids::Generation;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::push_format::PushFormat;
use thalweg_common::shard_map::ShardMap;
use thalweg_worker::method::{
    Effect, Event, LocalPlan, LocalSteps, Rounding, TrainingMethod, When,
};

use crate::chance::Chance;
use crate::elastic_averaging::{WHEN, local, settings, vector};
use crate::problem::{Problem, Score};
use crate::say;
use crate::shard::Shard;

const WORKERS: usize = 4;
const STEPS: u64 = 600;

struct Outer {
    name: &'static str,
    rule: (&'static str, &'static str),
    lr: f64,
}

const AVERAGE: Outer = Outer {
    name: "sgd, lr 1 (local_sgd)",
    rule: ("sgd", ""),
    lr: 1.0,
};
const NESTEROV: Outer = Outer {
    name: "nesterov, lr 0.7 (diloco)",
    rule: ("nesterov", "momentum = 0.9"),
    lr: 0.7,
};

fn workers(period: u64, lr: f64, rounding: &Rounding) -> Vec<LocalSteps> {
    let plan = || LocalPlan {
        rounding: rounding.clone(),
        ..local("adamw", "", lr)
    };
    (0..WORKERS)
        .map(|_| LocalSteps::new(&settings(period, 0.0), plan()))
        .collect()
}

/// One period of a worker from what is pulled; how far it came.
fn period_of(
    worker: &mut LocalSteps,
    problem: &mut Problem,
    pulled: Vec<f32>,
    (period, chance): (u64, &mut Chance),
) -> Vec<f32> {
    let mut replica = vector(pulled);
    worker.step(Event::Arrived {
        replica: &mut replica,
        missing: &[],
    });
    for step in 1..=period {
        let when = When {
            is_last: step == period,
            ..WHEN
        };
        let gradient = vector(problem.gradient(&replica.values, chance));
        let effects = worker.step(Event::Gradient {
            replica: &mut replica,
            gradient,
            when,
        });
        if let Some(Effect::Push(_, way)) = effects.into_iter().next() {
            return way.unwrap().values;
        }
    }
    unreachable!("a period ends with a push")
}

/// Rounds of all workers; the bytes are what one worker pulls and pushes.
fn in_rounds(problem: &mut Problem, outer: &Outer, period: u64, lr: f64) -> (Score, u64) {
    let score = in_rounds_of(problem, outer, (period, lr), (&Rounding::none(), 3));
    (score, STEPS / period * 8 * problem.start.len() as u64)
}

/// Rounds of all workers whose pushes are rounded.
fn in_rounds_of(
    problem: &mut Problem,
    outer: &Outer,
    (period, lr): (u64, f64),
    (rounding, seed): (&Rounding, u64),
) -> Score {
    let mut chance = Chance::new(seed);
    let mut servers = Shard::new(outer.rule.0, outer.rule.1, &problem.start);
    let mut workers = workers(period, lr, rounding);
    for _ in 0..STEPS / period {
        let read = servers.read();
        let mut mean = vec![0.0; read.x.len()];
        for worker in &mut workers {
            let way = period_of(worker, problem, read.x.clone(), (period, &mut chance));
            for (sum, way) in mean.iter_mut().zip(way) {
                *sum += way / WORKERS as f32;
            }
        }
        servers.step(outer.lr, &mean, &read, 1.0);
    }
    problem.score(&servers.read().x)
}

/// The least loss over rates in the workers, or that of the one rate; its rate, and the bytes.
fn row(problem: &mut Problem, outer: &Outer, period: u64, rates: &[f64]) -> (f64, u64) {
    let runs = rates
        .iter()
        .map(|lr| (in_rounds(problem, outer, period, *lr), *lr));
    let least = runs.min_by(|a, b| a.0.0.loss.total_cmp(&b.0.0.loss));
    let ((score, bytes), lr) = least.unwrap();
    let kilobytes = bytes as f64 / 1e3;
    say(&format!(
        "| {period} | {} | {lr} | {:.4} | {:.3} | {kilobytes:.0} |",
        outer.name, score.loss, score.error
    ));
    (score.loss, bytes)
}

const HEAD: &str = "| communication period | outer optimizer | lr in the workers | loss | test error | kB per \
                    worker |\n|---|---|---|---|---|---|";

#[test]
fn outer_momentum_makes_up_for_small_rates_in_the_workers() {
    let mut problem = Problem::new();
    say(HEAD);
    let rate = [1e-3];
    let (every, bytes_of_every) = row(&mut problem, &AVERAGE, 1, &rate);
    for period in [20, 100] {
        let (average, _) = row(&mut problem, &AVERAGE, period, &rate);
        let (nesterov, bytes) = row(&mut problem, &NESTEROV, period, &rate);
        assert_eq!(bytes * period, bytes_of_every);
        assert!(nesterov <= average, "{nesterov} beside {average}");
        assert!(nesterov <= every, "{nesterov} beside {every}");
    }
}

#[test]
fn local_steps_reach_the_loss_of_every_step_with_a_twentieth_of_the_bytes() {
    let mut problem = Problem::new();
    say(HEAD);
    let rates = [3e-3, 1e-2, 3e-2, 1e-1];
    let (every, bytes_of_every) = row(&mut problem, &AVERAGE, 1, &rates);
    let (local, bytes) = row(&mut problem, &AVERAGE, 20, &rates);
    row(&mut problem, &NESTEROV, 20, &rates);
    assert_eq!(20 * bytes, bytes_of_every);
    assert!(local <= 1.05 * every, "{local} beside {every}");
}

/// The rounding of pushes of so many elements over two servers.
fn rounding(format: PushFormat, elements: usize) -> Rounding {
    let tensor = Tensor::trainable("w", vec![elements as u64]);
    let layout = ParameterLayout::new(vec![tensor]).unwrap();
    Rounding::new(format, &ShardMap::plan(&layout, 2, Generation(1)).unwrap())
}

#[test]
fn a_way_in_a_quarter_of_the_bytes_leads_to_the_same_loss() {
    const SEEDS: [u64; 4] = [3, 4, 5, 6];
    let mut problem = Problem::new();
    say(
        "| communication period | outer optimizer | lr in the workers | push_format | loss | test error |",
    );
    say("|---|---|---|---|---|---|");
    for (outer, period, lr) in [
        (AVERAGE, 20, 1e-2),
        (NESTEROV, 20, 1e-3),
        (NESTEROV, 100, 1e-3),
    ] {
        let mut plain = f64::NAN;
        for format in PushFormat::ALL {
            let rounding = rounding(format, problem.start.len());
            let mut score = |seed| {
                let score = in_rounds_of(&mut problem, &outer, (period, lr), (&rounding, seed));
                (score.loss, score.error)
            };
            let scores = SEEDS.map(&mut score);
            let mean = |of: fn(&(f64, f64)) -> f64| scores.iter().map(of).sum::<f64>() / 4.0;
            let (loss, error) = (mean(|score| score.0), mean(|score| score.1));
            say(&format!(
                "| {period} | {} | {lr} | {format} | {loss:.4} | {error:.3} |",
                outer.name
            ));
            if format == PushFormat::F32 {
                plain = loss;
            }
            let share = loss / plain;
            assert!(
                (share - 1.0).abs() < 5e-3,
                "{format} under {}: {share}",
                outer.name
            );
        }
    }
}

/// Workers of speeds 1 : 2 : 3 : 4 that push when they are there.
fn as_they_come(problem: &mut Problem, outer: &Outer, seed: u64) -> f64 {
    let (period, mut chance) = (20, Chance::new(seed));
    let mut servers = Shard::new(outer.rule.0, outer.rule.1, &problem.start);
    let mut workers = workers(period, 1e-3, &Rounding::none());
    let mut reads: Vec<_> = (0..WORKERS).map(|_| servers.read()).collect();
    let mut next: Vec<f64> = (1..=WORKERS).map(|speed| 1.0 / speed as f64).collect();
    for _ in 0..STEPS / period * WORKERS as u64 {
        let arrives = |a: &usize, b: &usize| next[*a].total_cmp(&next[*b]);
        let worker = (0..WORKERS).min_by(arrives).unwrap();
        let pulled = reads[worker].x.clone();
        let way = period_of(&mut workers[worker], problem, pulled, (period, &mut chance));
        servers.step(outer.lr, &way, &reads[worker].clone(), 1.0);
        reads[worker] = servers.read();
        next[worker] += 1.0 / (worker + 1) as f64;
    }
    problem.score(&servers.read().x).loss
}

#[test]
fn momentum_that_moves_with_every_arrival_overshoots_and_delayed_momentum_does_not() {
    let mut problem = Problem::new();
    let delayed = Outer {
        name: "delayed_nesterov",
        rule: ("delayed_nesterov", "momentum = 0.9\nperiod = 4"),
        lr: 0.7,
    };
    let [every, delayed] = [NESTEROV, delayed].map(|outer| as_they_come(&mut problem, &outer, 4));
    say(&format!(
        "arrivals one by one, period 20: loss {every:.4} under nesterov at every arrival, {delayed:.4} \
         under delayed_nesterov"
    ));
    assert!(delayed < every, "{delayed} beside {every}");
}
