//! Perceptrons, trained by one thread in plain loops on public data, as good as those of other
//! libraries there.

mod support;

use std::path::Path;

use rayon::ThreadPoolBuilder;
use thalweg_common::permutation::Permutation;
use thalweg_common::seed::{Purpose, derive};
use thalweg_worker::{
    data::{Dataset, Loaded, Rows, load},
    evaluate::evaluate,
    model::{Coverage, Located, Model, Shape, build},
};

use crate::support::public_data;

const SEED: u64 = 1;

/// Batches of so many rows, so many epochs, at a rate that falls to 0 in a straight line.
struct Training {
    batch: u64,
    epochs: u64,
    lr: f32,
}

/// Adam in f32 (Kingma, Ba 2015) from the model's own initial values.
fn train(model: &dyn Model, data: &dyn Dataset, training: &Training) -> Vec<f32> {
    let mut x = Vec::new();
    for (number, (span, tensor)) in (0..).zip(model.layout().spans()) {
        let seed = derive(SEED, Purpose::Init, number);
        x.extend((0..span.end - span.start).map(|index| tensor.init.value(seed, index)));
    }
    let mut adam = Adam::new(x.len());
    let mut gradient = vec![0.0_f32; x.len()];
    let (mut rows, mut located) = (Rows::new(), Located::default());
    let whole = Coverage::Whole(model.layout().elements());
    let steps = training.epochs * data.rows().div_ceil(training.batch);
    for epoch in 0..training.epochs {
        let order = Permutation::new(SEED, epoch, data.rows());
        let mut start = 0;
        while start < data.rows() {
            let end = data.rows().min(start + training.batch);
            let numbers: Vec<u64> = (start..end).map(|position| order.row(position)).collect();
            data.fill(&numbers, &mut rows);
            model
                .locate(&rows, &whole, &mut located)
                .expect("all is held");
            gradient.fill(0.0);
            model.gradient(&rows, &located, &x, &mut gradient);
            adam.step(training.lr, steps, &mut x, &gradient);
            start = end;
        }
    }
    x
}

struct Adam {
    means: Vec<[f32; 2]>,
    steps: u16,
}

impl Adam {
    fn new(elements: usize) -> Self {
        Self {
            means: vec![[0.0; 2]; elements],
            steps: 0,
        }
    }

    fn step(&mut self, lr: f32, steps: u64, x: &mut [f32], gradient: &[f32]) {
        let done = f32::from(self.steps) / f32::from(u16::try_from(steps).expect("few steps"));
        self.steps += 1;
        let bias = |beta: f32| 1.0 - beta.powi(i32::from(self.steps));
        let (bias1, bias2, lr) = (bias(0.9), bias(0.999), lr * (1.0 - done));
        for ((x, g), [m, v]) in x.iter_mut().zip(gradient).zip(&mut self.means) {
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *x -= lr * (*m / bias1) / ((*v / bias2).sqrt() + 1e-8);
        }
    }
}

/// The accuracy on the rows that judge.
fn accuracy(loaded: &Loaded, keys: &str, training: &Training) -> f64 {
    let (rows, judges) = (&*loaded.train, loaded.test.as_deref().expect("test rows"));
    let model = build("mlp", &keys.parse().expect("TOML"), &Shape::of(rows)).expect("a model");
    let x = train(&*model, rows, training);
    let pool = ThreadPoolBuilder::new().num_threads(2).build();
    let scores = evaluate(&*model, judges, u64::MAX, &x, &pool.expect("two threads"))
        .expect("data of the model's shape")
        .scores;
    scores.accuracy.expect("classes")
}

fn csv(folder: &Path, keys: &str) -> Loaded {
    load("csv", &keys.parse().expect("TOML"), folder).expect("a whole set")
}

#[test]
fn digits_are_told_apart_under_every_activation() {
    let Some(folder) = public_data("digits_are_told_apart_under_every_activation") else {
        return;
    };
    let digits = csv(
        &folder,
        "train = 'classics/digits.train.csv.gz'\ntest = 'classics/digits.test.csv.gz'\n\
         scale = 'standard'",
    );
    // The reference, a hidden layer of 64 rectifiers after 60 epochs of Adam, has 0.9805.
    for (keys, least) in [
        ("hidden = [64]", 0.977),
        ("hidden = [64]\nactivation = 'gelu'", 0.97),
        ("hidden = [64]\nactivation = 'tanh'", 0.97),
        ("hidden = [64]\nactivation = 'sigmoid'", 0.97),
        ("hidden = [64, 32]", 0.97),
    ] {
        let training = Training {
            batch: 32,
            epochs: 40,
            lr: 0.003,
        };
        let found = accuracy(&digits, keys, &training);
        assert!(least <= found, "{keys}: {found}");
    }
}

#[test]
fn clothes_are_told_apart_by_their_pixels() {
    let Some(folder) = public_data("clothes_are_told_apart_by_their_pixels") else {
        return;
    };
    let keys = [
        ("train_images", "train-images-idx3"),
        ("train_labels", "train-labels-idx1"),
        ("test_images", "t10k-images-idx3"),
        ("test_labels", "t10k-labels-idx1"),
    ];
    let keys = keys.map(|(key, file)| format!("{key} = 'fashion-mnist-10k/{file}-ubyte.gz'\n"));
    let fashion = load("idx", &keys.concat().parse().unwrap(), &folder).unwrap();
    let training = Training {
        batch: 64,
        epochs: 15,
        lr: 0.001,
    };
    let found = accuracy(&fashion, "hidden = [128]", &training);
    assert!(0.853 <= found, "{found}");
}

#[test]
fn decays_of_higgs_bosons_are_told_from_others() {
    let Some(folder) = public_data("decays_of_higgs_bosons_are_told_from_others") else {
        return;
    };
    let higgs = csv(
        &folder,
        "train = 'higgs-lgb/higgs.train.tsv.gz'\ntest = 'higgs-lgb/higgs.test.tsv.gz'\n\
         target = 1\nscale = 'standard'",
    );
    let training = Training {
        batch: 64,
        epochs: 15,
        lr: 0.002,
    };
    let found = accuracy(&higgs, "hidden = [64]", &training);
    assert!(0.665 <= found, "{found}");
}
