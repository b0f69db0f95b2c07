//! The yardstick: one thread, one row at a time, plain loops. A distributed run is judged by it.

use std::path::Path;

use rayon::ThreadPoolBuilder;
use thalweg_worker::{
    data::{Dataset, Rows, load},
    evaluate::evaluate,
    model::{Coverage, Located, Shape, build},
};

/// One pass of `AdaGrad` (Duchi, Hazan, Singer 2011) over the rows in their order, batch 1:
/// G ← G + g², x ← x − lr · g / (√G + ε).
#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
fn adagrad_pass(train: &dyn Dataset, lr: f64) -> Vec<f32> {
    let features = usize::try_from(train.features()).expect("a small set");
    let (mut x, mut squares) = (vec![0.0_f64; features + 1], vec![0.0_f64; features + 1]);
    let mut rows = Rows::new();
    for number in 0..train.rows() {
        train.fill(&[number], &mut rows);
        let (label, (row, _)) = (f64::from(rows.labels()[0]), rows.row(0));
        let touched = || {
            row.iter()
                .map(|feature| *feature as usize)
                .chain([features])
        };
        let score: f64 = touched().map(|element| x[element]).sum();
        let slope = -label / (1.0 + (label * score).exp());
        for element in touched() {
            squares[element] += slope * slope;
            x[element] -= lr * slope / (squares[element].sqrt() + 1e-10);
        }
    }
    x.into_iter().map(|x| x as f32).collect()
}

/// An independent program scored 0.4998 and 0.7294 with its own order of the rows.
#[test]
fn one_sequential_adagrad_pass_reaches_the_published_quality() {
    let flights = load("flights", &toml::Table::new(), Path::new(".")).unwrap();
    let test = flights.test.unwrap();
    let x = adagrad_pass(&*flights.train, 0.05);
    let model = build(
        "logistic_regression",
        &toml::Table::new(),
        &Shape::of(&*test),
    )
    .unwrap();
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let found = evaluate(&*model, &*test, u64::MAX, &x, &pool)
        .unwrap()
        .scores;
    let (log_loss, auc) = (found.log_loss.unwrap(), found.auc.unwrap());
    assert!((log_loss - 0.4998).abs() < 5e-4, "log-loss {log_loss}");
    assert!((auc - 0.7294).abs() < 1e-3, "AUC {auc}");
}

/// The entropy and the majority share of the labels: 0.25487 of the 16,000 test flights are late.
#[test]
fn a_constant_prediction_scores_what_the_share_of_late_flights_says() {
    let flights = load("flights", &toml::Table::new(), Path::new(".")).unwrap();
    let test = flights.test.unwrap();
    let model = build(
        "logistic_regression",
        &toml::Table::new(),
        &Shape::of(&*test),
    )
    .unwrap();
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let late = 0.254_87_f64;
    let mut x = vec![0.0; 4_271];
    // ln(0.25487 / 0.74513)
    x[4_270] = -1.072_805;
    let found = evaluate(&*model, &*test, u64::MAX, &x, &pool)
        .unwrap()
        .scores;
    let entropy = -late * late.ln() - (1.0 - late) * (1.0 - late).ln();
    assert!(
        (found.log_loss.unwrap() - entropy).abs() < 1e-5,
        "{found:?}"
    );
    assert!(
        (found.accuracy.unwrap() - 0.74513).abs() < 1e-5,
        "{found:?}"
    );
    assert!((found.auc.unwrap() - 0.5).abs() < 1e-12, "{found:?}");
}

/// The model's own gradient, in the same loops, walks the same way as the formula written out.
#[test]
fn the_models_gradient_is_that_of_the_yardstick() {
    let flights = load("flights", &toml::Table::new(), Path::new(".")).unwrap();
    let model = build(
        "logistic_regression",
        &toml::Table::new(),
        &Shape::of(&*flights.train),
    )
    .unwrap();
    let x = adagrad_pass(&*flights.train, 0.05);
    let (mut rows, mut located) = (Rows::new(), Located::default());
    for number in 0..1_000 {
        flights.train.fill(&[number], &mut rows);
        model
            .locate(&rows, &Coverage::Whole(4_271), &mut located)
            .unwrap();
        let mut gradient = vec![0.0; 4_271];
        model.gradient(&rows, &located, &x, &mut gradient);
        let (row, _) = rows.row(0);
        let label = f64::from(rows.labels()[0]);
        let touched = row.iter().map(|feature| *feature as usize).chain([4_270]);
        let score: f64 = touched.map(|element| f64::from(x[element])).sum();
        let slope = -label / (1.0 + (label * score).exp());
        assert!((f64::from(gradient[4_270]) - slope).abs() < 1e-6);
        assert!(
            row.iter()
                .all(|f| gradient[*f as usize].to_bits() == gradient[4_270].to_bits())
        );
    }
}
