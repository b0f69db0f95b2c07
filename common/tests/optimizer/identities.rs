//! What the papers say of their formulas: which of them are the same, where they part, and how far
//! they may go. In f64, where rounding cannot be taken for a difference.

use rand::RngExt;
use thalweg_common::optimizer::{
    ExactStore, GroupSpan, Initial, Reader, StepContext, StoreSpec, optimizer,
};
use thalweg_common::regularizer::Terms;

use super::support::seeded;

const LEN: usize = 12;
const STEPS: usize = 60;

/// Parameters after each step, element by element.
type Points = Vec<[f64; LEN]>;

/// An optimizer with settings, and with what a job sets beside them.
struct Walk<'a> {
    name: &'a str,
    settings: &'a str,
    l2: f64,
    starts_at_zero: bool,
}

/// The optimizer with these settings, from a start that is not zero.
fn walk<'a>(name: &'a str, settings: &'a str) -> Walk<'a> {
    Walk {
        name,
        settings,
        l2: 0.0,
        starts_at_zero: false,
    }
}

impl Walk<'_> {
    fn store(&self) -> Box<dyn ExactStore> {
        let start: &dyn Fn(usize) -> f32 = if self.starts_at_zero {
            &|_| 0.0
        } else {
            &|element| element as f32 - 4.5
        };
        let spec = StoreSpec {
            len: LEN,
            initial: Initial::Function(start),
            groups: vec![GroupSpan {
                range: 0..LEN,
                lr_factor: 1.0,
                terms: Terms::l2(self.l2),
                shape: vec![LEN],
            }],
        };
        let settings = self.settings.parse().expect("settings are TOML");
        let entry = optimizer(self.name).expect("a known optimizer");
        entry
            .build_exact(&settings, &spec)
            .expect("permitted settings")
    }

    fn run(&self, gradients: &[[f64; LEN]], rate: impl Fn(u64) -> f64) -> Points {
        let mut store = self.store();
        let step = |(count, gradient): (u64, &[f64; LEN])| {
            store.step_exact(&context(rate(count), count), &gradient.map(Some));
            store.columns()[0].try_into().expect("one for each element")
        };
        (1..).zip(gradients).map(step).collect()
    }
}

fn context(lr: f64, count: u64) -> StepContext {
    StepContext {
        lr,
        share: 1.0,
        count,
        progress: 0,
        staleness: 0,
        worker: 0,
    }
}

/// Gradients of sizes from 10⁻³ to 10², now and then zero.
fn gradients() -> Vec<[f64; LEN]> {
    let mut rng = seeded(21);
    let mut value = |_| {
        let size = 10_f64.powi(rng.random_range(-3..3));
        if rng.random_bool(0.1) {
            0.0
        } else {
            size * rng.random_range(-1.0..1.0)
        }
    };
    (0..STEPS).map(|_| [0; LEN].map(&mut value)).collect()
}

#[track_caller]
fn assert_same(a: &Points, b: &Points) {
    for (step, (a, b)) in a.iter().zip(b).enumerate() {
        for (a, b) in a.iter().zip(b) {
            let error = (a - b).abs() / b.abs().max(1.0);
            assert!(error < 1e-11, "step {step}: {a} and {b}");
        }
    }
}

/// The first step, from 0, after which the points differ.
fn first_difference(a: &Points, b: &Points) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| {
        a.iter()
            .zip(b)
            .any(|(a, b)| 1e-9 < (a - b).abs() / b.abs().max(1.0))
    })
}

const CONSTANT: fn(u64) -> f64 = |_| 0.01;

/// A tenth from step 21 on.
const DROPPED: fn(u64) -> f64 = |count| if count <= 20 { 0.01 } else { 0.001 };

#[test]
fn momentums_two_forms_are_one_until_the_rate_changes() {
    let (outside, inside) = (walk("momentum", ""), walk("momentum_lr_inside", ""));
    let g = gradients();
    assert_same(&outside.run(&g, CONSTANT), &inside.run(&g, CONSTANT));
    let (a, b) = (outside.run(&g, DROPPED), inside.run(&g, DROPPED));
    assert_eq!(first_difference(&a, &b), Some(20));
}

