//! Workers with parameters of their own: elastic averaging and local steps.

use std::num::NonZeroU64;
use std::sync::Arc;

use thalweg_common::ids::Generation;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::message::Kind;
use thalweg_common::optimizer::{GroupSpan, Initial, StoreSpec, optimizer};
use thalweg_common::push_format::PushFormat;
use thalweg_common::regularizer::Terms;
use thalweg_common::shard_map::ShardMap;

use crate::method::{
    Effect, ElasticAveraging, Event, LocalPlan, LocalSteps, MethodSettings, Rounding,
    TrainingMethod, When,
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
        rounding: Rounding::none(),
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

/// The same steps under a map of these elements, pushed in this format.
fn plan_in(format: PushFormat, elements: u64) -> LocalPlan {
    let layout = ParameterLayout::new(vec![Tensor::trainable("w", vec![elements])]).unwrap();
    let map = ShardMap::plan(&layout, 2, Generation(1)).unwrap();
    LocalPlan {
        rounding: Rounding::new(format, &map),
        ..plan("sgd", 1.0)
    }
}

/// Gradients of which most are small beside the largest.
fn uneven(elements: usize) -> Vec<f32> {
    let value = |i: usize| {
        if i.is_multiple_of(7) {
            1.0
        } else {
            1e-4 * (i % 5) as f32
        }
    };
    (0..elements).map(value).collect()
}

#[test]
fn what_a_worker_gives_up_is_what_the_centre_gets_bit_for_bit() {
    const ELEMENTS: usize = 900;
    for format in PushFormat::ALL {
        let mut method = ElasticAveraging::new(&settings(1, 0.25), plan_in(format, 900));
        let rounding = plan_in(format, 900).rounding;
        let mut centre = vec![0.0_f32; ELEMENTS];
        let mut x = centre.clone();
        for _ in 0..20 {
            let mut replica = arrive(&mut method, &centre);
            let g = uneven(ELEMENTS);
            let (_, delta) = gradient(&mut method, &mut replica, &g).unwrap();
            let mut arrives = delta.clone();
            rounding.round(&mut arrives);
            assert_eq!(arrives, delta, "{format} on its way");
            for (((x, centre), g), d) in x.iter_mut().zip(&mut centre).zip(g).zip(&arrives) {
                *x = *x - g - d;
                *centre += d;
            }
            assert_eq!(replica.values, x, "{format}");
        }
        // What was never sent is in the distance still: the spring holds it.
        let far = x
            .iter()
            .zip(&centre)
            .map(|(x, c)| (x - c).abs())
            .fold(0.0, f32::max);
        assert!(far < 4.1, "{format}: {far}");
    }
}

/// The largest difference between sums.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn add(sum: &mut [f64], values: &[f32]) {
    let pairs = sum.iter_mut().zip(values);
    pairs.for_each(|(sum, value)| *sum += f64::from(*value));
}

#[test]
fn over_all_pushes_nothing_is_lost_but_the_last_remainder() {
    const ELEMENTS: usize = 700;
    let last = When {
        is_last: true,
        ..WHEN
    };
    for (format, most, without) in [
        (PushFormat::F32, 0.0, 0.0),
        (PushFormat::Bf16, 4e-3, 0.0),
        // Half a scale is 1/254 here. Each push by itself would lose the small values whole.
        (PushFormat::Int8, 4e-3, 1.9e-2),
    ] {
        let plan = plan_in(format, 700);
        let rounding = plan.rounding.clone();
        let mut method = LocalSteps::new(&settings(1, 0.0), plan);
        let [mut meant, mut arrived, mut alone] = [(); 3].map(|()| vec![0.0_f64; ELEMENTS]);
        for _ in 0..50 {
            let mut replica = arrive(&mut method, &[0.0; ELEMENTS]);
            let mut g = uneven(ELEMENTS);
            let (_, way) = gradient_of(&mut method, &mut replica, &g, last).unwrap();
            add(&mut meant, &g);
            add(&mut arrived, &way);
            rounding.round(&mut g);
            add(&mut alone, &g);
        }
        let off = apart(&meant, &arrived);
        assert!(off <= most, "{format}: {off}");
        let off = apart(&meant, &alone);
        assert!(without <= off, "{format} without remainder: {off}");
    }
}

#[test]
fn a_push_that_is_not_finite_leaves_nothing_behind_for_the_next() {
    let mut method = LocalSteps::new(&settings(1, 0.0), plan_in(PushFormat::Int8, 3));
    let last = When {
        is_last: true,
        ..WHEN
    };
    let mut push = |g: &[f32]| {
        let mut replica = arrive(&mut method, &[0.0; 3]);
        gradient_of(&mut method, &mut replica, g, last).unwrap().1
    };
    let way = push(&[f32::INFINITY, 127.0, 127.0]);
    assert!(way[0].is_nan(), "it arrives as what it is: not finite");
    assert_eq!(&way[1..], [127.0, 127.0]);
    assert_eq!(push(&[127.0, -127.0, 127.0]), [127.0, -127.0, 127.0]);
}
