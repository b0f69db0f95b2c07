//! Rounds without the slowest (Chen et al., 2016): 100 workers of which every hundredth gradient takes
//! ten times as long (and keeps its worker from several rounds), under the servers' gate and a shard's rounds in virtual time.

use std::collections::BTreeSet;

use thalweg_common::consistency::Consistency;

use crate::chance::Chance;
use crate::gate::Waiting;
use crate::say;

const WORKERS: usize = 100;
const ROUNDS: u64 = 150;

/// Virtual time of all rounds, and gradients that were in time for theirs.
fn run(backups: u32) -> (f64, usize) {
    let mut gate = Waiting::new(Consistency::Bsp, WORKERS, backups);
    let mut chance = Chance::new(6);
    let needed = WORKERS - backups as usize;
    // The round that each worker computes for, and iterations that it has finished.
    let (mut of_round, mut own) = ([0_u64; WORKERS], [0_u64; WORKERS]);
    let mut ahead: BTreeSet<(u64, usize)> = BTreeSet::new();
    let mut ready: Vec<usize> = (0..WORKERS).collect();
    let (mut now, mut round, mut arrived, mut used) = (0, 0, 0, 0);
    while round < ROUNDS {
        for worker in std::mem::take(&mut ready) {
            if gate.lets(worker, own[worker]) {
                of_round[worker] = round;
                let slow = if chance.unit() < 0.01 { 10.0 } else { 1.0 };
                let takes = slow * (1.0 + 0.1 * chance.exponential());
                ahead.insert((now + (takes * 1e6) as u64, worker));
            }
        }
        let (time, worker) = ahead.pop_first().unwrap();
        now = time;
        if of_round[worker] == round {
            arrived += 1;
            used += 1;
            if arrived == needed {
                (round, arrived) = (round + 1, 0);
            }
        }
        own[worker] += 1;
        ready = gate.finish(worker, own[worker]);
    }
    (now as f64 / 1e6, used)
}

#[test]
fn a_few_backup_workers_take_in_the_most_gradients_in_a_given_time() {
    say(
        "| backup workers of 100 | time per round | gradients taken in per unit of time |\n|---|---|---|",
    );
    let counts = [0, 1, 2, 4, 8, 16, 32];
    let rates = counts.map(|backups| {
        let (time, used) = run(backups);
        let (of_round, rate) = (time / ROUNDS as f64, used as f64 / time);
        say(&format!("| {backups} | {of_round:.2} | {rate:.1} |"));
        (of_round, rate)
    });
    let best = (0..counts.len())
        .max_by(|a, b| rates[*a].1.total_cmp(&rates[*b].1))
        .unwrap();
    assert!((1..=16).contains(&counts[best]), "{rates:?}");
    assert!(
        rates.windows(2).all(|pair| pair[1].0 <= pair[0].0),
        "rounds only get shorter"
    );
    assert!(2.0 * rates[0].1 < rates[best].1, "{rates:?}");
}
