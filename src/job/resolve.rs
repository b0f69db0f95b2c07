//! What a job turns out to be once its data have been looked at.

use std::path::Path;
use std::sync::Arc;

use thalweg_common::config::{ConfigError, JobConfig, Resolved};
use thalweg_common::ids::Generation;
use thalweg_common::message::DataSummary;
use thalweg_common::optimizer::optimizer;
use thalweg_common::shard_map::{ShardMap, ShardMapError};
use thalweg_worker::data::{self, DataError, Loaded, Task};
use thalweg_worker::model::{self, Model, ModelError, Shape};
use thiserror::Error;

/// Why a job cannot be resolved.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model does not fit the data.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The job does not fit the data.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The parameters cannot be cut.
    #[error(transparent)]
    Map(#[from] ShardMapError),
    /// A server was given a job that nobody has resolved.
    #[error(
        "the job has no usable [data.resolved]: `thalweg check JOB` prints it where the data are"
    )]
    Unresolved,
    /// The data changed since the job was resolved.
    #[error(
        "the data are not those that the job was resolved with: found {}, expected {}; put the data \
         back, or remove [data.resolved] from the job",
        words(.found),
        words(.expected)
    )]
    Changed {
        /// What the data are.
        found: DataSummary,
        /// What the job says.
        expected: DataSummary,
    },
}

/// What follows from a resolved job without its data: model, layout and map.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The job, with `[data.resolved]`.
    pub config: JobConfig,
    /// What the data are.
    pub resolved: Resolved,
    /// The model.
    pub model: Arc<dyn Model>,
    /// Who owns which elements.
    pub map: ShardMap,
}

impl Blueprint {
    /// Examples at which the job ends.
    #[must_use]
    pub fn examples_total(&self) -> u64 {
        self.examples_of(self.config.train.epochs)
    }

    /// Examples of so many epochs, at least one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "epochs are a checked positive number"
    )]
    pub fn examples_of(&self, epochs: f64) -> u64 {
        (epochs * self.resolved.rows as f64).round().max(1.0) as u64
    }

    /// What every worker must find in its data.
    #[must_use]
    pub fn data_summary(&self) -> DataSummary {
        summary(&self.resolved)
    }
}

/// A resolved job with its data.
#[derive(Clone, Debug)]
pub struct ResolvedJob {
    /// What follows from it.
    pub blueprint: Blueprint,
    /// The rows.
    pub data: Loaded,
}

/// Looks at the data and resolves the job. A job that was resolved before must find the same data.
///
/// # Errors
/// [`ResolveError`] if the data cannot be read, or do not fit the job.
pub fn resolve(config: JobConfig, folder: &Path) -> Result<ResolvedJob, ResolveError> {
    let data = data::load(&config.data.name, &config.data.options, folder)?;
    let resolved = describe(&data);
    if let Some(before) = config.data.resolved
        && summary(&before) != summary(&resolved)
    {
        let (found, expected) = (summary(&resolved), summary(&before));
        return Err(ResolveError::Changed { found, expected });
    }
    let config = config.with_resolved(resolved)?;
    Ok(ResolvedJob {
        blueprint: blueprint(config)?,
        data,
    })
}

/// The blueprint of a job that was resolved before; needs no data.
///
/// # Errors
/// [`ResolveError`] if it was not resolved, or model and map do not fit.
///
/// # Panics
/// If the optimizer or its settings are unknown; a checked job's are known.
pub fn blueprint(config: JobConfig) -> Result<Blueprint, ResolveError> {
    let resolved = config.data.resolved.ok_or(ResolveError::Unresolved)?;
    let task = Task::of_classes(resolved.classes).ok_or(ResolveError::Unresolved)?;
    let shape = Shape {
        features: resolved.features,
        task,
    };
    let model = model::build(&config.model.name, &config.model.options, shape)?;
    let facts = optimizer(&config.optimizer.name)
        .and_then(|entry| entry.facts(&config.optimizer.options))
        .expect("a checked job's optimizer and its settings are permitted");
    let grain = facts.grain;
    let servers = config.cluster.servers;
    let map = ShardMap::plan_by(grain, model.layout(), servers, Generation(1))?;
    Ok(Blueprint {
        config,
        resolved,
        model,
        map,
    })
}

fn describe(data: &Loaded) -> Resolved {
    Resolved {
        rows: data.train.rows(),
        test_rows: data.test.as_ref().map_or(0, |test| test.rows()),
        features: data.train.features(),
        classes: data.train.task().classes(),
        hash: data.train.content_hash(),
    }
}

fn summary(resolved: &Resolved) -> DataSummary {
    DataSummary {
        rows: resolved.rows,
        features: resolved.features,
        hash: resolved.hash,
    }
}

fn words(data: &DataSummary) -> String {
    let DataSummary {
        rows,
        features,
        hash,
    } = data;
    format!("rows = {rows}, features = {features}, hash = \"{hash:016x}\"")
}
