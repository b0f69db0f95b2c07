//! What a job turns out to be once its data have been looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use thalweg_common::config::{ClassWeight, ConfigError, JobConfig, Resolved};
use thalweg_common::ids::Generation;
use thalweg_common::message::DataSummary;
use thalweg_common::optimizer::optimizer;
use thalweg_common::regularizer::{Acts, Regularization, RegularizerError, regularizer};
use thalweg_common::schedule::{Lengths, examples};
use thalweg_common::shard_map::{Grain, ShardMap, ShardMapError};
use thalweg_worker::data::weighted::{balanced, class_counts};
use thalweg_worker::data::{self, DataError, Dataset, Loaded, Task, Weighted};
use thalweg_worker::model::{self, Model, ModelError, Shape};
use thiserror::Error;

use crate::report::{ReadError, hash_parameters, read_parameters};

/// Rows beyond which no class is counted: that would take every process minutes.
const COUNTED_ROWS_MAX: u64 = 1 << 24;

/// Why a job cannot be resolved.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model does not fit the data.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model does not fit the labels, of which there are several.
    #[error("{error}; the labels are: {labels}")]
    Labels {
        /// What the model says.
        error: ModelError,
        /// The classes as the files write them.
        labels: String,
    },
    /// The job does not fit the data.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A regularizer does not fit the model.
    #[error(transparent)]
    Regularizer(#[from] RegularizerError),
    /// The parameters cannot be cut.
    #[error(transparent)]
    Map(#[from] ShardMapError),
    /// Balanced weights would be infinite.
    #[error(
        "`train.class_weight` = \"balanced\" needs rows of every class, and the training data have none \
         of class \"{class}\"; list weights by class, or mend the data"
    )]
    EmptyClass {
        /// The class without rows.
        class: String,
    },
    /// Tensors cannot be kept whole on so many servers.
    #[error("{who}: {error}")]
    Whole {
        /// What works on whole tensors.
        who: String,
        /// Why they cannot be kept whole.
        error: ShardMapError,
    },
    /// Counting the classes would take too long.
    #[error(
        "`train.class_weight` = \"balanced\" counts the classes of at most {COUNTED_ROWS_MAX} training rows, \
         found {rows}; list weights by class, such as {{ \"1\" = 2.0, \"-1\" = 1.0 }}"
    )]
    TooManyToCount {
        /// Training rows.
        rows: u64,
    },
    /// A server was given a job that nobody has resolved.
    #[error(
        "the job has no usable [data.resolved]: `thalweg check JOB` prints it where the data are"
    )]
    Unresolved,
    /// The file that the parameters begin with cannot be used.
    #[error("[model] init_from: {0}")]
    Init(#[from] ReadError),
    /// That file changed since the job was resolved.
    #[error(
        "[model] init_from: {path} is not the file that the job was resolved with: its hash is {found}, \
         expected {expected}; put the file back, or remove init_hash from the job"
    )]
    InitChanged {
        /// The file.
        path: String,
        /// Its hash.
        found: String,
        /// The job's.
        expected: String,
    },
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
    /// What acts on each tensor beside the optimizer.
    pub regularization: Regularization,
    /// Who owns which elements.
    pub map: ShardMap,
}

impl Blueprint {
    /// Examples at which the job ends.
    #[must_use]
    pub fn examples_total(&self) -> u64 {
        self.config.train.examples_total(self.resolved.rows)
    }

    /// Examples of so many epochs, at least one.
    #[must_use]
    pub fn examples_of(&self, epochs: f64) -> u64 {
        examples(self.resolved.rows, epochs)
    }

    /// Examples from one evaluation to the next; 0 if the model is judged at the end alone.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a checked positive number of epochs"
    )]
    pub fn examples_between_evaluations(&self) -> u64 {
        (self.config.evaluate.every * self.resolved.rows as f64) as u64
    }

    /// How long the job is, and its epochs and steps.
    #[must_use]
    pub fn lengths(&self) -> Lengths {
        self.config.train.lengths(self.resolved.rows)
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
    resolve_loaded(config, data, blueprint)
}

