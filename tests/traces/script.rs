//! A model whose gradients are written down: what a worker computes in each of its iterations.

use std::sync::atomic::{AtomicUsize, Ordering};

use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_worker::data::Rows;
use thalweg_worker::model::{Coverage, Located, Model, ModelError, Output};

/// The gradient of one iteration.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// `a·(x − c) + noise`.
    Parabola {
        a: Vec<f64>,
        c: Vec<f64>,
        noise: Vec<f64>,
    },
    /// These values, of the elements for which there is one.
    Given(Vec<Option<f64>>),
}

/// A worker's iterations, one after the other.
#[derive(Debug)]
pub(crate) struct Script {
    layout: ParameterLayout,
    steps: Vec<Step>,
    touched: AtomicUsize,
    computed: AtomicUsize,
}

impl Script {
    pub(crate) fn new(elements: usize, steps: Vec<Step>) -> Self {
        let tensor = Tensor::trainable("x", vec![elements as u64]);
        Self {
            layout: ParameterLayout::new(vec![tensor]).unwrap(),
            steps,
            touched: AtomicUsize::new(0),
            computed: AtomicUsize::new(0),
        }
    }

    fn elements(&self, step: usize) -> Vec<u64> {
        match self.steps.get(step) {
            Some(Step::Given(values)) => {
                let pairs = (0..).zip(values);
                pairs.filter_map(|(at, value)| value.map(|_| at)).collect()
            }
            Some(Step::Parabola { a, .. }) => (0..a.len() as u64).collect(),
            // What is read after the last iteration is never used.
            None => vec![0],
        }
    }
}

impl Model for Script {
    fn layout(&self) -> &ParameterLayout {
        &self.layout
    }

    fn output(&self) -> Output {
        Output::Value
    }

    fn touched(&self, _rows: &Rows, out: &mut Vec<u64>) {
        *out = self.elements(self.touched.fetch_add(1, Ordering::Relaxed));
    }

    fn locate(&self, _: &Rows, _: &Coverage, _: &mut Located) -> Result<(), ModelError> {
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "gradients are singles")]
    fn gradient(&self, _: &Rows, _: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let number = self.computed.fetch_add(1, Ordering::Relaxed);
        match &self.steps[number] {
            Step::Parabola { a, c, noise } => {
                for (at, g) in gradient.iter_mut().enumerate() {
                    *g = (a[at] * (f64::from(x[at]) - c[at]) + noise[at]) as f32;
                }
            }
            Step::Given(values) => {
                let given: Vec<f64> = if x.len() == values.len() {
                    values.iter().map(|value| value.unwrap_or(0.0)).collect()
                } else {
                    values.iter().copied().flatten().collect()
                };
                assert_eq!(given.len(), gradient.len(), "what is touched is covered");
                for (g, value) in gradient.iter_mut().zip(given) {
                    *g = value as f32;
                }
            }
        }
        0.0
    }

    fn scores(&self, _: &Rows, _: &Located, _: &[f32], out: &mut Vec<f32>) {
        out.clear();
    }

    fn loss(&self, _: f32, _: &[f32]) -> f64 {
        0.0
    }
}
