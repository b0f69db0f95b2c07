//! Laws that every model of the registry keeps.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::seed::unit;

use super::{Coverage, Located, MODELS, Model, ModelEntry, ModelError, Shape, linear::narrow};
use crate::data::{Rows, Task};

const FEATURES: u32 = 40;

/// Every model with a task that it takes, with and without a bias.
fn each_model(law: impl Fn(&str, &dyn Model, Task)) {
    for ModelEntry { name, build, .. } in MODELS {
        for task in [Task::Real, Task::Binary, Task::Classes(5)] {
            for keys in ["bias = true", "bias = false"] {
                let shape = Shape {
                    features: u64::from(FEATURES),
                    task,
                };
                if let Ok(model) = build(&keys.parse().unwrap(), shape) {
                    law(&format!("{name}, {task:?}, {keys}"), &*model, task);
                }
            }
        }
    }
}

/// Numbers from −1 to 1.
fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    move || narrow(2.0 * unit(random.next_u64()) - 1.0)
}

/// Rows with few features each, an empty one among them.
fn batch(task: Task, count: u64) -> Rows {
    let mut random = random(count);
    let mut rows = Rows::new();
    for number in 0..count {
        let label = match task {
            Task::Real => random(),
            Task::Binary => random().signum(),
            Task::Classes(_) => (random().abs() * 5.0).floor().min(4.0),
        };
        let features: Vec<u32> = (0..FEATURES)
            .filter(|_| number != 3 && random() < -0.7)
            .collect();
        let values: Vec<f32> = features.iter().map(|_| random()).collect();
        rows.push(number, label, &features, &values);
    }
    rows
}

fn parameters(model: &dyn Model, seed: u64) -> Vec<f32> {
    let mut random = random(seed);
    (0..model.layout().elements()).map(|_| random()).collect()
}

fn located(model: &dyn Model, rows: &Rows, coverage: &Coverage) -> Located {
    let mut located = Located::default();
    model.locate(rows, coverage, &mut located).unwrap();
    located
}

fn gradient(model: &dyn Model, rows: &Rows, coverage: &Coverage, x: &[f32]) -> (f64, Vec<f32>) {
    let mut gradient = vec![0.0; x.len()];
    let losses = model.gradient(rows, &located(model, rows, coverage), x, &mut gradient);
    (losses, gradient)
}

fn touched(model: &dyn Model, rows: &Rows) -> Vec<u64> {
    let mut touched = vec![7];
    model.touched(rows, &mut touched);
    touched
}

/// The step is a power of two, so that x ± h is exact in f32; the loss is computed in f64, so the
/// error is that of the central difference, h² times a third derivative below 0.1: about 10⁻⁷,
/// and that of the f32 gradient, 10⁻⁷ of its terms. The bound is 10⁻⁵ of the largest component.
#[test]
fn gradients_are_the_slopes_of_the_mean_loss() {
    each_model(|name, model, task| {
        let rows = batch(task, 12);
        let whole = Coverage::Whole(model.layout().elements());
        let h = 1.0 / 1_024.0;
        // Multiples of h below 1 have ten bits: x ± h is exact.
        let x: Vec<f32> = parameters(model, 5)
            .iter()
            .map(|x| (x / h).round() * h)
            .collect();
        let (_, analytic) = gradient(model, &rows, &whole, &x);
        let largest = analytic
            .iter()
            .fold(0.0_f32, |max, slope| max.max(slope.abs()));
        for element in 0..x.len() {
            let loss_at = |moved: f32| {
                let mut x = x.clone();
                x[element] += moved;
                gradient(model, &rows, &whole, &x).0 / rows.len() as f64
            };
            let numeric = (loss_at(h) - loss_at(-h)) / (2.0 * f64::from(h));
            let error = (numeric - f64::from(analytic[element])).abs();
            assert!(
                error < 1e-5 * f64::from(largest),
                "{name}, element {element}: {error}"
            );
        }
    });
}

