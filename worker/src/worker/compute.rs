//! The one piece of work that leaves the loop: the gradient of a batch, transformed and judged.

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::message::DataRange;
use thalweg_common::non_finite::NonFinite;

use crate::model::{Coverage, Model};
use crate::push::{Fault, check};
use crate::transform::Transforms;
use crate::worker::group::Piece;

/// A batch, the parameters that it touches and room for its gradient, all owned, so that the work
/// can be done anywhere and nothing is copied on the way.
#[derive(Debug)]
pub struct ComputeTask {
    /// How long to pause before the result counts, to play a slower machine.
    pub pause: Duration,
    /// The positions of the batch.
    pub range: DataRange,
    pub(super) pieces: Vec<Piece>,
    /// The parameters, as the pieces are located.
    pub(super) x: Vec<f32>,
    /// As many zeros.
    pub(super) gradient: Vec<f32>,
    /// What both cover.
    pub(super) coverage: Arc<Coverage>,
    pub(super) transforms: Arc<Transforms>,
    pub(super) non_finite: NonFinite,
}

/// The result of a [`ComputeTask`].
#[derive(Debug)]
pub struct ComputeDone {
    pub(super) pieces: Vec<Piece>,
    pub(super) x: Vec<f32>,
    /// Of the mean loss over the batch, transformed; not to be used with a fault.
    pub(super) gradient: Vec<f32>,
    pub(super) loss_sum: f64,
    pub(super) fault: Option<Fault>,
}

impl ComputeTask {
    /// Does the work.
    #[must_use]
    pub fn run(self, model: &dyn Model) -> ComputeDone {
        let Self {
            pieces,
            x,
            mut gradient,
            coverage,
            range,
            transforms,
            non_finite,
            ..
        } = self;
        let mut loss_sum = 0.0;
        for Piece { rows, located } in &pieces {
            loss_sum += model.gradient(rows, located, &x, &mut gradient);
        }
        let mut judged = check(&mut gradient, non_finite);
        if judged.is_ok() && !transforms.is_empty() {
            // Judged before, since clipping would hide an infinity; and after, since noise can make one.
            transforms.apply(&range, &coverage, &mut gradient);
            judged = check(&mut gradient, non_finite);
        }
        ComputeDone {
            pieces,
            x,
            gradient,
            loss_sum,
            fault: judged.err(),
        }
    }
}
