//! The one piece of work that leaves the loop: the gradient of a batch.

use std::time::Duration;

use crate::data::Rows;
use crate::model::{Located, Model};

/// A batch, the parameters that it touches and room for its gradient, all owned, so that the work
/// can be done anywhere and nothing is copied on the way.
#[derive(Debug)]
pub struct ComputeTask {
    /// How long to pause before the result counts, to play a slower machine.
    pub pause: Duration,
    pub(super) rows: Rows,
    pub(super) located: Located,
    /// The parameters, as `located` says.
    pub(super) x: Vec<f32>,
    /// As many zeros.
    pub(super) gradient: Vec<f32>,
}

/// The result of a [`ComputeTask`].
#[derive(Debug)]
pub struct ComputeDone {
    pub(super) rows: Rows,
    pub(super) located: Located,
    pub(super) x: Vec<f32>,
    /// Of the mean loss over the batch.
    pub(super) gradient: Vec<f32>,
    pub(super) loss_sum: f64,
}

impl ComputeTask {
    /// Does the work.
    #[must_use]
    pub fn run(self, model: &dyn Model) -> ComputeDone {
        let Self {
            rows,
            located,
            x,
            mut gradient,
            ..
        } = self;
        let loss_sum = model.gradient(&rows, &located, &x, &mut gradient);
        ComputeDone {
            rows,
            located,
            x,
            gradient,
            loss_sum,
        }
    }
}
