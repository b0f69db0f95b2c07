//! The slopes of every objective against differences of its value.

use super::problems;
use crate::hogwild::objective::Objective;
use crate::hogwild::points::Recorder;
use crate::hogwild::problem::of_each;
use crate::hogwild::{Problem, single};
use thalweg_common::seed::{mix, normal};

/// Half the distance of the points whose values are compared, a power of two.
const STEP: f64 = 1.0 / 4_096.0;

/// Compares the slopes of each term at each of its coordinates; how many lay on a kink.
fn check<O: Objective>(name: &str, objective: &O) -> usize {
    let coordinates = objective.coordinates();
    let x: Vec<f32> = (0..coordinates as u64)
        .map(|v| single(normal(0.8, mix(v + 3))))
        .collect();
    let (mut kinks, mut checked) = (0, 0);
    let mut touched = Vec::new();
    for term in 0..objective.terms() {
        let mut recorder = Recorder::new(|v| x[v]);
        let changed = objective.slopes(term, &mut recorder);
        let mut found = vec![0.0; coordinates];
        recorder.add_to(&mut found);
        objective.touched(term, &mut touched);
        let outside = (0..).zip(&found).filter(|(_, slope)| **slope != 0.0);
        for (v, _) in outside {
            assert!(touched.binary_search(&v).is_ok(), "{name}, {term}: {v}");
        }
        assert!(changed <= touched.len(), "{name}, {term}");
        for &v in &touched {
            let at = |moved: f64| {
                objective.loss(term, &|u| {
                    f64::from(x[u]) + if u == v as usize { moved } else { 0.0 }
                })
            };
            let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let bend = (at(STEP) - 2.0 * at(0.0) + at(-STEP)).abs() / STEP;
            if 0.1 < bend {
                kinks += 1;
                continue;
            }
            checked += 1;
            let slopes = f64::from(found[v as usize]);
            let error = (slopes - slope).abs() / slope.abs().max(1.0);
            assert!(error < 2e-5, "{name}, {term}, {v}: {slopes}, {slope}");
        }
    }
    assert!(50 * kinks < checked, "{name}: {kinks} of {checked}");
    kinks
}

#[test]
fn slopes_are_those_of_the_value() {
    for (name, problem) in problems::all() {
        let kinks = of_each!(&problem, objective => check(name, objective));
        let has_kinks = matches!(problem, Problem::SparseSvm(_) | Problem::GraphCut(_));
        assert!(has_kinks || kinks == 0, "{name}");
    }
}
