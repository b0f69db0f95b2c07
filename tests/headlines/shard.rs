//! One shard's store under a rule, with what a worker must remember of a read.

use thalweg_common::optimizer::{
    AtReadView, GradientView, GroupSpan, Initial, Reader, StepContext, Store, StoreSpec, optimizer,
};
use thalweg_common::regularizer::Terms;

#[derive(Debug)]
pub(crate) struct Shard {
    store: Box<dyn Store<f32>>,
    /// Steps taken.
    pub(crate) version: u64,
}

/// What a worker has read of the whole shard.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) x: Vec<f32>,
    at_read: Vec<u8>,
    pub(crate) version: u64,
}

impl Shard {
    pub(crate) fn new(name: &str, settings: &str, start: &[f32]) -> Self {
        Self {
            store: store(name, settings, start),
            version: 0,
        }
    }

    pub(crate) fn read(&mut self) -> Read {
        let (mut bytes, mut at_read) = (Vec::new(), Vec::new());
        let whole = 0..self.store.len();
        self.store
            .read_range(Reader::Worker, whole.clone(), &mut bytes)
            .unwrap();
        self.store.readable_range(whole, &mut at_read).unwrap();
        Read {
            x: floats(&bytes),
            at_read,
            version: self.version,
        }
    }

    /// Reads single elements; the second is what goes back with a gradient at them.
    pub(crate) fn read_some(&mut self, elements: &[u32]) -> (Vec<f32>, Vec<u8>) {
        let (mut bytes, mut at_read) = (Vec::new(), Vec::new());
        self.store
            .read_coordinates(Reader::Worker, elements, &mut bytes)
            .unwrap();
        self.store
            .readable_coordinates(elements, &mut at_read)
            .unwrap();
        (floats(&bytes), at_read)
    }

    /// Takes a step with a gradient that was computed at `read`, counted so much.
    pub(crate) fn step(&mut self, lr: f64, gradient: &[f32], read: &Read, scale: f64) {
        let bytes = bytes(gradient);
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        let context = self.context(lr, self.version - read.version);
        let at_read = AtReadView::Pinned(&read.at_read);
        self.store
            .step_at(&context, view, at_read, scale as f32)
            .unwrap();
        self.version += 1;
    }

    /// The same of single elements.
    pub(crate) fn step_some(&mut self, lr: f64, elements: &[u32], gradient: &[f32], told: &[u8]) {
        let view = GradientView::Sparse {
            coordinates: elements,
            values: &bytes(gradient),
        };
        let context = self.context(lr, 0);
        let at_read = AtReadView::Echoed(told);
        self.store.step_at(&context, view, at_read, 1.0).unwrap();
        self.version += 1;
    }

    /// Adds a difference.
    pub(crate) fn add(&mut self, delta: &[f32]) {
        let bytes = bytes(delta);
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        self.store.add(view).unwrap();
        self.version += 1;
    }

    fn context(&self, lr: f64, staleness: u64) -> StepContext {
        StepContext {
            lr,
            share: 1.0,
            count: self.version + 1,
            progress: 0,
            staleness,
            worker: 0,
        }
    }
}

/// Parameters that begin at `start`, under a rule.
pub(crate) fn store(name: &str, settings: &str, start: &[f32]) -> Box<dyn Store<f32>> {
    let at = |element: usize| start[element];
    let spec = StoreSpec {
        len: start.len(),
        initial: Initial::Function(&at),
        groups: vec![GroupSpan {
            range: 0..start.len(),
            lr_factor: 1.0,
            terms: Terms::none(),
            shape: vec![start.len()],
        }],
    };
    let settings = settings.parse().unwrap();
    optimizer(name).unwrap().build(&settings, &spec).unwrap()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|x| f32::from_le_bytes(*x)).collect()
}
