//! How fast a perceptron's gradients are: `cargo run --release -p thalweg-worker --example mlp_speed`.
//!
//! Of a network 784-256-10 in f32 it prints samples per second of loss and gradient, beside the five
//! products of matrices that these consist of, alone, which is the limit; then the same for batches
//! with fewer non-zeros, beside the way that takes the first layer row by row. Medians, one thread.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{error::Error, hint::black_box, time::Instant};

use ndarray::{Array2, linalg::general_mat_mul};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::seed::unit;
use thalweg_worker::{
    data::{Rows, Task},
    model::{Coverage, Located, Shape, build},
};

const FEATURES: u32 = 784;
const HIDDEN: usize = 256;
const CLASSES: u32 = 10;
/// Measurements, and samples in each.
const TIMES: usize = 15;
const SAMPLES: usize = 12_800;

fn main() -> Result<(), Box<dyn Error>> {
    for batch in [64, 256] {
        let model = gradients(batch, 1.0, FEATURES)?;
        let limit = products(batch);
        println!(
            "batch {batch}: {model:.0} samples/s, the products alone {limit:.0}, share {:.2}",
            model / limit
        );
    }
    for percent in [5, 10, 15, 20, 25, 30, 40, 50, 70, 90] {
        let share = f64::from(percent) / 100.0;
        // In a network of many more inputs the same batch has a small share of them.
        let chosen = gradients(64, share, FEATURES)?;
        let by_row = gradients(64, share, 200 * FEATURES)?;
        println!("batch 64, {percent} % non-zeros: {chosen:.0} samples/s, row by row {by_row:.0}");
    }
    Ok(())
}

/// Numbers from −1 to 1.
fn random() -> impl FnMut() -> f32 {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    #[expect(clippy::cast_possible_truncation, reason = "numbers of any kind")]
    move || (2.0 * unit(random.next_u64()) - 1.0) as f32
}

/// Samples per second of the model's loss and gradient.
fn gradients(batch: u16, share: f64, features: u32) -> Result<f64, Box<dyn Error>> {
    let shape = Shape::plain(features.into(), Task::Classes(CLASSES));
    let model = build("mlp", &format!("hidden = [{HIDDEN}]").parse()?, &shape)?;
    let (mut random, mut rows) = (random(), Rows::new());
    for number in 0..batch {
        let has = |_: &u32| f64::from(random().abs()) < share;
        let kept: Vec<u32> = (0..FEATURES).filter(has).collect();
        let values: Vec<f32> = kept.iter().map(|_| random()).collect();
        rows.push(number.into(), f32::from(number % 10), &kept, &values);
    }
    let elements = model.layout().elements();
    let x: Vec<f32> = (0..elements).map(|_| 0.05 * random()).collect();
    let (mut gradient, mut located) = (vec![0.0; x.len()], Located::default());
    model.locate(&rows, &Coverage::Whole(elements), &mut located)?;
    Ok(rate(batch.into(), || {
        black_box(model.gradient(&rows, &located, &x, &mut gradient));
    }))
}

/// Samples per second of the products of matrices in it.
fn products(batch: u16) -> f64 {
    let (batch, mut random) = (usize::from(batch), random());
    let (inputs, scores) = (FEATURES as usize, CLASSES as usize);
    let mut matrix = |rows, columns| Array2::from_shape_simple_fn((rows, columns), &mut random);
    let (v, w0, w1) = (
        matrix(batch, inputs),
        matrix(inputs, HIDDEN),
        matrix(HIDDEN, scores),
    );
    let (mut hidden, mut out) = (matrix(batch, HIDDEN), matrix(batch, scores));
    let (mut slopes0, mut slopes1) = (matrix(inputs, HIDDEN), matrix(HIDDEN, scores));
    let mut below = matrix(batch, HIDDEN);
    rate(batch, || {
        general_mat_mul(1.0, &v, &w0, 0.0, &mut hidden);
        general_mat_mul(1.0, &hidden, &w1, 0.0, &mut out);
        general_mat_mul(1.0, &hidden.t(), &out, 0.0, &mut slopes1);
        general_mat_mul(1.0, &out, &w1.t(), 0.0, &mut below);
        general_mat_mul(1.0, &v.t(), &below, 0.0, &mut slopes0);
        black_box((&slopes0, &slopes1));
    })
}

/// The median rate of `work`, which is for so many samples.
#[expect(clippy::cast_precision_loss, reason = "thousands of samples")]
fn rate(samples: usize, mut work: impl FnMut()) -> f64 {
    let rounds = SAMPLES / samples;
    let mut rates: Vec<f64> = (0..=TIMES)
        .map(|_| {
            let start = Instant::now();
            (0..rounds).for_each(|_| work());
            (rounds * samples) as f64 / start.elapsed().as_secs_f64()
        })
        .skip(1)
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[TIMES / 2]
}
