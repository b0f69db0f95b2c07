//! Downpour against the golden trajectories, and its cadence.
//!
//! The golden files come from an independent implementation in f64, in which pushes and pulls take
//! no time. Theirs replaces the local parameters by the pulled ones as they are, so that here
//! [`Event::Arrived`] is left out: it takes own steps again that the golden runs drop.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::Value;
use thalweg_common::consistency::{Aggregation, Consistency};
use thalweg_common::message::Kind;

use super::Downpour;
use crate::method::{Effect, Event, METHODS, MethodSettings, Missing, TrainingMethod};
use crate::model::Coverage;
use crate::replica::Vector;

fn settings(n_push: u64, n_pull: u64, local_lr: f32) -> MethodSettings {
    MethodSettings {
        n_push: NonZeroU64::new(n_push).unwrap(),
        n_pull: NonZeroU64::new(n_pull).unwrap(),
        local_lr,
    }
}

fn vector(values: Vec<f32>) -> Vector {
    let coverage = Arc::new(Coverage::Whole(values.len() as u64));
    Vector { coverage, values }
}

fn numbers(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The server of a golden file: plain gradient descent, or AdaGrad on the accrued sum.
struct Server {
    x: Vec<f32>,
    sum_of_squares: Option<Vec<f32>>,
    lr: f32,
    eps: f32,
}

impl Server {
    fn apply(&mut self, push: &[f32]) {
        for (i, g) in push.iter().enumerate() {
            let scale = self.sum_of_squares.as_mut().map_or(1.0, |sums| {
                sums[i] += g * g;
                1.0 / (sums[i].sqrt() + self.eps)
            });
            self.x[i] -= self.lr * scale * g;
        }
    }
}

struct Replay {
    golden: Value,
    server: Server,
    workers: Vec<(Downpour, Vector, usize)>,
}

impl Replay {
    fn new(text: &str) -> Self {
        let golden: Value = serde_json::from_str(text).unwrap();
        let hyper = &golden["hyper"];
        let number = |key: &str| serde_json::from_value(hyper[key].clone()).unwrap_or(0_f32);
        let settings = settings(
            hyper["n_push"].as_u64().unwrap(),
            hyper["n_fetch"].as_u64().unwrap(),
            number("alpha"),
        );
        let x = numbers(&golden["x0"]);
        let server = Server {
            sum_of_squares: (hyper["server"] == "adagrad")
                .then(|| vec![number("initial_accumulator_value"); x.len()]),
            x: x.clone(),
            lr: number("server_lr"),
            eps: number("eps"),
        };
        let workers = golden["workers"].as_u64().unwrap();
        let workers = (0..workers)
            .map(|_| (Downpour::new(&settings), vector(x.clone()), 0))
            .collect();
        Self {
            golden,
            server,
            workers,
        }
    }

    fn gradient(&self, worker: usize) -> Vector {
        let objective = &self.golden["objective"];
        let (_, x, step) = &self.workers[worker];
        let noise = numbers(&objective["noise[worker][local_step]"][worker][*step]);
        let (a, c) = (numbers(&objective["a"]), numbers(&objective["c"]));
        let of = |i: usize| a[i] * (x.values[i] - c[i]) + noise[i];
        vector((0..a.len()).map(of).collect())
    }

    fn check_event(&mut self, event: &Value) {
        let worker = usize::try_from(event["worker"].as_u64().unwrap()).unwrap();
        let (method, x, step) = &mut self.workers[worker];
        let pulls = *step == 0 || method.sharing(*step as u64 - 1).get() == 1;
        assert_eq!(pulls, event["fetched"].as_bool().unwrap());
        if pulls {
            x.values.clone_from(&self.server.x);
        }
        let gradient = self.gradient(worker);
        let (method, x, step) = &mut self.workers[worker];
        let effects = method.step(Event::Gradient {
            replica: x,
            gradient,
        });
        *step += 1;
        assert_eq!(effects.len() == 1, event["pushed"].as_bool().unwrap());
        close(&x.values, &event["local"]);
        for Effect::Push(kind, push) in effects {
            assert_eq!(kind, Kind::Gradient);
            close(&push.values, &event["push"]);
            self.server.apply(&push.values);
        }
        close(&self.server.x, &event["server"]);
    }
}

fn close(found: &[f32], expected: &Value) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(&expected) {
        assert!((x - y).abs() < 5e-6 * y.abs().max(1.0), "{x} against {y}");
    }
}

#[test]
fn the_golden_trajectories_are_followed() {
    for text in [
        include_str!("../../../tests/golden/downpour_1_sgd.json"),
        include_str!("../../../tests/golden/downpour_2_adagrad.json"),
    ] {
        let mut replay = Replay::new(text);
        let events = replay.golden["events"].as_array().unwrap().clone();
        assert_eq!(events.len(), 48);
        for event in &events {
            replay.check_event(event);
        }
    }
}

#[test]
fn the_first_push_carries_one_gradient_and_the_later_ones_n_push() {
    let mut method = Downpour::new(&settings(3, 2, 0.0));
    let mut x = vector(vec![0.0]);
    let pushed: Vec<_> = (0..8)
        .map(|_| {
            let gradient = vector(vec![1.0]);
            let effects = method.step(Event::Gradient {
                replica: &mut x,
                gradient,
            });
            effects.first().map(|Effect::Push(_, sum)| sum.values[0])
        })
        .collect();
    let one = Some(1.0);
    let three = Some(3.0);
    assert_eq!(pushed, [one, None, None, three, None, None, three, None]);
    let Effect::Push(_, rest) = &method.step(Event::HandOver)[0];
    assert_eq!(rest.values, [1.0]);
    assert!(method.step(Event::HandOver).is_empty());
    assert_eq!(
        [0, 1, 2, 3].map(|step| method.sharing(step).get()),
        [2, 1, 2, 1]
    );
}

#[test]
fn own_steps_that_no_server_has_applied_are_taken_again() {
    let mut method = Downpour::new(&settings(2, 1, 0.5));
    for _ in 0..2 {
        let gradient = vector(vec![1.0, 2.0]);
        let mut x = vector(vec![0.0, 0.0]);
        method.step(Event::Gradient {
            replica: &mut x,
            gradient,
        });
    }
    let pushed = vector(vec![1.0, 2.0]);
    let missing = [Missing {
        elements: 1..2,
        pushed: &pushed,
    }];
    let mut replica = vector(vec![10.0, 10.0]);
    method.step(Event::Arrived {
        replica: &mut replica,
        missing: &missing,
    });
    assert_eq!(replica.values, [9.5, 8.0]);
}

#[test]
fn a_lag_in_which_all_would_wait_for_each_other_is_refused_with_the_lag_that_does() {
    let entry = &METHODS[0];
    let check = |n_push, n_pull, consistency| {
        entry.check(
            &settings(n_push, n_pull, 0.0),
            consistency,
            Aggregation::Push,
        )
    };
    assert_eq!(check(1, 1, Consistency::Bsp), Ok(()));
    assert_eq!(check(4, 3, Consistency::Ssp { lag: 5 }), Ok(()));
    assert_eq!(check(9, 9, Consistency::Asp), Ok(()));
    let error = check(4, 3, Consistency::Ssp { lag: 4 }).unwrap_err();
    assert!(error.contains("lag = 5 or more"), "{error}");
    assert!(check(2, 1, Consistency::Bsp).is_err());
    let local = entry.check(
        &settings(1, 1, 0.1),
        Consistency::Ssp { lag: 2 },
        Aggregation::Round,
    );
    assert!(local.unwrap_err().contains("local_lr = 0"));
}
