//! Problems whose best answer is known from elsewhere.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::problems::{graph, ratings};
use crate::hogwild::graph_cut::GraphCut;
use crate::hogwild::matrix_completion::MatrixCompletion;
use crate::hogwild::rows::Bias;
use crate::hogwild::{Judge, Scheme, Settings, run_on};

#[test]
fn a_matrix_of_rank_5_is_completed_to_within_its_noise() {
    let noise = 0.1;
    let (train, test) = ratings((300, 200), 40_000, noise);
    let objective = MatrixCompletion::new(train, (300, 200), 5, 0.02, Bias::Absent).unwrap();
    for (threads, scheme) in [
        (1, Scheme::Sequential),
        (2, Scheme::Hogwild),
        (2, Scheme::TieredReplicas),
    ] {
        let settings = Settings {
            threads,
            epochs: 60,
            rate: 0.03,
            back_off: 0.95,
            scheme,
            ..Settings::default()
        };
        let found = run_on(&objective, None, &settings, &mut |_| {
            ControlFlow::Continue(())
        });
        let x = found.unwrap().parameters;
        let errors = test.iter().map(|entry| {
            let predicted = objective.predict(entry, &|v| f64::from(x[v]));
            (predicted - f64::from(entry.value)).powi(2)
        });
        let error = (errors.sum::<f64>() / test.len() as f64).sqrt();
        assert!(error < 1.05 * noise, "{scheme:?}: {error}");
    }
}

/// The weight of the least cut between nodes 0 and 1: the flow along shortest augmenting paths is the
/// greatest, and equals it.
///
/// Source: Edmonds and Karp, Journal of the ACM 19 (1972).
fn least_cut(objective: &GraphCut, nodes: usize) -> f64 {
    let mut room = vec![vec![0.0_f64; nodes]; nodes];
    for edge in objective.edges() {
        let (u, v) = (edge.u as usize, edge.v as usize);
        room[u][v] += f64::from(edge.weight);
        room[v][u] += f64::from(edge.weight);
    }
    let mut flow = 0.0;
    loop {
        let mut before = vec![None; nodes];
        let mut queue = VecDeque::from([0]);
        while let Some(u) = queue.pop_front() {
            for v in 0..nodes {
                if v != 0 && before[v].is_none() && 1e-12 < room[u][v] {
                    before[v] = Some(u);
                    queue.push_back(v);
                }
            }
        }
        if before[1].is_none() {
            return flow;
        }
        let (mut path, mut v) = (Vec::new(), 1);
        while let Some(u) = before[v] {
            path.push((u, v));
            v = u;
        }
        let least = path
            .iter()
            .map(|(u, v)| room[*u][*v])
            .fold(f64::MAX, f64::min);
        for (u, v) in path {
            room[u][v] -= least;
            room[v][u] += least;
        }
        flow += least;
    }
}

#[test]
fn cuts_of_two_classes_are_within_a_percent_of_the_least_one() {
    for seed in 0..20 {
        let nodes = 12 + u32::try_from(seed).unwrap();
        let objective = graph(nodes, 2, seed);
        // Both shares of a node differ where it is cut.
        let best = 2.0 * least_cut(&objective, nodes as usize);
        for (threads, scheme) in [(1, Scheme::Sequential), (2, Scheme::Hogwild)] {
            let settings = Settings {
                threads,
                epochs: 6_000,
                rate: 0.1,
                back_off: 0.998_5,
                judge: Judge::AtEnd,
                scheme,
                ..Settings::default()
            };
            let mut flow = |_: crate::hogwild::Epoch<'_>| ControlFlow::Continue(());
            let found = run_on(&objective, None, &settings, &mut flow).unwrap();
            let cut = found.loss().unwrap();
            assert!(
                (cut / best - 1.0).abs() < 0.01,
                "{seed}, {scheme:?}: {cut}, {best}"
            );
            for x in found.parameters.chunks(2) {
                assert!((x[0] + x[1] - 1.0).abs() < 1e-3, "{seed}: {x:?}");
            }
        }
    }
}
