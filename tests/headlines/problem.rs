//! The classes that the perceptrons of these experiments learn: 20 numbers a row, ten classes of three
//! clouds each, 4,000 rows to train and 2,000 to judge.

use std::sync::Arc;

use thalweg_worker::data::{Dataset, InMemory, Rows, Task};
use thalweg_worker::model::{self, Coverage, Located, Model, Shape};

use crate::chance::Chance;

const WIDTH: u32 = 20;
const CLASSES: usize = 10;
const TRAIN: usize = 4_000;
const TEST: usize = 2_000;
const BATCH: usize = 16;
const L2: f32 = 1e-4;

#[derive(Debug)]
pub(crate) struct Problem {
    train: Arc<InMemory>,
    test: Arc<InMemory>,
    model: Arc<dyn Model>,
    pub(crate) start: Vec<f32>,
    rows: Rows,
    located: Located,
}

/// Error on the rows that judge, and loss on those that were trained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    pub(crate) error: f64,
    pub(crate) loss: f64,
}

impl Problem {
    pub(crate) fn new() -> Self {
        let mut chance = Chance::new(1);
        let clouds: Vec<Vec<f64>> = (0..3 * CLASSES)
            .map(|_| (0..WIDTH).map(|_| 1.3 * chance.normal()).collect())
            .collect();
        let indices: Vec<u32> = (0..WIDTH).collect();
        let mut rows = |count: usize| {
            let mut rows = Rows::new();
            for number in 0..count {
                let cloud = chance.below(clouds.len());
                let label = (cloud % CLASSES) as f32;
                let values: Vec<f32> = clouds[cloud]
                    .iter()
                    .map(|x| (x + chance.normal()) as f32)
                    .collect();
                rows.push(number as u64, label, &indices, &values);
            }
            let task = Task::Classes(CLASSES as u32);
            Arc::new(InMemory::from_rows(&rows, WIDTH.into(), task))
        };
        let (train, test) = (rows(TRAIN), rows(TEST));
        let options = "hidden = [32]\nactivation = 'relu'".parse().unwrap();
        let model = model::build("mlp", &options, &Shape::of(&*train)).unwrap();
        let elements = model.layout().elements() as usize;
        let mut start = vec![0.0; elements];
        for (span, tensor) in model.layout().spans() {
            let fan_in = match tensor.shape[..] {
                [_, inputs] => inputs as f64,
                _ => continue,
            };
            for x in &mut start[span.start as usize..span.end as usize] {
                *x = (chance.normal() * (2.0 / fan_in).sqrt()) as f32;
            }
        }
        Self {
            train,
            test,
            model,
            start,
            rows: Rows::new(),
            located: Located::default(),
        }
    }

    /// The gradient of a batch of random rows at `x`, with the weight decay of the experiments.
    pub(crate) fn gradient(&mut self, x: &[f32], chance: &mut Chance) -> Vec<f32> {
        let numbers: Vec<u64> = (0..BATCH).map(|_| chance.below(TRAIN) as u64).collect();
        self.train.fill(&numbers, &mut self.rows);
        self.rows.set_batch_rows(BATCH as u64);
        let coverage = Coverage::Whole(x.len() as u64);
        let located = &mut self.located;
        self.model.locate(&self.rows, &coverage, located).unwrap();
        let mut gradient: Vec<f32> = x.iter().map(|x| L2 * x).collect();
        self.model.gradient(&self.rows, located, x, &mut gradient);
        gradient
    }

    pub(crate) fn score(&mut self, x: &[f32]) -> Score {
        if x.iter().any(|x| !x.is_finite()) {
            return Score {
                error: 1.0,
                loss: f64::INFINITY,
            };
        }
        let coverage = Coverage::Whole(x.len() as u64);
        let mut look = |data: &InMemory| {
            let numbers: Vec<u64> = (0..data.rows()).collect();
            data.fill(&numbers, &mut self.rows);
            let located = &mut self.located;
            self.model.locate(&self.rows, &coverage, located).unwrap();
            let mut scores = Vec::new();
            self.model.scores(&self.rows, located, x, &mut scores);
            let (mut wrong, mut loss) = (0, 0.0);
            for (scores, label) in scores.chunks(CLASSES).zip(self.rows.labels()) {
                let best = (0..CLASSES).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
                wrong += usize::from(best != Some(*label as usize));
                loss += self.model.loss(*label, scores);
            }
            (wrong as f64 / data.rows() as f64, loss / data.rows() as f64)
        };
        let (_, loss) = look(&self.train.clone());
        let (error, _) = look(&self.test.clone());
        Score { error, loss }
    }
}
