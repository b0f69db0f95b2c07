//! Factorisation models, trained by one thread in plain loops on data that have an answer.

mod support;

use rayon::ThreadPoolBuilder;
use thalweg_common::permutation::Permutation;
use thalweg_common::seed::{Purpose, derive, normal, unit};
use thalweg_worker::{
    data::{Dataset, InMemory, Rows, Task, load},
    evaluate::{Scores, evaluate},
    model::{Coverage, Located, Model, Shape, build},
};

use crate::support::public_data;

const SEED: u64 = 1;

/// `AdaGrad` in f32 (Duchi, Hazan, Singer 2011) from the model's own initial values.
fn train(model: &dyn Model, data: &dyn Dataset, batch: u64, lr: f32, epochs: u64) -> Vec<f32> {
    let mut x = Vec::new();
    for (number, (span, tensor)) in (0..).zip(model.layout().spans()) {
        let seed = derive(SEED, Purpose::Init, number);
        x.extend((0..span.end - span.start).map(|index| tensor.init.value(seed, index)));
    }
    let (mut squares, mut gradient) = (vec![0.0_f32; x.len()], vec![0.0_f32; x.len()]);
    let (mut rows, mut located, mut touched) = (Rows::new(), Located::default(), Vec::new());
    let whole = Coverage::Whole(model.layout().elements());
    for epoch in 0..epochs {
        let order = Permutation::new(SEED, epoch, data.rows());
        let mut start = 0;
        while start < data.rows() {
            let end = data.rows().min(start + batch);
            let numbers: Vec<u64> = (start..end).map(|position| order.row(position)).collect();
            data.fill(&numbers, &mut rows);
            model
                .locate(&rows, &whole, &mut located)
                .expect("all is held");
            model.gradient(&rows, &located, &x, &mut gradient);
            model.touched(&rows, &mut touched);
            for element in &touched {
                let element = usize::try_from(*element).expect("a small model");
                let slope = std::mem::take(&mut gradient[element]);
                squares[element] += slope * slope;
                x[element] -= lr * slope / (squares[element].sqrt() + 1e-10);
            }
            start = end;
        }
    }
    x
}

fn scores(model: &dyn Model, data: &dyn Dataset, x: &[f32]) -> Scores {
    let pool = ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("two threads");
    evaluate(model, data, u64::MAX, x, &pool)
        .expect("data of the model's shape")
        .scores
}

#[test]
fn a_factorization_machine_tells_which_apps_are_used_where_a_linear_model_cannot() {
    let name = "a_factorization_machine_tells_which_apps_are_used_where_a_linear_model_cannot";
    let Some(folder) = public_data(name) else {
        return;
    };
    let files = "train = \"frappe/frappe57k.train.svm.gz\"\n\
                 test = \"frappe/frappe28k.test.svm.gz\"";
    let frappe = load("libsvm", &files.parse().unwrap(), &folder).unwrap();
    let (train_rows, test_rows) = (&*frappe.train, &*frappe.test.unwrap());
    let auc = |model: &str, keys: &str, lr: f32, epochs: u64| {
        let model = build(model, &keys.parse().unwrap(), &Shape::of(train_rows)).unwrap();
        let x = train(&*model, train_rows, 64, lr, epochs);
        scores(&*model, test_rows, &x).auc.unwrap()
    };
    let linear = auc("logistic_regression", "", 0.1, 5);
    let pairs = auc(
        "factorization_machine",
        "rank = 16\ninit_std = 0.05",
        0.1,
        5,
    );
    assert!(linear < 0.93 && 0.94 < pairs, "{linear}, {pairs}");
}

/// Ratings of 60 users and 40 items by a rule of rank 2, with noise of standard deviation 0.1.
fn ratings(count: u64) -> InMemory {
    let word = |purpose: u64, index: u64| derive(purpose, Purpose::Data, index);
    let taste = |who: u64, side: u64| normal(0.7, word(7, 2 * who + side));
    let mut rows = Rows::new();
    for number in 0..count {
        let pick = |of: u64, below: f64| (unit(word(of, number)) * below).floor();
        let (user, item) = (pick(1, 60.0), 60.0 + pick(2, 40.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole numbers below 100"
        )]
        let (user, item) = (user as u32, item as u32);
        let own = |side| taste(user.into(), side) * taste(item.into(), side);
        let rating = 3.0 + own(0) + own(1) + normal(0.1, word(3, number));
        #[expect(clippy::cast_possible_truncation, reason = "labels are f32")]
        rows.push_ones(number, rating as f32, &[user, item]);
    }
    InMemory::from_rows(&rows, 100, Task::Real)
}

#[test]
fn matrix_factorization_finds_a_rule_of_its_rank() {
    let (known, all) = (ratings(1_600), ratings(2_400));
    let mut rows = Rows::new();
    all.fill(&(1_600..2_400).collect::<Vec<_>>(), &mut rows);
    let unknown = InMemory::from_rows(&rows, 100, Task::Real);
    let rmse = |keys: &str| {
        let keys = format!("users = 60\n{keys}").parse().unwrap();
        let model = build("matrix_factorization", &keys, &Shape::of(&known)).unwrap();
        let x = train(&*model, &known, 16, 0.2, 120);
        scores(&*model, &unknown, &x).rmse.unwrap()
    };
    // The noise alone has 0.1, the labels themselves about 0.7.
    let found = rmse("rank = 2\nl2 = 0.002");
    assert!(found < 0.16, "{found}");
    let pulled = rmse("rank = 2\nl2 = 1.0");
    assert!(2.0 * found < pulled, "{found}, {pulled}");
}
