//! The document behind the page: `/status.json`. Its keys are those of the table in `docs/METRICS.md`, and every
//! list in it has a bound.

use serde::Serialize;

use super::curve::Curve;
use crate::report::{ConditionsReport, EvaluationPoint};
use crate::view::ClusterView;

/// Rises when a key changes its meaning or goes away; added keys do not raise it.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// Workers, and shards of a server, that are told one by one. Of more, the first.
pub(super) const WORKERS_MAX: usize = 256;
pub(super) const SHARDS_MAX: usize = 256;

/// Sentences on who waits, and on what has happened.
pub(super) const SENTENCES_MAX: usize = 64;

/// How things stand, as the page shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    pub(super) schema_version: u32,
    /// The version of Thalweg that runs.
    pub(super) version: &'static str,
    /// The server that answers.
    pub(super) server: u32,
    /// Servers of the job.
    pub(super) servers: u32,
    /// How long ago the launcher told of the rest of the job; `None` if it never did.
    pub(super) told_seconds: Option<f64>,
    /// What is not known here, and where it is, in sentences.
    pub(super) unknown: Vec<String>,
    /// As `thalweg status --json` tells it.
    pub(super) cluster: ClusterView,
    /// What is there and not told one by one.
    pub(super) left_out: LeftOut,
    /// Passes over the training data.
    pub(super) epoch: Option<f64>,
    /// The recent rate.
    pub(super) recent_examples_per_second: Option<f64>,
    /// How long the rest takes at the recent rate.
    pub(super) rest_seconds: Option<f64>,
    /// Who waits at a gate now, in sentences.
    pub(super) waiting: Vec<String>,
    /// Who is lost or not heard of, in sentences.
    pub(super) gone: Vec<String>,
    pub(super) conditions: Option<ConditionsReport>,
    /// What has happened, oldest first.
    pub(super) incidents: Vec<Incident>,
    pub(super) curve: CurveView,
    pub(super) evaluations: Vec<EvaluationPoint>,
}

/// How many there are beyond the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    pub(super) workers: usize,
    pub(super) shards: usize,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Incident {
    /// Since the server started.
    pub(super) at_seconds: f64,
    pub(super) text: String,
}

/// The curve, column by column.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct CurveView {
    pub(super) seconds: Vec<f64>,
    pub(super) examples: Vec<u64>,
    pub(super) train_loss: Vec<Option<f64>>,
    pub(super) examples_per_second: Vec<Option<f64>>,
}

impl From<&Curve> for CurveView {
    fn from(curve: &Curve) -> Self {
        let mut view = Self::default();
        for point in curve.points() {
            view.seconds.push(point.seconds);
            view.examples.push(point.examples);
            view.train_loss.push(point.train_loss);
            view.examples_per_second.push(point.examples_per_second);
        }
        view
    }
}

impl Document {
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every value has a form in JSON")
    }
}
