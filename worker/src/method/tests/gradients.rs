//! Downpour against the golden trajectories, and its cadence.
//!
//! The golden files come from an independent implementation in f64, in which pushes and pulls take
//! no time. Theirs replaces the local parameters by the pulled ones as they are, so that here
//! [`Event::Arrived`] is left out: it takes own steps again that the golden runs drop.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::Value;
use thalweg_common::message::Kind;

use crate::method::{Effect, Event, Gradients, MethodSettings, Missing, TrainingMethod, When};
use crate::model::Coverage;
use crate::replica::Vector;

fn settings(n_push: u64, n_pull: u64, local_lr: f32) -> MethodSettings {
    MethodSettings {
        n_push: NonZeroU64::new(n_push).unwrap(),
        n_pull: NonZeroU64::new(n_pull).unwrap(),
        local_lr,
        retake: true,
        communication_period: NonZeroU64::MIN,
        elastic_rate: 0.0,
        local: None,
    }
}

const WHEN: When = When {
    progress: 0,
    rate_factor: 1.0,
    is_last: false,
};

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
    workers: Vec<(Gradients, Vector, usize)>,
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
            .map(|_| (Gradients::new(&settings), vector(x.clone()), 0))
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
            when: WHEN,
        });
        *step += 1;
        assert_eq!(effects.len() == 1, event["pushed"].as_bool().unwrap());
        close(&x.values, &event["local"]);
        for Effect::Push(kind, push) in effects {
            assert_eq!(kind, Kind::Gradient);
            let push = push.unwrap();
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
        include_str!("../../../../common/tests/golden/downpour_1_sgd.json"),
        include_str!("../../../../common/tests/golden/downpour_2_adagrad.json"),
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
    let mut method = Gradients::new(&settings(3, 2, 0.0));
    let mut x = vector(vec![0.0]);
    let pushed: Vec<_> = (0..8)
        .map(|_| {
            let gradient = vector(vec![1.0]);
            let effects = method.step(Event::Gradient {
                replica: &mut x,
                gradient,
                when: WHEN,
            });
            let sum = |Effect::Push(_, sum): &Effect| sum.as_ref().unwrap().values[0];
            effects.first().map(sum)
        })
        .collect();
    let one = Some(1.0);
    let three = Some(3.0);
    assert_eq!(pushed, [one, None, None, three, None, None, three, None]);
    let Effect::Push(_, rest) = &method.step(Event::HandOver)[0];
    assert_eq!(rest.as_ref().unwrap().values, [1.0]);
    assert!(method.step(Event::HandOver).is_empty());
    assert_eq!(
        [0, 1, 2, 3].map(|step| method.sharing(step).get()),
        [2, 1, 2, 1]
    );
}

#[test]
fn own_steps_that_no_server_has_applied_are_taken_again() {
    let mut method = Gradients::new(&settings(2, 1, 0.5));
    for _ in 0..2 {
        let gradient = vector(vec![1.0, 2.0]);
        let mut x = vector(vec![0.0, 0.0]);
        method.step(Event::Gradient {
            replica: &mut x,
            gradient,
            when: WHEN,
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
