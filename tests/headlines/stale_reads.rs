//! Stale-synchronous parallel (Ho et al., NIPS 2013): what is read may be kept as long as the lag permits,
//! so that a growing lag saves waiting and transfer, and every step knows less. Matrix factorisation, four
//! workers whose durations are log-normal and of which one after the other is slow, under the servers'
//! own gate in virtual time.

use std::collections::BTreeSet;

use thalweg_common::consistency::Consistency;

use crate::chance::Chance;
use crate::gate::Waiting;
use crate::say;

const SIDE: usize = 120;
const RANK: usize = 5;
const WORKERS: usize = 4;
const BATCH: usize = 40;
/// Iterations from one look at the loss to the next, and after which a run has failed.
const EVALUATE_EVERY: usize = 50;
const ITERATIONS_MAX: usize = 30_000;
/// What a read costs, in mean computations: the network's share.
const READ_COST: f64 = 1.5;
/// Iterations of one worker in which another is slow, and by how much.
const SLOW_FOR: usize = 8;
const SLOW_BY: f64 = 6.0;

struct Factors {
    entries: Vec<(usize, usize, f32)>,
    start: Vec<f32>,
}

impl Factors {
    fn new() -> Self {
        let mut chance = Chance::new(5);
        let truth: Vec<f64> = (0..2 * SIDE * RANK).map(|_| chance.normal()).collect();
        let row = |at: usize| &truth[at * RANK..(at + 1) * RANK];
        let mut entries = Vec::new();
        for _ in 0..SIDE * SIDE / 2 {
            let (u, v) = (chance.below(SIDE), SIDE + chance.below(SIDE));
            let value: f64 = row(u).iter().zip(row(v)).map(|(a, b)| a * b).sum();
            entries.push((u, v, (value / (RANK as f64).sqrt()) as f32));
        }
        let start = (0..2 * SIDE * RANK).map(|_| 0.3 * chance.normal() as f32);
        Self {
            start: start.collect(),
            entries,
        }
    }

    fn predict(x: &[f32], u: usize, v: usize) -> f32 {
        let (a, b) = (&x[u * RANK..(u + 1) * RANK], &x[v * RANK..(v + 1) * RANK]);
        let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        product / (RANK as f32).sqrt()
    }

    fn loss(&self, x: &[f32]) -> f64 {
        let squares = self.entries.iter().map(|(u, v, value)| {
            let error = f64::from(Self::predict(x, *u, *v) - value);
            error * error
        });
        squares.sum::<f64>() / self.entries.len() as f64
    }

    /// Adds a step of SGD, computed at `at`, to `x`.
    fn step(&self, at: &[f32], x: &mut [f32], lr: f32, chance: &mut Chance) {
        for _ in 0..BATCH {
            let (u, v, value) = self.entries[chance.below(self.entries.len())];
            let error = Self::predict(at, u, v) - value;
            for k in 0..RANK {
                let (a, b) = (at[u * RANK + k], at[v * RANK + k]);
                x[u * RANK + k] -= lr * error * b;
                x[v * RANK + k] -= lr * error * a;
            }
        }
    }
}

struct Run {
    /// Virtual time at which the target was reached.
    time: f64,
    iterations: usize,
}

/// How long a worker computes its iteration `own`: every worker is the slow one in its turn.
fn computing(worker: usize, own: usize, chance: &mut Chance) -> f64 {
    let takes = (0.5 * chance.normal()).exp();
    match own / SLOW_FOR % WORKERS == worker {
        true => takes * SLOW_BY,
        false => takes,
    }
}

fn run(factors: &Factors, lag: Option<u64>, lr: f32, target: f64) -> Option<Run> {
    let model = match lag {
        Some(0) => Consistency::Bsp,
        Some(lag) => Consistency::Ssp { lag },
        None => Consistency::Asp,
    };
    let mut gate = Waiting::new(model, WORKERS, 0);
    let mut chance = Chance::new(9);
    let mut x = factors.start.clone();
    let mut caches: Vec<(Vec<f32>, usize)> = vec![(x.clone(), usize::MAX); WORKERS];
    let mut started = [0_usize; WORKERS];
    let mut ahead: BTreeSet<(u64, usize)> = BTreeSet::new();
    let mut ready: Vec<usize> = (0..WORKERS).collect();
    let (mut now, mut iterations) = (0_u64, 0);
    loop {
        for worker in std::mem::take(&mut ready) {
            let own = started[worker];
            if gate.lets(worker, own as u64) {
                let (_, age) = caches[worker];
                // What was read serves as long as the lag permits; without a bound, for ever.
                let serves =
                    age != usize::MAX && lag.is_none_or(|lag| own < age + 1 + lag as usize);
                let mut takes = computing(worker, own, &mut chance);
                if !serves {
                    caches[worker] = (x.clone(), own);
                    takes += READ_COST;
                }
                started[worker] += 1;
                ahead.insert((now + (takes * 1e6) as u64, worker));
            }
        }
        let (time, worker) = ahead.pop_first()?;
        now = time;
        iterations += 1;
        let (cache, _) = &mut caches[worker];
        let at = cache.clone();
        // Its own steps are in what a worker sees.
        let mut draws = chance.clone();
        factors.step(&at, &mut x, lr, &mut chance);
        factors.step(&at, cache, lr, &mut draws);
        if iterations % EVALUATE_EVERY == 0 {
            let loss = factors.loss(&x);
            if loss <= target {
                let time = now as f64 / 1e6;
                return Some(Run { time, iterations });
            }
            if !loss.is_finite() || ITERATIONS_MAX < iterations {
                return None;
            }
        }
        ready = gate.finish(worker, started[worker] as u64);
    }
}

#[test]
fn the_least_time_to_a_loss_is_at_a_lag_between_none_and_any() {
    let factors = Factors::new();
    let target = 0.05;
    // The rate is the best without lag; the grid goes on until it is inside.
    let rates = [0.02, 0.04, 0.08, 0.16, 0.32, 0.64];
    let timed = rates.map(|lr| (run(&factors, Some(0), lr, target).map(|run| run.time), lr));
    let reached = timed.iter().filter_map(|(time, lr)| Some(((*time)?, *lr)));
    let (_, lr) = reached.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    assert!(rates[0] < lr && lr < rates[rates.len() - 1], "{timed:?}");
    say(&format!("loss {target} at lr {lr}, the best at lag 0"));
    say("| lag | time | iterations | time per iteration |\n|---|---|---|---|");
    let lags = [Some(0), Some(1), Some(3), Some(10), Some(30), None];
    let times = lags.map(|lag| {
        let word = lag.map_or("any".to_owned(), |lag: u64| lag.to_string());
        match run(&factors, lag, lr, target) {
            Some(run) => {
                let each = run.time / run.iterations as f64;
                say(&format!(
                    "| {word} | {:.0} | {} | {each:.2} |",
                    run.time, run.iterations
                ));
                run.time
            }
            None => {
                say(&format!("| {word} | never | | |"));
                f64::INFINITY
            }
        }
    });
    let best = (0..lags.len())
        .min_by(|a, b| times[*a].total_cmp(&times[*b]))
        .unwrap();
    assert!(0 < best && best < lags.len() - 1, "{times:?}");
}
