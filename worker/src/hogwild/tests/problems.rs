//! Small problems of every kind.

use thalweg_common::seed::{mix, normal, unit};

use crate::data::{InMemory, Rows, Task};
use crate::hogwild::graph_cut::{Edge, GraphCut};
use crate::hogwild::matrix_completion::{Entry, MatrixCompletion};
use crate::hogwild::order::below;
use crate::hogwild::rows::Bias;
use crate::hogwild::sparse_least_squares::SparseLeastSquares;
use crate::hogwild::sparse_logistic::SparseLogistic;
use crate::hogwild::sparse_svm::SparseSvm;
use crate::hogwild::{Problem, single};

/// Mixed words, one after the other.
pub(super) fn words(seed: u64) -> impl FnMut() -> u64 {
    let mut count = 0;
    move || {
        count += 1;
        mix(mix(seed) ^ mix(count))
    }
}

/// Rows over skewed features, whose labels a rule of their own decides, but for a few.
pub(super) fn rows(count: u64, features: u32, task: Task) -> InMemory {
    let mut word = words(11);
    let truth: Vec<f64> = (0..features).map(|_| normal(1.0, word())).collect();
    let mut rows = Rows::new();
    for number in 0..count {
        // The product of two even numbers is small more often than not.
        let mut even = || below(word(), features as usize);
        let mut chosen: Vec<u32> = (0..8)
            .map(|_| u32::try_from(even() * even() / features as usize).unwrap())
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        let values: Vec<f32> = chosen.iter().map(|_| single(0.2 + unit(word()))).collect();
        let terms = chosen.iter().zip(&values);
        let score: f64 = terms
            .map(|(f, value)| truth[*f as usize] * f64::from(*value))
            .sum();
        let flip = unit(word()) < 0.05;
        let label = if (0.0 < score) != flip { 1.0 } else { -1.0 };
        rows.push(number, label, &chosen, &values);
    }
    InMemory::from_rows(&rows, u64::from(features), task)
}

/// Ratings that are inner products of vectors of five numbers, with noise of this deviation; and as many
/// others.
pub(super) fn ratings(
    (users, items): (u32, u32),
    count: usize,
    noise: f64,
) -> (Vec<Entry>, Vec<Entry>) {
    const RANK: u32 = 5;
    let mut word = words(5);
    let mut vectors =
        |rows: u32| -> Vec<f64> { (0..rows * RANK).map(|_| normal(0.7, word())).collect() };
    let (of_users, of_items) = (vectors(users), vectors(items));
    let mut word = words(6);
    let mut draw = || {
        let user = u32::try_from(below(word(), users as usize)).unwrap();
        let item = u32::try_from(below(word(), items as usize)).unwrap();
        let product: f64 = (0..RANK)
            .map(|k| of_users[(user * RANK + k) as usize] * of_items[(item * RANK + k) as usize])
            .sum();
        let value = single(product + normal(noise, word()));
        Entry { user, item, value }
    };
    let train = (0..count).map(|_| draw()).collect();
    (train, (0..count).map(|_| draw()).collect())
}

/// A connected graph of so many nodes with random weights, whose first nodes are seeds of the classes.
pub(super) fn graph(nodes: u32, classes: u32, seed: u64) -> GraphCut {
    let mut word = words(seed);
    let mut weight = || single(0.25 + unit(word()));
    let mut edges: Vec<Edge> = (1..nodes)
        .map(|v| Edge {
            u: v - 1,
            v,
            weight: weight(),
        })
        .collect();
    let mut word = words(seed + 1_000);
    for _ in 0..2 * nodes {
        let u = u32::try_from(below(word(), nodes as usize)).unwrap();
        let v = u32::try_from(below(word(), nodes as usize)).unwrap();
        if u != v {
            let weight = single(0.25 + unit(word()));
            edges.push(Edge { u, v, weight });
        }
    }
    let seeds = (0..nodes).map(|node| (node < classes).then_some(node));
    GraphCut::new(edges, classes as usize, seeds.collect()).unwrap()
}

/// One of each kind, some with biases and an L2 term, some without.
pub(super) fn all() -> Vec<(&'static str, Problem)> {
    let data = rows(700, 300, Task::Binary);
    let numbers = rows(700, 300, Task::Real);
    let squares = |bias, lambda| {
        Problem::SparseLeastSquares(SparseLeastSquares::of(&numbers, bias, lambda).unwrap())
    };
    let svm = |bias, lambda| Problem::SparseSvm(SparseSvm::of(&data, bias, lambda).unwrap());
    let logistic =
        |bias, lambda| Problem::SparseLogistic(SparseLogistic::of(&data, bias, lambda).unwrap());
    let completion = |bias| {
        let (train, _) = ratings((40, 30), 600, 0.1);
        let objective = MatrixCompletion::new(train, (40, 30), 5, 0.05, bias);
        Problem::MatrixCompletion(objective.unwrap())
    };
    vec![
        ("svm", svm(Bias::Absent, 0.5)),
        ("svm without a penalty", svm(Bias::Added, 0.0)),
        ("logistic", logistic(Bias::Added, 0.3)),
        ("logistic without a penalty", logistic(Bias::Absent, 0.0)),
        ("completion", completion(Bias::Absent)),
        ("completion with biases", completion(Bias::Added)),
        ("cut of 2", Problem::GraphCut(graph(30, 2, 1))),
        ("cut of 4", Problem::GraphCut(graph(50, 4, 2))),
        ("squares", squares(Bias::Added, 0.3)),
        ("squares without a penalty", squares(Bias::Absent, 0.0)),
    ]
}