/// As [`resolve`], on data and a model that a program brings along instead of those that the job
/// names.
///
/// # Errors
/// [`ResolveError`] if the job does not fit them.
pub fn resolve_own(
    config: JobConfig,
    data: Arc<dyn Dataset>,
    model: Arc<dyn Model>,
) -> Result<ResolvedJob, ResolveError> {
    resolve_loaded(config, rows_alone(data), |config| {
        blueprint_of(config, model)
    })
}

/// A job that was resolved elsewhere, with training rows from there: nothing is read here.
///
/// # Errors
/// [`ResolveError`] if nobody has resolved the job, or the rows are not those of it.
pub fn resolve_fetched(
    config: JobConfig,
    rows: Arc<dyn Dataset>,
) -> Result<ResolvedJob, ResolveError> {
    // The file that they came in was held to the hash.
    if let Some(expected) = &config.data.resolved
        && (rows.rows(), rows.features()) != (expected.rows, expected.features)
    {
        let (rows, features) = (rows.rows(), rows.features());
        let expected = summary(expected);
        let found = DataSummary {
            rows,
            features,
            ..expected
        };
        return Err(ResolveError::Changed { found, expected });
    }
    let data = weighed(rows_alone(rows), &config)?;
    let blueprint = blueprint(config)?;
    Ok(ResolvedJob { blueprint, data })
}

/// Rows of which nothing else is known.
fn rows_alone(train: Arc<dyn Dataset>) -> Loaded {
    Loaded {
        train,
        test: None,
        notes: Vec::new(),
        encoding: None,
    }
}

fn resolve_loaded(
    config: JobConfig,
    data: Loaded,
    blueprint: impl FnOnce(JobConfig) -> Result<Blueprint, ResolveError>,
) -> Result<ResolvedJob, ResolveError> {
    let resolved = describe(&data);
    if let Some(before) = &config.data.resolved
        && summary(before) != summary(&resolved)
    {
        let (found, expected) = (summary(&resolved), summary(before));
        return Err(ResolveError::Changed { found, expected });
    }
    let config = config.with_resolved(resolved)?;
    // Workers are given the hash, and need no file.
    let begins = config.model.init_from.clone();
    let begins = begins.filter(|_| config.model.init_hash.is_none());
    let config = match &begins {
        Some(path) => config.with_init_hash(hash_parameters(Path::new(path))?),
        None => config,
    };
    let data = weighed(data, &config)?;
    let blueprint = blueprint(config).map_err(|error| with_labels(error, &data))?;
    if begins.is_some() {
        // Judged here as well, so that no server finds out what the launcher could have said.
        initial_values(&blueprint)?;
    }
    Ok(ResolvedJob { blueprint, data })
}

/// An error of the model with the labels that it may be about: a word among numbers is easily overlooked.
fn with_labels(error: ResolveError, data: &Loaded) -> ResolveError {
    let classes = data
        .encoding
        .as_ref()
        .map(|encoding| encoding.target.class_names());
    match (error, classes.unwrap_or_default()) {
        (ResolveError::Model(error), classes) if !classes.is_empty() => {
            let shown = classes.iter().take(LABELS_SHOWN_MAX).cloned();
            let more = if LABELS_SHOWN_MAX < classes.len() {
                ", …"
            } else {
                ""
            };
            let labels = shown.collect::<Vec<_>>().join(", ") + more;
            ResolveError::Labels { error, labels }
        }
        (error, _) => error,
    }
}

/// Labels that an error lists.
const LABELS_SHOWN_MAX: usize = 12;

