//! What the laws of all models do not try: batches that are dense or nearly so, known numbers, and the
//! names of the tensors.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::seed::unit;

use crate::data::{Rows, Task};
use crate::model::{
    Coverage, Located, Model, Shape, build, gradient_check::check_gradient, linear::narrow,
};

const FEATURES: u32 = 300;

fn mlp(keys: &str, features: u64, task: Task) -> Arc<dyn Model> {
    build("mlp", &keys.parse().unwrap(), &Shape::plain(features, task)).unwrap()
}

fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    move || narrow(2.0 * unit(random.next_u64()) - 1.0)
}

/// Rows that have each feature but every seventh with this chance.
fn rows_of(share: f32, count: u64) -> Rows {
    let (mut random, mut rows) = (random(count), Rows::new());
    for number in 0..count {
        let features: Vec<u32> = (0..FEATURES)
            .filter(|feature| 1.0 <= share || feature % 7 != 3 && random() < 2.0 * share - 1.0)
            .collect();
        let values: Vec<f32> = features.iter().map(|_| random()).collect();
        rows.push(number, random().signum(), &features, &values);
    }
    rows
}

/// Losses, and the gradient on top of `x`.
fn gradient(model: &dyn Model, rows: &Rows, coverage: &Coverage, x: &[f32]) -> (f64, Vec<f32>) {
    let (mut located, mut gradient) = (Located::default(), x.to_vec());
    model.locate(rows, coverage, &mut located).unwrap();
    let losses = model.gradient(rows, &located, x, &mut gradient);
    (losses, gradient)
}

#[test]
fn dense_sparse_and_mixed_batches_have_the_gradient_of_the_plain_formula() {
    let model = mlp("hidden = [9, 5]", FEATURES.into(), Task::Binary);
    for share in [1.0, 0.8, 0.1] {
        for check in check_gradient(&*model, &rows_of(share, 13), 200, 5).unwrap() {
            assert!(check.error < 1e-5, "{share}: {check:?}");
        }
    }
}

#[test]
fn a_dense_batch_has_the_same_bits_on_a_sparse_replica() {
    let model = mlp(
        "hidden = [9]\nactivation = 'tanh'",
        FEATURES.into(),
        Task::Binary,
    );
    for share in [1.0, 0.8] {
        let rows = rows_of(share, 300);
        let mut random = random(3);
        let x: Vec<f32> = (0..model.layout().elements()).map(|_| random()).collect();
        let (losses, whole) = gradient(&*model, &rows, &Coverage::Whole(x.len() as u64), &x);
        let mut held = Vec::new();
        model.touched(&rows, &mut held);
        assert_eq!(
            held.len() < x.len(),
            share < 1.0,
            "a feature is missing where it should"
        );
        let pick = |values: &[f32]| -> Vec<f32> {
            let of = |element: &u64| values[usize::try_from(*element).unwrap()];
            held.iter().map(of).collect()
        };
        let coverage = Coverage::Coordinates(held.clone());
        let (of_sparse, sparse) = gradient(&*model, &rows, &coverage, &pick(&x));
        assert_eq!(losses.to_bits(), of_sparse.to_bits());
        assert_eq!(pick(&whole), sparse);
    }
}

#[test]
fn the_two_ways_of_the_first_layer_agree_where_they_meet() {
    let model = mlp(
        "hidden = [12]\nactivation = 'gelu'",
        FEATURES.into(),
        Task::Binary,
    );
    let dense = rows_of(0.8, 13);
    // The same batch beside rows that weigh nothing and have next to no features: taken row by row.
    let mut sparse = dense.clone();
    for number in 13..200 {
        sparse.push(number, 1.0, &[0], &[1.0]);
    }
    sparse.weigh(|number, _| if number < 13 { 1.0 } else { 0.0 });
    sparse.set_batch_rows(13);
    let mut random = random(4);
    let x: Vec<f32> = (0..model.layout().elements())
        .map(|_| 0.2 * random())
        .collect();
    let whole = Coverage::Whole(x.len() as u64);
    let (one, two) = (
        gradient(&*model, &dense, &whole, &x),
        gradient(&*model, &sparse, &whole, &x),
    );
    assert!((one.0 - two.0).abs() < 1e-4 && 1.0 < one.0);
    for (dense, sparse) in one.1.iter().zip(&two.1) {
        assert!((dense - sparse).abs() < 1e-6, "{dense}, {sparse}");
    }
}

#[test]
fn the_score_of_a_small_network_is_that_of_the_formula() {
    let model = mlp("hidden = [2]", 2, Task::Real);
    // W₀ = (1, −1), (2, 0.5); b₀ = (0.5, 0); W₁ = (3), (4); b₁ = −1.
    let x = [1.0, -1.0, 2.0, 0.5, 0.5, 0.0, 3.0, 4.0, -1.0];
    let mut rows = Rows::new();
    rows.push(0, 0.0, &[0, 1], &[1.0, 4.0]);
    rows.push(1, 0.0, &[0], &[2.0]);
    rows.push(2, 0.0, &[], &[]);
    let (mut located, mut scores) = (Located::default(), Vec::new());
    model
        .locate(&rows, &Coverage::Whole(9), &mut located)
        .unwrap();
    model.scores(&rows, &located, &x, &mut scores);
    // Hidden outputs (9.5, 1), (2.5, 0) and (0.5, 0).
    assert_eq!(scores, [28.5 + 4.0 - 1.0, 7.5 - 1.0, 1.5 - 1.0]);
}

#[test]
fn the_tensors_are_named_as_torch_names_them_and_biases_are_not_regularized() {
    let model = mlp("hidden = [8, 4]", 5, Task::Classes(3));
    let tensors = model.layout().tensors().iter();
    let told: Vec<_> = tensors
        .map(|t| (t.name.as_str(), &t.shape[..], t.by_input))
        .collect();
    let expected: [(&str, &[u64], bool); 6] = [
        ("layers.0.weight", &[5, 8], true),
        ("layers.0.bias", &[8], false),
        ("layers.1.weight", &[8, 4], true),
        ("layers.1.bias", &[4], false),
        ("layers.2.weight", &[4, 3], true),
        ("layers.2.bias", &[3], false),
    ];
    assert_eq!(told, expected);
    for tensor in model.layout().tensors() {
        assert_eq!(tensor.group.regularized, tensor.by_input, "{}", tensor.name);
    }
}