#[test]
fn averaged_momentum_is_momentum_at_a_smaller_rate() {
    let g = gradients();
    let averaged = walk("momentum_ewa", "").run(&g, CONSTANT);
    let summed = walk("momentum", "").run(&g, |_| 0.01 * (1.0 - 0.9));
    assert_same(&averaged, &summed);
    let corrected = walk("momentum_ewa_corrected", "").run(&g, CONSTANT);
    let by_hand = walk("momentum_ewa", "").run(&g, |count| {
        0.01 / (1.0 - 0.9_f64.powi(i32::try_from(count).unwrap()))
    });
    assert_same(&corrected, &by_hand);
}

/// On a bowl, whose gradient depends on where it is taken.
#[test]
fn both_forms_of_nesterov_ask_for_gradients_at_the_same_points() {
    let (ahead, behind) = (walk("nesterov", ""), walk("nag_lookahead", ""));
    let (mut ahead, mut behind) = (ahead.store(), behind.store());
    for count in 1..=60 {
        for store in [&mut ahead, &mut behind] {
            let at = store.shown(Reader::Worker);
            let gradient: Vec<Option<f64>> = at.iter().map(|x| Some(3.0 * x - 1.0)).collect();
            store.step_exact(&context(0.05, count), &gradient);
        }
        for (a, b) in ahead
            .shown(Reader::Worker)
            .iter()
            .zip(behind.shown(Reader::Worker))
        {
            assert!((a - b).abs() < 1e-12, "step {count}: {a} and {b}");
        }
        let parameter = behind.columns()[0].to_vec();
        assert_eq!(behind.shown(Reader::Observer), parameter);
        assert_ne!(behind.shown(Reader::Worker), parameter);
    }
}

#[test]
fn quasi_hyperbolic_momentum_reaches_from_sgd_to_averaged_momentum() {
    let g = gradients();
    let qhm = |nu: &str| walk("qhm", &format!("momentum = 0.9\nnu = {nu}")).run(&g, CONSTANT);
    assert_same(&qhm("0.0"), &walk("sgd", "").run(&g, CONSTANT));
    assert_same(&qhm("1.0"), &walk("momentum_ewa", "").run(&g, CONSTANT));
    // ν = β: Nesterov's method, with both sums averaged.
    let nesterov = walk("nesterov", "").run(&g, |_| 0.01 * (1.0 - 0.9));
    assert_same(&qhm("0.9"), &nesterov);
}

#[test]
fn quasi_hyperbolic_adam_reaches_from_adam_to_rmsprop() {
    let g = gradients();
    let betas = "betas = [0.9, 0.999]";
    let qhadam = |nus: &str| {
        walk("qhadam", &format!("{betas}\neps = 1e-300\nnus = {nus}")).run(&g, CONSTANT)
    };
    let adam = |betas: &str| walk("adam", &format!("{betas}\neps = 1e-300")).run(&g, CONSTANT);
    assert_same(&qhadam("[1.0, 1.0]"), &adam(betas));
    assert_same(&qhadam("[0.0, 1.0]"), &adam("betas = [0.0, 0.999]"));
}

#[test]
fn one_velocity_of_aggmo_is_momentum() {
    let g = gradients();
    let one = walk("aggmo", "betas = [0.9]").run(&g, DROPPED);
    assert_same(&one, &walk("momentum", "").run(&g, DROPPED));
    let none = walk("aggmo", "betas = [0.0, 0.0]").run(&g, DROPPED);
    assert_same(&none, &walk("sgd", "").run(&g, DROPPED));
}

#[test]
fn rmsprop_at_the_corrected_rate_is_adam_without_momentum() {
    let g = gradients();
    let corrected = |count| 0.01 * (1.0 - 0.9_f64.powi(i32::try_from(count).unwrap())).sqrt();
    let rmsprop = walk("rmsprop", "alpha = 0.9\neps = 1e-3").run(&g, corrected);
    let adam = walk("adam_eps_hat", "betas = [0.0, 0.9]\neps = 1e-3").run(&g, CONSTANT);
    assert_same(&rmsprop, &adam);
    // Without any memory, a step is the sign.
    let forgetful = walk("rmsprop", "alpha = 0.0\neps = 1e-300").run(&g, CONSTANT);
    let lion = walk("lion", "betas = [0.0, 0.0]").run(&g, CONSTANT);
    assert_same(&forgetful, &lion);
}

