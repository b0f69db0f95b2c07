//! Parameters of a worker's own, with the optimizer that moves them: what servers have in their shards,
//! here over the whole model at once.

use std::fmt;
use std::sync::Arc;

use thalweg_common::optimizer::{GradientView, Reader, StepContext, Store};

use crate::method::{Rounding, When};
use crate::model::Coverage;
use crate::replica::Vector;

/// Builds parameters that begin at these values, with the state of their optimizer.
pub type BuildStore = dyn Fn(&[f32]) -> Box<dyn Store<f32>> + Send + Sync;

/// How a worker steps by itself.
#[derive(Clone)]
pub struct LocalPlan {
    /// Builds its parameters.
    pub build: Arc<BuildStore>,
    /// The learning rate at a progress, in examples.
    pub rate: Arc<dyn Fn(u64) -> f64 + Send + Sync>,
    /// Where the worker begins, if not at the first parameters that it pulls.
    pub start: Option<Arc<[f32]>>,
    /// How what it pushes is rounded.
    pub rounding: Rounding,
}

impl fmt::Debug for LocalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPlan").finish_non_exhaustive()
    }
}

/// Parameters of a worker's own.
#[derive(Debug)]
pub struct LocalOptimizer {
    plan: LocalPlan,
    /// Absent until the first parameters arrive.
    store: Option<Box<dyn Store<f32>>>,
    /// Steps taken.
    count: u64,
}

impl LocalOptimizer {
    /// Before the first pull.
    #[must_use]
    pub fn new(plan: LocalPlan) -> Self {
        Self {
            plan,
            store: None,
            count: 0,
        }
    }

    /// Begins at what was pulled first, or where the plan says. Answers whether it had not begun.
    pub fn begin(&mut self, pulled: &[f32]) -> bool {
        if self.store.is_some() {
            return false;
        }
        let start = self.plan.start.as_deref().unwrap_or(pulled);
        self.store = Some((self.plan.build)(start));
        true
    }

    /// Replaces the parameters; the optimizer remembers what it had.
    ///
    /// # Panics
    /// Before [`Self::begin`].
    pub fn overwrite(&mut self, x: &[f32]) {
        self.store().overwrite(x);
    }

    /// The parameters.
    ///
    /// # Panics
    /// Before [`Self::begin`].
    pub fn parameters(&mut self) -> &[f32] {
        self.store().columns()[0]
    }

    /// Copies the place where the next gradient is to be taken: the parameters, or a point ahead of them.
    ///
    /// # Panics
    /// Before [`Self::begin`], or if the replica is not whole.
    pub fn show(&mut self, replica: &mut Vector) {
        let store = self.store();
        let mut bytes = Vec::with_capacity(4 * store.len());
        let shown = store.read_range(Reader::Worker, 0..store.len(), &mut bytes);
        shown.expect("the range is all of it");
        let (values, _) = bytes.as_chunks::<4>();
        assert_eq!(values.len(), replica.values.len(), "a whole replica");
        for (to, from) in replica.values.iter_mut().zip(values) {
            *to = f32::from_le_bytes(*from);
        }
    }

    /// Takes one step.
    ///
    /// # Panics
    /// Before [`Self::begin`], or if the gradient is of another model.
    pub fn step(&mut self, gradient: &Vector, when: When) {
        self.count += 1;
        let context = StepContext {
            lr: (self.plan.rate)(when.progress) * when.rate_factor,
            share: 1.0,
            count: self.count,
            progress: when.progress,
            staleness: 0,
            worker: 0,
        };
        let bytes = little_endian(&gradient.values);
        let segments = [&bytes[..]];
        let view = match &*gradient.coverage {
            Coverage::Whole(_) => GradientView::Dense {
                start: 0,
                segments: &segments,
            },
            Coverage::Coordinates(_) => {
                unreachable!("a worker with parameters of its own pulls all")
            }
        };
        let stepped = self.store().step(&context, view, 1.0);
        stepped.expect("the gradient is one of this model");
    }

    /// Adds a difference to the parameters, times −1.
    ///
    /// # Panics
    /// Before [`Self::begin`], or if the difference is of another model.
    pub fn subtract(&mut self, difference: &[f32]) {
        let bytes: Vec<u8> = difference.iter().flat_map(|d| (-d).to_le_bytes()).collect();
        let segments = [&bytes[..]];
        let view = GradientView::Dense {
            start: 0,
            segments: &segments,
        };
        let added = self.store().add(view);
        added.expect("the difference is one of this model");
    }

    fn store(&mut self) -> &mut dyn Store<f32> {
        let store = self.store.as_mut();
        store
            .expect("parameters have arrived before they are used")
            .as_mut()
    }
}

/// The values as bytes: their own memory where that is little-endian.
fn little_endian(values: &[f32]) -> std::borrow::Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        bytemuck::cast_slice(values).into()
    } else {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        bytes.collect::<Vec<_>>().into()
    }
}