#[test]
fn a_sparse_replica_gives_the_same_bits_as_a_whole_one() {
    each_model(|name, model, task| {
        let rows = batch(task, 12);
        let x = parameters(model, 6);
        let (whole_loss, whole) = gradient(model, &rows, &Coverage::Whole(x.len() as u64), &x);
        let held = touched(model, &rows);
        let pick = |values: &[f32]| -> Vec<f32> {
            held.iter()
                .map(|element| values[usize::try_from(*element).unwrap()])
                .collect()
        };
        let sparse_x = pick(&x);
        let coverage = Coverage::Coordinates(held.clone());
        let (sparse_loss, sparse) = gradient(model, &rows, &coverage, &sparse_x);
        assert_eq!(whole_loss.to_bits(), sparse_loss.to_bits(), "{name}");
        assert_eq!(pick(&whole), sparse, "{name}");
        let (mut of_whole, mut of_sparse) = (vec![], vec![9.0]);
        let at = located(model, &rows, &Coverage::Whole(x.len() as u64));
        model.scores(&rows, &at, &x, &mut of_whole);
        model.scores(
            &rows,
            &located(model, &rows, &coverage),
            &sparse_x,
            &mut of_sparse,
        );
        assert_eq!(of_whole, of_sparse, "{name}");
    });
}

#[test]
fn touched_elements_are_sorted_unique_and_all_that_a_gradient_changes() {
    each_model(|name, model, task| {
        let rows = batch(task, 4);
        let x = parameters(model, 8);
        let held = touched(model, &rows);
        assert!(held.is_sorted_by(|a, b| a < b), "{name}");
        let (_, gradient) = gradient(model, &rows, &Coverage::Whole(x.len() as u64), &x);
        for (element, slope) in (0..).zip(gradient) {
            assert!(
                slope == 0.0 || held.binary_search(&element).is_ok(),
                "{name}: {element}"
            );
        }
    });
}

#[test]
fn gradients_are_added_and_losses_are_those_of_the_scores() {
    each_model(|name, model, task| {
        let rows = batch(task, 9);
        let x = parameters(model, 3);
        let whole = Coverage::Whole(x.len() as u64);
        let (losses, alone) = gradient(model, &rows, &whole, &x);
        let at = located(model, &rows, &whole);
        let mut twice = alone.clone();
        model.gradient(&rows, &at, &x, &mut twice);
        for (twice, once) in twice.iter().zip(&alone) {
            assert!((twice - 2.0 * once).abs() < 1e-6, "{name}");
        }
        let mut scores = vec![];
        model.scores(&rows, &at, &x, &mut scores);
        let width = model.output().scores_per_row();
        assert_eq!(scores.len(), rows.len() * width, "{name}");
        let of_scores: f64 = rows
            .labels()
            .iter()
            .zip(scores.chunks(width))
            .map(|(label, scores)| model.loss(*label, scores))
            .sum();
        assert!(
            (losses - of_scores).abs() < 1e-5,
            "{name}: {losses}, {of_scores}"
        );
    });
}

#[test]
fn a_replica_that_lacks_an_element_is_refused_by_its_name() {
    each_model(|name, model, task| {
        let rows = batch(task, 4);
        let mut held = touched(model, &rows);
        let lacking = held.remove(held.len() / 2);
        let refused = model.locate(&rows, &Coverage::Coordinates(held), &mut Located::default());
        assert_eq!(
            refused,
            Err(ModelError::NotCovered { element: lacking }),
            "{name}"
        );
    });
}

#[test]
fn an_empty_batch_touches_nothing() {
    each_model(|name, model, _| {
        assert_eq!(touched(model, &Rows::new()), [0; 0], "{name}");
        let x = parameters(model, 1);
        let (losses, gradient) =
            gradient(model, &Rows::new(), &Coverage::Whole(x.len() as u64), &x);
        assert_eq!(losses.to_bits(), 0, "{name}");
        assert!(gradient.iter().all(|slope| *slope == 0.0), "{name}");
    });
}

#[test]
fn a_model_is_shared_by_threads() {
    fn shared<T: Send + Sync + ?Sized>() {}
    shared::<Arc<dyn Model>>();
}
