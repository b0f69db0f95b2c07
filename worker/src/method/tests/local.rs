//! Workers with parameters of their own: elastic averaging and local steps.

use std::num::NonZeroU64;
use std::sync::Arc;

use thalweg_common::message::Kind;
use thalweg_common::optimizer::{GroupSpan, Initial, StoreSpec, optimizer};
use thalweg_common::regularizer::Terms;

use crate::method::{
    Effect, ElasticAveraging, Event, LocalPlan, LocalSteps, MethodSettings, TrainingMethod, When,
};
use crate::model::Coverage;
use crate::replica::Vector;

const WHEN: When = When {
    progress: 0,
    rate_factor: 1.0,
    is_last: false,
};

/// Steps of `name` at rate `lr`.
fn plan(name: &'static str, lr: f64) -> LocalPlan {
    let build = move |x: &[f32]| {
        let at = |element: usize| x[element];
        let groups = vec![GroupSpan {
            range: 0..x.len(),
            lr_factor: 1.0,
            terms: Terms::none(),
            shape: vec![x.len()],
        }];
        let spec = StoreSpec {
            len: x.len(),
            initial: Initial::Function(&at),
            groups,
        };
        let entry = optimizer(name).unwrap();
        entry.build(&toml::Table::new(), &spec).unwrap()
    };
    LocalPlan {
        build: Arc::new(build),
        rate: Arc::new(move |_| lr),
        start: None,
    }
}

fn settings(period: u64, elastic_rate: f32) -> MethodSettings {
    MethodSettings {
        n_push: NonZeroU64::MIN,
        n_pull: NonZeroU64::MIN,
        local_lr: 0.0,
        retake: true,
        communication_period: NonZeroU64::new(period).unwrap(),
        elastic_rate,
        local: None,
    }
}

fn vector(values: &[f32]) -> Vector {
    Vector {
        coverage: Arc::new(Coverage::Whole(values.len() as u64)),
        values: values.to_vec(),
    }
}

fn arrive(method: &mut dyn TrainingMethod, pulled: &[f32]) -> Vector {
    let mut replica = vector(pulled);
    let effects = method.step(Event::Arrived {
        replica: &mut replica,
        missing: &[],
    });
    assert!(effects.is_empty());
    replica
}

/// What is pushed after a gradient, if something is.
fn gradient(
    method: &mut dyn TrainingMethod,
    replica: &mut Vector,
    gradient: &[f32],
) -> Option<(Kind, Vec<f32>)> {
    gradient_of(method, replica, gradient, WHEN)
}

fn gradient_of(
    method: &mut dyn TrainingMethod,
    replica: &mut Vector,
    gradient: &[f32],
    when: When,
) -> Option<(Kind, Vec<f32>)> {
    let effects = method.step(Event::Gradient {
        replica,
        gradient: vector(gradient),
        when,
    });
    let pushed = effects.into_iter().next();
    pushed.map(|Effect::Push(kind, vector)| (kind, vector.unwrap().values))
}

#[test]
fn with_no_spring_every_replica_is_plain_sgd_and_the_centre_never_moves() {
    let mut method = ElasticAveraging::new(&settings(2, 0.0), plan("sgd", 0.1));
    let mut x = [0.3_f32, -1.7];
    let mut replica = arrive(&mut method, &x);
    for step in 0..20 {
        if step % 2 == 0 && 0 < step {
            replica = arrive(&mut method, &[0.3, -1.7]);
        }
        assert_eq!(replica.values, x, "step {step}");
        let g = [x[0] * 0.7, x[1] - 1.0];
        for (x, g) in x.iter_mut().zip(g) {
            *x -= 0.1 * g;
        }
        let pushed = gradient(&mut method, &mut replica, &g);
        assert_eq!(pushed.is_some(), step % 2 == 0);
        if let Some((kind, delta)) = pushed {
            assert_eq!(kind, Kind::Delta);
            assert!(delta.iter().all(|d| *d == 0.0), "{delta:?}");
        }
    }
}

#[test]
fn the_spring_acts_on_what_was_before_the_step_and_both_ends_move() {
    let mut method = ElasticAveraging::new(&settings(1, 0.25), plan("sgd", 0.5));
    let mut replica = arrive(&mut method, &[0.0]);
    assert_eq!(
        gradient(&mut method, &mut replica, &[-4.0]).unwrap().1,
        [0.0]
    );
    // x = 2, and the centre is at -2: the difference is 1.
    let mut replica = arrive(&mut method, &[-2.0]);
    assert_eq!(
        replica.values,
        [2.0],
        "the gradient is taken before the spring acts"
    );
    let (_, delta) = gradient(&mut method, &mut replica, &[2.0]).unwrap();
    assert_eq!(delta, [1.0]);
    assert_eq!(replica.values, [2.0 - 1.0 - 0.5 * 2.0]);
}

#[test]
fn local_steps_push_how_far_they_came_and_keep_their_moments() {
    let mut method = LocalSteps::new(&settings(2, 0.0), plan("momentum", 0.5));
    let mut replica = arrive(&mut method, &[1.0]);
    assert_eq!(gradient(&mut method, &mut replica, &[1.0]), None);
    assert_eq!(replica.values, [0.5]);
    // The velocity is 0.9 + 1: x = 0.5 - 0.95.
    let last = When {
        is_last: true,
        ..WHEN
    };
    let (kind, way) = gradient_of(&mut method, &mut replica, &[1.0], last).unwrap();
    assert_eq!(kind, Kind::Gradient);
    assert!((way[0] - 1.45).abs() < 1e-6, "{way:?}");
    let mut replica = arrive(&mut method, &[10.0]);
    assert_eq!(replica.values, [10.0]);
    gradient(&mut method, &mut replica, &[0.0]);
    let moved = 10.0 - replica.values[0];
    assert!(
        (moved - 0.5 * 0.9 * 1.9).abs() < 1e-6,
        "the velocity went on: {moved}"
    );
    let pushed = method.step(Event::HandOver);
    let Effect::Push(_, way) = &pushed[0];
    assert!((way.as_ref().unwrap().values[0] - moved).abs() < 1e-6);
    assert!(
        method.step(Event::HandOver).is_empty(),
        "nothing is pushed twice"
    );
}