/// δ has the unit of the parameter: while r is far above ε, only the sign and the course of the
/// gradients matter.
#[test]
fn adadelta_does_not_see_the_scale_of_gradients() {
    let g: Vec<[f64; LEN]> = gradients()
        .iter()
        .map(|g| g.map(|g| g.signum() + g))
        .collect();
    let scaled: Vec<[f64; LEN]> = g.iter().map(|g| g.map(|g| 1e3 * g)).collect();
    let settings = "rho = 0.9\neps = 1e-15";
    let (a, b) = (
        walk("adadelta", settings).run(&g, |_| 1.0),
        walk("adadelta", settings).run(&scaled, |_| 1.0),
    );
    assert_same(&a, &b);
    // The first step is √ε/√(1 − ρ), whatever the gradient.
    let first = (a[0][11] - (11.0 - 4.5)).abs();
    assert!(
        (first / (1e-15_f64 / 0.1).sqrt() - 1.0).abs() < 1e-6,
        "{first:e}"
    );
}

#[test]
fn adam_does_not_see_the_scale_of_gradients_and_its_forms_meet_without_eps() {
    let g = gradients();
    let scaled: Vec<[f64; LEN]> = g.iter().map(|g| g.map(|g| 1e6 * g)).collect();
    for name in [
        "adam",
        "adam_eps_hat",
        "adam_eps_inside",
        "amsgrad",
        "adamw",
        "nadam",
        "nadam_const",
        "nadam_simple",
        "nadam_full",
        "qhadam",
        "adamax",
        "nadamax",
    ] {
        let walk = walk(name, "eps = 1e-300");
        assert_same(&walk.run(&g, CONSTANT), &walk.run(&scaled, CONSTANT));
    }
    let adam = walk("adam", "eps = 1e-300").run(&g, CONSTANT);
    for name in ["adam_eps_hat", "adam_eps_inside", "adam_survey"] {
        assert_same(&walk(name, "eps = 1e-300").run(&g, CONSTANT), &adam);
    }
}

/// Kingma and Ba, section 2.1.
#[test]
fn no_step_of_adam_is_longer_than_its_bound() {
    for (beta1, beta2) in [(0.9, 0.999), (0.9, 0.9), (0.5, 0.999), (0.0, 0.99)] {
        let settings = format!("betas = [{beta1}, {beta2}]\neps = 1e-300");
        let bound = 0.01 * f64::max(1.0, (1.0 - beta1) / (1.0_f64 - beta2).sqrt());
        // The worst case: one large gradient after none at all.
        let mut spike = vec![[0.0; LEN]; 3000];
        spike.push([1.0; LEN]);
        for gradients in [gradients(), spike] {
            let points = walk("adam", &settings).run(&gradients, CONSTANT);
            for pair in points.windows(2) {
                for (a, b) in pair[0].iter().zip(&pair[1]) {
                    assert!((a - b).abs() <= bound * (1.0 + 1e-9), "β {beta1}, {beta2}");
                }
            }
        }
    }
}

/// Reddi, Kale, Kumar, section 3: a large gradient every third step, and two small ones the other
/// way. The best point of [−1, 1] is −1; Adam forgets the large ones and goes to 1.
#[test]
fn amsgrad_finds_the_end_of_the_counter_example_that_adam_misses() {
    let large = 3.0;
    let settings = format!("betas = [0.0, {}]\neps = 1e-8", 1.0 / (1.0 + large * large));
    let end = |name: &str| {
        let mut store = walk(name, &settings).store();
        for count in 1..=30_000_u32 {
            let g = if count % 3 == 1 { large } else { -1.0 };
            let lr = 0.5 / f64::from(count).sqrt();
            store.step_exact(&context(lr, u64::from(count)), &[Some(g); LEN]);
            let mut columns: Vec<Vec<f64>> = store.columns().iter().map(|c| c.to_vec()).collect();
            columns[0].iter_mut().for_each(|x| *x = x.clamp(-1.0, 1.0));
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            store.restore(&columns).unwrap();
        }
        store.columns()[0][0]
    };
    assert!(0.9 < end("adam"), "{}", end("adam"));
    for name in [
        "amsgrad",
        "amsgrad_no_bias_correction",
        "amsgrad_max_of_corrected",
    ] {
        assert!(end(name) < -0.9, "{name}: {}", end(name));
    }
}

#[test]
fn amsgrad_is_adam_while_squares_grow() {
    let growing: Vec<[f64; LEN]> = (0..STEPS)
        .map(|step| [0; LEN].map(|_| 1.5_f64.powi(i32::try_from(step).unwrap())))
        .collect();
    let adam = walk("adam", "").run(&growing, CONSTANT);
    assert_same(&walk("amsgrad", "").run(&growing, CONSTANT), &adam);
    let mut spike = vec![[1e-3; LEN]; STEPS];
    spike[0] = [1.0; LEN];
    let (a, b) = (
        walk("amsgrad", "").run(&spike, CONSTANT),
        walk("adam", "").run(&spike, CONSTANT),
    );
    assert_eq!(first_difference(&a, &b), Some(1));
}