/// The parameters that the job begins with, if a file says them.
///
/// # Errors
/// [`ResolveError::Init`] or [`ResolveError::InitChanged`] if the file cannot be used.
pub(super) fn initial_values(blueprint: &Blueprint) -> Result<Option<Vec<f32>>, ResolveError> {
    let model = &blueprint.config.model;
    let Some(name) = &model.init_from else {
        return Ok(None);
    };
    let path = Path::new(name);
    let found = format!("{:016x}", hash_parameters(path)?);
    match &model.init_hash {
        Some(expected) if *expected != found => {
            let (path, expected) = (name.clone(), expected.clone());
            Err(ResolveError::InitChanged {
                path,
                found,
                expected,
            })
        }
        Some(_) | None => {
            let (layout, name) = (blueprint.model.layout(), &blueprint.config.model.name);
            Ok(Some(read_parameters(path, layout, name)?))
        }
    }
}

/// The rows with the weights that the job has for classes, if it has some.
fn weighed(data: Loaded, config: &JobConfig) -> Result<Loaded, ResolveError> {
    match &config.train.class_weight {
        Some(weights) => weigh(data, weights),
        None => Ok(data),
    }
}

/// The same rows, each with the weight of its class; those that judge have the weights of training.
fn weigh(data: Loaded, weights: &ClassWeight) -> Result<Loaded, ResolveError> {
    let train = data.train.as_ref();
    let by_class = match weights {
        ClassWeight::Listed(list) => listed(list, train.task().classes()),
        ClassWeight::Balanced if COUNTED_ROWS_MAX < train.rows() => {
            return Err(ResolveError::TooManyToCount { rows: train.rows() });
        }
        ClassWeight::Balanced => balanced(&class_counts(train)).map_err(|class| {
            let class = u32::try_from(class).unwrap_or(u32::MAX);
            let class = ClassWeight::name(class, train.task().classes());
            ResolveError::EmptyClass { class }
        })?,
    };
    let weighted = |rows: Arc<dyn Dataset>| -> Arc<dyn Dataset> {
        Arc::new(Weighted::new(rows, Arc::clone(&by_class)))
    };
    Ok(Loaded {
        train: weighted(data.train),
        test: data.test.map(weighted),
        notes: data.notes,
        encoding: data.encoding,
    })
}

/// Weights in the order of the classes; a class that is not listed has weight 1.
#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn listed(list: &BTreeMap<String, f64>, classes: u32) -> Arc<[f32]> {
    let mut weights = vec![1.0; classes as usize];
    for (name, weight) in list {
        let class = ClassWeight::class(name, classes).expect("a checked job lists known classes");
        weights[class] = *weight as f32;
    }
    weights.into()
}

/// The blueprint of a job that was resolved before; needs no data.
///
/// # Errors
/// [`ResolveError`] if it was not resolved, or model and map do not fit.
///
/// # Panics
/// If the optimizer or its settings are unknown; a checked job's are known.
pub fn blueprint(config: JobConfig) -> Result<Blueprint, ResolveError> {
    let resolved = config
        .data
        .resolved
        .clone()
        .ok_or(ResolveError::Unresolved)?;
    let task = Task::of_classes(resolved.classes).ok_or(ResolveError::Unresolved)?;
    let shape = Shape {
        features: resolved.features,
        fields: resolved.fields.clone(),
        task,
    };
    let model = model::build(&config.model.name, &config.model.options, &shape)?;
    blueprint_of(config, model)
}

/// The blueprint of a resolved job with this model.
fn blueprint_of(config: JobConfig, model: Arc<dyn Model>) -> Result<Blueprint, ResolveError> {
    let resolved = config
        .data
        .resolved
        .clone()
        .ok_or(ResolveError::Unresolved)?;
    let facts = optimizer(&config.optimizer.name)
        .and_then(|entry| entry.facts(&config.optimizer.options))
        .expect("a checked job's optimizer and its settings are permitted");
    let layout = model.layout();
    let regularization = Regularization::resolve(&config.regularizer.chosen(), layout)?;
    let grain = match (facts.grain, regularization.grain(layout)) {
        (Grain::Rows, Grain::Rows) => Grain::Rows,
        (Grain::Tensors, _) | (_, Grain::Tensors) => Grain::Tensors,
    };
    let map = ShardMap::plan_by(grain, layout, config.cluster.servers, Generation(1));
    let map = map.map_err(|error| match grain {
        Grain::Rows => ResolveError::Map(error),
        Grain::Tensors => {
            let who = who_needs_whole_tensors(&config, facts.grain);
            ResolveError::Whole { who, error }
        }
    })?;
    regularization.check_cuts(layout, &map)?;
    Ok(Blueprint {
        config,
        resolved,
        model,
        regularization,
        map,
    })
}

