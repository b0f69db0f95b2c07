//! Hogwild! (Niu, Recht, Ré, Wright, NIPS 2011): what threads do not see of each other's updates costs
//! nothing where rows share few features, and the run where they share all. Without threads: every gradient
//! is applied a constant number of rows after it was computed, at one step size for all.

use std::collections::VecDeque;

use thalweg_common::permutation::Permutation;
use thalweg_worker::hogwild::objective::{Objective, Point, value};
use thalweg_worker::hogwild::rows::{Bias, SparseRows};
use thalweg_worker::hogwild::sparse_svm::SparseSvm;

use crate::chance::Chance;
use crate::say;

const ROWS: usize = 8_000;
const NONZEROS: usize = 20;
const EPOCHS: u64 = 5;
const RATE: f32 = 0.05;
const LAGS: [usize; 4] = [0, 8, 64, 512];

/// Rows of 20 numbers among so many features; one label of twenty is wrong.
fn problem(features: u32) -> SparseSvm {
    let mut chance = Chance::new(3);
    let truth: Vec<f64> = (0..features).map(|_| chance.normal()).collect();
    let mut rows = SparseRows::new(features);
    for _ in 0..ROWS {
        let mut chosen: Vec<u32> = (0..features).collect();
        for place in 0..NONZEROS {
            let other = place + chance.below(chosen.len() - place);
            chosen.swap(place, other);
        }
        chosen.truncate(NONZEROS);
        chosen.sort_unstable();
        let values: Vec<f64> = chosen.iter().map(|_| chance.normal()).collect();
        let terms = chosen.iter().zip(&values);
        let score: f64 = terms.map(|(v, value)| truth[*v as usize] * value).sum();
        let wrong = chance.unit() < 0.05;
        let label = if (0.0 < score) == wrong { -1.0 } else { 1.0 };
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        rows.push(label, &chosen, &values);
    }
    SparseSvm::new(rows, Bias::Absent, 0.0).unwrap()
}

/// Where a row reads now, and what it will change later.
struct Late<'a> {
    x: &'a [f32],
    gradient: Vec<(usize, f32)>,
}

impl Point for Late<'_> {
    fn read(&self, v: usize) -> f32 {
        self.x[v]
    }

    fn slope(&mut self, v: usize, gradient: f32) {
        self.gradient.push((v, gradient));
    }

    fn slopes_on_simplex(&mut self, _: usize, _: &[f32], _: &[f32]) {
        unreachable!("a support vector machine has no simplex");
    }
}

/// The mean loss after all epochs, with every update so many rows late.
fn loss(problem: &SparseSvm, lag: usize) -> f64 {
    let mut x = vec![0.0; problem.coordinates()];
    let mut late: VecDeque<Vec<(usize, f32)>> = VecDeque::new();
    let apply = |x: &mut [f32], gradient: Vec<(usize, f32)>| {
        for (v, slope) in gradient {
            x[v] -= RATE * slope;
        }
    };
    for epoch in 0..EPOCHS {
        let order = Permutation::new(1, epoch, ROWS as u64);
        for position in 0..ROWS as u64 {
            let mut point = Late {
                x: &x,
                gradient: Vec::new(),
            };
            problem.slopes(order.row(position) as usize, &mut point);
            late.push_back(point.gradient);
            if lag < late.len() {
                let gradient = late.pop_front().unwrap();
                apply(&mut x, gradient);
            }
        }
    }
    late.into_iter()
        .for_each(|gradient| apply(&mut x, gradient));
    value(problem, &x) / ROWS as f64
}

#[test]
fn what_threads_miss_of_each_other_costs_sparse_rows_nothing_and_dense_ones_the_run() {
    say("| rows late | 20 of 2,000 features a row | 20 of 20 |\n|---|---|---|");
    let (sparse, dense) = (problem(2_000), problem(20));
    let table = LAGS.map(|lag| {
        let losses = (loss(&sparse, lag), loss(&dense, lag));
        say(&format!("| {lag} | {:.4} | {:.4} |", losses.0, losses.1));
        losses
    });
    let [at_once, .., last] = table;
    for (lag, losses) in LAGS.into_iter().zip(table) {
        assert!(losses.0 < 1.02 * at_once.0, "{lag}: {losses:?}");
    }
    let few = table[2];
    assert!(
        1.1 * at_once.1 < few.1 && 2.0 * at_once.1 < last.1,
        "{table:?}"
    );
}
