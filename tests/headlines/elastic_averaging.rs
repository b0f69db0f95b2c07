//! Downpour, EASGD and EAMSGD under growing communication periods (Zhang, Choromanska, `LeCun`, NIPS
//! 2015): four workers in turn, 768 local steps each.

use std::num::NonZeroU64;
use std::sync::Arc;

use thalweg_worker::method::{
    Effect, ElasticAveraging, Event, Gradients, LocalPlan, MethodSettings, Rounding,
    TrainingMethod, When,
};
use thalweg_worker::model::Coverage;
use thalweg_worker::replica::Vector;

use crate::chance::Chance;
use crate::problem::{Problem, Score};
use crate::say;
use crate::shard::{Shard, store};

const WORKERS: usize = 4;
const STEPS: u64 = 768;

pub(crate) const WHEN: When = When {
    progress: 0,
    rate_factor: 1.0,
    is_last: false,
};

/// How a worker runs a rule by itself.
pub(crate) fn local(name: &'static str, settings: &'static str, lr: f64) -> LocalPlan {
    LocalPlan {
        build: Arc::new(move |x: &[f32]| store(name, settings, x)),
        rate: Arc::new(move |_| lr),
        start: None,
        rounding: Rounding::none(),
    }
}

pub(crate) fn settings(period: u64, local_lr: f64) -> MethodSettings {
    let period = NonZeroU64::new(period).unwrap();
    MethodSettings {
        n_push: period,
        n_pull: period,
        local_lr: local_lr as f32,
        retake: false,
        communication_period: period,
        elastic_rate: 0.9 / WORKERS as f32,
        local: None,
    }
}

pub(crate) fn vector(values: Vec<f32>) -> Vector {
    Vector {
        coverage: Arc::new(Coverage::Whole(values.len() as u64)),
        values,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Downpour,
    Easgd,
    Eamsgd,
}

fn train(problem: &mut Problem, way: Way, period: u64, lr: f64, seed: u64) -> Score {
    let mut chance = Chance::new(seed);
    let mut centre = Shard::new("sgd", "", &problem.start);
    let mut workers: Vec<(Box<dyn TrainingMethod>, Vector)> = (0..WORKERS)
        .map(|_| {
            let method: Box<dyn TrainingMethod> = match way {
                Way::Downpour => Box::new(Gradients::new(&settings(period, lr))),
                Way::Easgd => {
                    let plan = local("sgd", "", lr);
                    Box::new(ElasticAveraging::new(&settings(period, 0.0), plan))
                }
                Way::Eamsgd => {
                    let plan = local("nag_lookahead", "momentum = 0.9", lr / 10.0);
                    Box::new(ElasticAveraging::new(&settings(period, 0.0), plan))
                }
            };
            (method, vector(problem.start.clone()))
        })
        .collect();
    for step in 0..STEPS {
        for (method, replica) in &mut workers {
            if step % period == 0 {
                *replica = vector(centre.read().x);
                let arrived = Event::Arrived {
                    replica,
                    missing: &[],
                };
                method.step(arrived);
            }
            let gradient = vector(problem.gradient(&replica.values, &mut chance));
            if gradient.values.iter().any(|g| !g.is_finite()) {
                return problem.score(&[f32::NAN]);
            }
            let effects = method.step(Event::Gradient {
                replica,
                gradient,
                when: WHEN,
            });
            for Effect::Push(_, pushed) in effects {
                let pushed = pushed.unwrap().values;
                if way == Way::Downpour {
                    let read = centre.read();
                    centre.step(lr, &pushed, &read, 1.0);
                } else {
                    centre.add(&pushed);
                }
            }
        }
    }
    problem.score(&centre.read().x)
}

#[test]
fn elastic_averaging_bears_long_communication_periods_and_downpour_does_not() {
    let mut problem = Problem::new();
    let lr = 0.2;
    let mut errors = Vec::new();
    say("| communication period | downpour | easgd | eamsgd |\n|---|---|---|---|");
    for period in [1, 4, 16, 64] {
        let mean = |problem: &mut Problem, way| {
            let scores = [0, 1].map(|seed| train(problem, way, period, lr, seed).error);
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        let row = [Way::Downpour, Way::Easgd, Way::Eamsgd].map(|way| mean(&mut problem, way));
        let [downpour, easgd, eamsgd] = row;
        say(&format!(
            "| {period} | {downpour:.3} | {easgd:.3} | {eamsgd:.3} |"
        ));
        errors.push(row);
    }
    let (first, last) = (errors[0], errors[3]);
    assert!(
        5.0 * first[0] < last[0],
        "downpour: {} and {}",
        first[0],
        last[0]
    );
    for way in [1, 2] {
        let of_way = errors.iter().map(|row| row[way]);
        let least = of_way.clone().fold(f64::INFINITY, f64::min);
        let most = of_way.fold(0.0, f64::max);
        assert!(most < 1.3 * least, "from {least} to {most}");
    }
}
