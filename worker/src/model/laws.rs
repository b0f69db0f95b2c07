//! Laws that every model of the registry keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::layout::ParameterLayout;
use thalweg_common::seed::unit;

use super::gradient_check::check_gradient;
use super::linear::narrow;
use super::registry::Sums;
use super::{Coverage, Located, MODELS, Model, ModelEntry, ModelError, Output, Shape};
use crate::data::{Rows, Task};

const FEATURES: u32 = 40;

/// Every model with a task that it takes, under each of the keys that its entry tells.
fn each_model(law: impl Fn(&str, &dyn Model, Task)) {
    each_entry(|_, _, name, model, task| law(name, model, task));
}

fn each_entry(law: impl Fn(&ModelEntry, &toml::Table, &str, &dyn Model, Task)) {
    for entry in MODELS {
        for keys in entry.laws.variants {
            let mut built = 0;
            for task in [Task::Real, Task::Binary, Task::Classes(5)] {
                let shape = Shape::plain(u64::from(FEATURES), task);
                let table = keys.parse().unwrap();
                match (entry.build)(&table, &shape) {
                    Ok(model) => {
                        let name = format!("{}, {task:?}, {keys}", entry.name);
                        law(entry, &table, &name, &*model, task);
                        built += 1;
                    }
                    Err(ModelError::WrongTask { .. }) => {}
                    Err(wrong) => panic!("{}, {keys}: {wrong}", entry.name),
                }
            }
            assert!(0 < built, "{}, {keys}: no law was tried", entry.name);
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

#[test]
fn gradients_are_the_slopes_of_the_mean_loss() {
    each_model(|name, model, task| {
        let checks = check_gradient(model, &batch(task, 12), usize::MAX, 5).unwrap();
        assert_eq!(checks.len(), model.layout().tensors().len(), "{name}");
        for check in checks {
            assert_eq!(check.checked + check.kinked, check.touched, "{name}");
            assert!(20 * check.kinked <= check.touched, "{name}: {check:?}");
            assert!(check.error < 1e-5, "{name}: {check:?}");
        }
    });
}

#[test]
fn gradients_of_weighted_rows_are_the_slopes_of_the_weighted_mean_loss() {
    each_model(|name, model, task| {
        let mut rows = batch(task, 12);
        let x = parameters(model, 3);
        let whole = Coverage::Whole(x.len() as u64);
        let (plain, _) = gradient(model, &rows, &whole, &x);
        rows.weigh(|_, label| if 0.5 < label { 3.0 } else { 0.25 });
        for check in check_gradient(model, &rows, usize::MAX, 5).unwrap() {
            assert!(check.error < 1e-5, "{name}: {check:?}");
        }
        // A weight of 2 is the row twice, but for the number of rows that the sum is divided by.
        let (weighted, slopes) = gradient(model, &rows, &whole, &x);
        assert!((weighted - plain).abs() > 1e-3, "{name}");
        rows.weigh(|_, _| 2.0);
        let (twice, doubled) = gradient(model, &rows, &whole, &x);
        assert!((twice / weighted - 2.0).abs() < 1e-12, "{name}");
        for (one, two) in slopes.iter().zip(&doubled) {
            assert_eq!((2.0 * one).to_bits(), two.to_bits(), "{name}");
        }
    });
}

#[test]
fn the_pieces_of_a_batch_add_up_to_its_gradient_bit_for_bit_where_sums_run_in_row_order() {
    each_entry(|entry, _, name, model, task| {
        let rows = batch(task, 11);
        let x = parameters(model, 3);
        let whole = Coverage::Whole(x.len() as u64);
        let (losses, expected) = gradient(model, &rows, &whole, &x);
        let (mut sum, mut found) = (0.0, vec![0.0; x.len()]);
        for piece in [0..4, 4..5, 5..11] {
            let mut part = Rows::new();
            for row in piece {
                let (features, values) = rows.row(row);
                part.push(rows.numbers()[row], rows.labels()[row], features, values);
            }
            part.set_batch_rows(11);
            sum += model.gradient(&part, &located(model, &part, &whole), &x, &mut found);
        }
        let bits = |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|x| x.to_bits()).collect() };
        match entry.laws.sums {
            Sums::InRowOrder => {
                assert!((sum - losses).abs() < 1e-9, "{name}");
                assert_eq!(bits(&found), bits(&expected), "{name}");
            }
            Sums::InBlocks => {
                assert!((sum - losses).abs() < 1e-4, "{name}");
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-6, "{name}");
                }
            }
        }
    });
}

/// A model whose gradient is wrong by one part in a hundred in one place: the steepest of its first ones.
#[derive(Debug)]
struct Skewed<'a> {
    model: &'a dyn Model,
    first: usize,
    place: AtomicUsize,
}

impl Model for Skewed<'_> {
    fn layout(&self) -> &ParameterLayout {
        self.model.layout()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.model.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.model.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let losses = self.model.gradient(rows, located, x, gradient);
        let steeper = |a: &usize, b: &usize| gradient[*a].abs().total_cmp(&gradient[*b].abs());
        let place = (0..self.first).max_by(steeper).unwrap();
        gradient[place] *= 1.01;
        self.place.store(place, Ordering::Relaxed);
        losses
    }

    fn losses(&self, rows: &Rows, located: &Located, x: &[f32]) -> f64 {
        self.model.losses(rows, located, x)
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        self.model.scores(rows, located, x, out);
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.model.loss(label, scores)
    }
}

#[test]
fn a_gradient_that_is_wrong_by_a_hundredth_in_one_element_is_found() {
    each_model(|name, model, task| {
        let rows = batch(task, 12);
        let held = touched(model, &rows);
        let end = model.layout().tensors()[0].elements().unwrap();
        let skewed = Skewed {
            model,
            first: held.partition_point(|element| *element < end),
            place: AtomicUsize::new(0),
        };
        let checks = check_gradient(&skewed, &rows, usize::MAX, 5).unwrap();
        let place = skewed.place.load(Ordering::Relaxed);
        let wrong: Vec<_> = checks.iter().filter(|check| !check.is_right()).collect();
        let [wrong] = wrong.as_slice() else {
            panic!("{name}: {checks:?}")
        };
        assert_eq!(
            wrong.worst.map(|slope| slope.element),
            Some(held[place]),
            "{name}"
        );
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
fn gradients_are_added_and_losses_are_those_of_the_scores_and_of_the_plain_formula() {
    each_entry(|_, keys, name, model, task| {
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
        // An L2 term of the rows' own parameters is part of the loss and of no score.
        let has_penalty = keys.get("l2").and_then(toml::Value::as_float) > Some(0.0);
        assert!(
            (losses - of_scores).abs() < 1e-5 || has_penalty && of_scores < losses,
            "{name}: {losses}, {of_scores}"
        );
        let plain = model.losses(&rows, &at, &x);
        assert!((losses - plain).abs() < 1e-5, "{name}: {losses}, {plain}");
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
