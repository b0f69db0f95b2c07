//! What each constraint's projection and each proximal map is by definition: the nearest point of a
//! set, the minimiser of a sum.

use rand::RngExt;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{Initial, StepContext, StoreSpec};
use thalweg_common::regularizer::{Acts, Chosen, REGULARIZERS, Regularization, Term};

use super::support::{regularized_groups, seeded, subject};

/// Sizes of the points that are projected.
const SCALES: [f64; 7] = [1e-20, 1e-3, 0.3, 1.0, 40.0, 1e7, 1e30];

#[test]
fn a_projection_is_in_the_set_and_projecting_again_changes_no_bit() {
    each_constraint(|name, constraint| {
        let mut rng = seeded(31);
        for scale in SCALES {
            for len in [1, 2, 5, 64, 1000] {
                #[expect(clippy::cast_possible_truncation, reason = "singles are drawn")]
                let mut x: Vec<f32> = (0..len)
                    .map(|_| (scale * rng.random_range(-1.0..1.0)) as f32)
                    .collect();
                constraint.project_singles(&mut x);
                assert!(constraint.holds_singles(&x), "{name} {scale} {len}: {x:?}");
                let once = bits(&x);
                constraint.project_singles(&mut x);
                assert_eq!(once, bits(&x), "{name} {scale} {len}");
            }
        }
    });
}

/// y is the point of a convex set that is nearest to x if and only if (x − y)·(z − y) ≤ 0 for every
/// z of the set.
#[test]
fn a_projection_is_the_nearest_point_of_the_set() {
    each_constraint(|name, constraint| {
        let mut rng = seeded(32);
        for scale in [0.3, 1.0, 40.0] {
            for len in [1, 2, 5, 30] {
                let mut draw = |scale: f64| -> Vec<f64> {
                    let one = |_| scale * rng.random_range(-1.0..1.0);
                    (0..len).map(one).collect()
                };
                let x = draw(scale);
                let mut y = x.clone();
                constraint.project_doubles(&mut y);
                for other in 0..200 {
                    let mut z = draw([0.5, 3.0, 100.0][other % 3]);
                    if other == 0 {
                        z = x.clone();
                        z.reverse();
                    }
                    constraint.project_doubles(&mut z);
                    let product: f64 = (0..len).map(|i| (x[i] - y[i]) * (z[i] - y[i])).sum();
                    assert!(
                        product <= 1e-10 * scale.max(1.0),
                        "{name} {scale} {len}: {product}"
                    );
                }
            }
        }
    });
}

#[test]
fn what_is_not_finite_stays_and_shows() {
    each_constraint(|name, constraint| {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [4.0, odd, -3.0];
            constraint.project_singles(&mut x);
            assert_eq!(bits(&x), bits(&[4.0, odd, -3.0]), "{name}");
        }
    });
}

/// y = argmin ½(y − x)² + η·value(y): no other point has a smaller sum.
#[test]
fn a_map_after_the_step_is_the_minimiser_of_its_penalty() {
    for entry in REGULARIZERS.iter().filter(|e| e.acts == Acts::AfterTheRule) {
        let every = if entry.name == "l1_truncated" {
            "\nevery = 1"
        } else {
            ""
        };
        let more = if entry.name == "elastic_net" {
            "\nl2 = 0.8"
        } else {
            ""
        };
        let chosen = read(&format!("name = '{}'\nl1 = 0.7{every}{more}", entry.name));
        let Term::Penalty(penalty) = chosen.build().unwrap().1 else {
            panic!("{} is a penalty", entry.name)
        };
        let (lr, mut rng) = (0.4, seeded(33));
        for _ in 0..200 {
            let x = f64::from(rng.random_range(-2.0_f32..2.0));
            let y = step_without_gradient(&chosen, x, lr);
            let sum = |y: f64| 0.5 * (y - x) * (y - x) + lr * penalty.value(y);
            for away in [1e-6, 1e-3, 0.1, 1.0, y.abs()] {
                for other in [y + away, y - away] {
                    assert!(sum(y) <= sum(other) + 1e-15, "{}: {x} to {y}", entry.name);
                }
            }
        }
    }
}

/// Terms that enter through the gradient enter with the derivative of what the objective counts.
#[test]
fn a_differentiable_penalty_enters_with_its_derivative() {
    for term in [
        "name = 'l2'\nl2 = 0.7",
        "name = 'l1_smooth'\nl1 = 0.7\neps = 1e-2",
    ] {
        let chosen = read(term);
        let Term::Penalty(penalty) = chosen.build().unwrap().1 else {
            panic!("{term} is a penalty")
        };
        for x in [-2.0, -0.125, 0.0, 0.03125, 0.5, 3.0] {
            let entered = x - step_without_gradient(&chosen, x, 1.0);
            let h = 1e-5;
            let slope = (penalty.value(x + h) - penalty.value(x - h)) / (2.0 * h);
            assert!(
                (entered - slope).abs() < 1e-8,
                "{term} at {x}: {entered}, {slope}"
            );
        }
    }
}

fn each_constraint(mut judge: impl FnMut(&str, &dyn thalweg_common::regularizer::Constraint)) {
    let mut seen = 0;
    for entry in REGULARIZERS {
        for settings in ["", "radius = 0.25", "total = 3.0"] {
            let name = entry.name;
            let chosen = read(&format!("name = '{name}'\n{settings}"));
            if let Ok((_, Term::Constraint(constraint))) = chosen.build() {
                judge(&format!("{name} {settings}"), constraint.as_ref());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 8, "four constraints, two sizes each");
}

fn read(term: &str) -> Chosen {
    toml::from_str(term).expect("a regularizer")
}

/// One step of plain SGD from `x`, which is a single, in f64.
fn step_without_gradient(chosen: &Chosen, x: f64, lr: f64) -> f64 {
    let layout = ParameterLayout::new(vec![Tensor::trainable("x", vec![1])]);
    let layout = layout.expect("one tensor");
    let terms = Regularization::resolve(std::slice::from_ref(chosen), &layout);
    let terms = terms.expect("it fits one tensor");
    #[expect(clippy::cast_possible_truncation, reason = "x is a single")]
    let value = |_: usize| x as f32;
    let spec = StoreSpec {
        len: 1,
        initial: Initial::Function(&value),
        groups: regularized_groups(&layout, &terms),
    };
    let sgd = subject("sgd");
    let mut store = sgd.entry.build_exact(&sgd.settings, &spec);
    let store = store.as_mut().expect("sgd has no settings");
    let context = StepContext {
        lr,
        share: 1.0,
        count: 1,
        progress: 0,
        staleness: 0,
        worker: 0,
    };
    store.step_exact(&context, &[Some(0.0)]);
    store.columns()[0][0]
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}