/// The optimizer, or else the constraints of the job, as its file has them.
fn who_needs_whole_tensors(config: &JobConfig, of_the_optimizer: Grain) -> String {
    if of_the_optimizer == Grain::Tensors {
        return format!("[optimizer] name = \"{}\"", config.optimizer.name);
    }
    let is_constraint =
        |name: &&str| regularizer(name).is_ok_and(|entry| entry.acts == Acts::AsAConstraint);
    let terms = config
        .regularizer
        .terms
        .iter()
        .map(|term| term.name.as_str());
    let names: Vec<_> = terms.filter(is_constraint).collect();
    format!("[regularizer] {}", names.join(", "))
}

fn describe(data: &Loaded) -> Resolved {
    let mut fields = Shape::of(&*data.train).fields;
    if Resolved::FIELDS_MAX < fields.len() {
        fields.clear();
    }
    Resolved {
        rows: data.train.rows(),
        test_rows: data.test.as_ref().map_or(0, |test| test.rows()),
        features: data.train.features(),
        classes: data.train.task().classes(),
        fields,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{REGISTRIES, draft_with};

    /// Logistic regression of seventy weights and a bias.
    fn resolved(sets: &[&str]) -> Result<Blueprint, String> {
        let own = ["data.features=70", "data.rows=100", "train.batch_size=10"];
        let sets: Vec<String> = own.iter().chain(sets).map(|s| (*s).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        let job = draft
            .check(&REGISTRIES)
            .map_err(|error| error.to_string())?;
        let resolved = resolve(job, Path::new("."));
        resolved
            .map(|resolved| resolved.blueprint)
            .map_err(|error| error.to_string())
    }

    fn refusal(terms: &str) -> String {
        resolved(&[&format!("regularizer.terms={terms}")]).unwrap_err()
    }

    #[test]
    fn a_regularizer_of_a_tensor_that_the_model_does_not_have_is_refused() {
        assert_eq!(
            refusal("[{ name = 'l1_proximal', tensors = ['wieght'] }]"),
            "[regularizer]: `l1_proximal` names the tensor `wieght`, which the model does not have \
             (did you mean `weight`?); it has: weight, bias"
        );
    }

    #[test]
    fn what_cannot_act_on_one_tensor_together_is_refused_and_on_two_it_is_not() {
        for (terms, why) in [
            (
                "[{ name = 'max_norm' }, { name = 'l1_ball' }]",
                "leaves the other",
            ),
            (
                "[{ name = 'l1_proximal' }, { name = 'elastic_net' }]",
                "both shrink",
            ),
            (
                "[{ name = 'simplex' }, { name = 'l1_proximal' }]",
                "the same L1 norm",
            ),
            ("[{ name = 'l2' }, { name = 'l2' }]", "one of each kind"),
        ] {
            let text = refusal(terms);
            assert!(text.contains(why) && text.contains("`weight`"), "{text}");
        }
        let apart = "regularizer.terms=[{ name = 'max_norm', tensors = ['weight'] }, \
                     { name = 'l1_ball', tensors = ['bias'] }]";
        resolved(&[apart, "cluster.servers=1"]).unwrap();
    }

    #[test]
    fn a_constraint_on_a_vector_keeps_tensors_whole_or_is_refused() {
        let ball = "regularizer.terms=[{ name = 'l2_ball' }]";
        let shards = |sets: &[&str]| resolved(sets).unwrap().map.shards().len();
        assert!(2 < shards(&["cluster.servers=2"]));
        assert_eq!(shards(&[ball, "cluster.servers=2"]), 2);
        let text = resolved(&[ball, "cluster.servers=3"]).unwrap_err();
        assert!(
            text.contains("a constraint works on whole tensors"),
            "{text}"
        );
    }
}