#[test]
fn the_nadams_and_adams_meet_without_memory_of_gradients() {
    let g = gradients();
    let none = |name| walk(name, "betas = [0.0, 0.999]").run(&g, CONSTANT);
    for name in ["nadam", "nadam_const", "nadam_simple", "nadam_full"] {
        assert_same(&none(name), &none("adam"));
    }
    assert_same(&none("nadamax"), &none("adamax"));
}

/// `McMahan` et al., section 3: without regularization, and from zero.
#[test]
fn ftrl_without_regularization_is_adagrad() {
    let g = gradients();
    let from_zero = |name, settings| Walk {
        starts_at_zero: true,
        ..walk(name, settings)
    };
    let ftrl = from_zero("ftrl", "beta = 0.0\nlambda1 = 0.0\nlambda2 = 0.0");
    let adagrad = from_zero("adagrad", "eps = 1e-300");
    assert_same(&ftrl.run(&g, CONSTANT), &adagrad.run(&g, CONSTANT));
}

#[test]
fn ftrl_is_exactly_zero_until_gradients_add_up_to_more_than_lambda1() {
    let steady = vec![[0.3; LEN]; 10];
    let from_zero = Walk {
        starts_at_zero: true,
        ..walk("ftrl", "lambda1 = 1.0")
    };
    let points = from_zero.run(&steady, |_| 0.1);
    for (step, point) in points.iter().enumerate() {
        // After the fourth gradient their sum is 1.2.
        assert_eq!(point[0].to_bits() == 0, step < 3, "step {step}: {point:?}");
    }
}

#[test]
fn every_step_of_lion_is_the_rate_or_nothing() {
    let g = gradients();
    let mut before = walk("lion", "").store().columns()[0].to_vec();
    for point in walk("lion", "").run(&g, CONSTANT) {
        for (before, after) in before.iter().zip(&point) {
            let step = (after - before).abs();
            assert!(step == 0.0 || (step - 0.01).abs() < 1e-14, "{step:e}");
        }
        before = point.to_vec();
    }
}

#[test]
fn decoupled_decay_parts_from_coupled_only_where_gradients_are_scaled() {
    let g = gradients();
    let with = |name, settings, l2| {
        Walk {
            l2,
            ..walk(name, settings)
        }
        .run(&g, CONSTANT)
    };
    assert_same(&with("adamw", "", 0.0), &with("adam", "", 0.0));
    let (a, b) = (with("adamw", "", 0.1), with("adam", "", 0.1));
    assert_eq!(first_difference(&a, &b), Some(0));
    // Before Adam's step, and in proportion to the rate alone.
    let mut decayed = walk("adamw", "").store().columns()[0].to_vec();
    let still = Walk {
        l2: 0.1,
        ..walk("adamw", "")
    }
    .run(&vec![[0.0; LEN]; 5], CONSTANT);
    for point in still {
        decayed.iter_mut().for_each(|x| *x *= 1.0 - 0.01 * 0.1);
        assert_eq!(point.to_vec(), decayed);
    }
}

/// `torch.optim.ASGD` begins its mean at the second point.
#[test]
fn averaged_sgd_answers_with_the_mean_of_its_points_and_walks_like_sgd() {
    let g = gradients();
    let averaged = walk("asgd", "lambd = 0.0\nalpha = 0.0\nt0 = 0.0");
    let sgd = walk("sgd", "").run(&g, CONSTANT);
    assert_same(&averaged.run(&g, CONSTANT), &sgd);
    let mut store = averaged.store();
    assert_eq!(store.shown(Reader::Observer), store.columns()[0]);
    let mut sum = [0.0; LEN];
    for (count, (gradient, point)) in (1_u32..).zip(g.iter().zip(&sgd)) {
        store.step_exact(&context(0.01, u64::from(count)), &gradient.map(Some));
        assert_eq!(store.shown(Reader::Worker), store.columns()[0]);
        if count == 1 {
            continue;
        }
        for (element, x) in point.iter().enumerate() {
            sum[element] += x;
            let mean = sum[element] / f64::from(count - 1);
            assert!((store.shown(Reader::Observer)[element] - mean).abs() < 1e-12);
        }
    }
}
