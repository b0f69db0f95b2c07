//! A program of yours: its own model, Poisson regression, on its own data, computed on the fly, trained
//! by two servers and three workers. `cargo run --release --example own_model`.
#![expect(clippy::pedantic, reason = "its casts: values are f32")]
#![expect(clippy::print_stdout, reason = "it says what it found")]
use std::sync::Arc;

use thalweg::data::{Dataset, Ideal, Rows, Task};
use thalweg::launch::InProcess;
use thalweg::layout::{ParameterLayout, Tensor};
use thalweg::model::{Coverage, Located, Model, ModelError, Output};
use thalweg::seed::{mix, unit};

/// The mean of a row's count is e^(w·v), with this w; it is rounded up or down by chance.
const TRUTH: [f32; 4] = [0.5, -1.0, 0.25, 0.75];

/// Counts, such as calls in an hour. Row n is a function of n, so that they take no memory.
#[derive(Debug)]
struct Counts;

#[rustfmt::skip]
impl Dataset for Counts {
    fn rows(&self) -> u64 { 300_000 }
    fn features(&self) -> u64 { 4 }
    fn task(&self) -> Task { Task::Real }
    fn content_hash(&self) -> u64 { 1 } // The version of `fill`.
    fn memory_bytes(&self) -> u64 { 0 }
    fn ideal(&self) -> Option<Ideal> { None }
    fn fill(&self, rows: &[u64], out: &mut Rows) {
        out.clear();
        for &number in rows {
            let chance = |at: u64| unit(mix(mix(number) ^ at)) as f32;
            let values = [0, 1, 2, 3].map(|at| 2.0 * chance(at) - 1.0);
            let count = (dot(&TRUTH, &values).exp() + chance(4)).floor();
            out.push(number, count, &[0, 1, 2, 3], &values);
        }
    }
}

fn dot(w: &[f32], v: &[f32]) -> f32 {
    w.iter().zip(v).map(|(w, v)| w * v).sum()
}

/// loss = e^s − label · s with s = w·v: −ln of the Poisson probability, but for a constant.
#[derive(Debug)]
struct Poisson(ParameterLayout);

#[rustfmt::skip]
impl Model for Poisson {
    fn layout(&self) -> &ParameterLayout { &self.0 }
    fn output(&self) -> Output { Output::Value }
    fn loss(&self, label: f32, s: &[f32]) -> f64 { f64::from(s[0].exp() - label * s[0]) }
    fn touched(&self, _: &Rows, out: &mut Vec<u64>) { *out = (0..4).collect(); }
    fn locate(&self, _: &Rows, coverage: &Coverage, out: &mut Located) -> Result<(), ModelError> {
        coverage.find(0, 4, 0).map(|place| out.tensors = vec![place])
    }
    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        let w = &x[located.tensors[0] as usize..];
        *out = (0..rows.len()).map(|row| dot(w, rows.row(row).1)).collect();
    }
    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let (w, mut s, mut losses) = (located.tensors[0] as usize, vec![], 0.0);
        self.scores(rows, located, x, &mut s);
        for (row, &label) in rows.labels().iter().enumerate() {
            losses += rows.weight(row) * self.loss(label, &s[row..]);
            let slope = rows.weight(row) as f32 * (s[row].exp() - label) / rows.batch_rows() as f32;
            gradient[w..].iter_mut().zip(rows.row(row).1).for_each(|(g, v)| *g += slope * v);
        }
        losses
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let job =
        "cluster = { servers = 2, workers = 3 }\n optimizer = { name = \"adagrad\", lr = 0.1 }";
    let poisson = Poisson(ParameterLayout::new(vec![Tensor::trainable("w", vec![4])])?);
    let trained = InProcess::new(job, Arc::new(Counts), Arc::new(poisson))?.train()?;
    println!("w = {:.3?}, true {TRUTH:?}", trained.tensor("w"));
    Ok(())
}
