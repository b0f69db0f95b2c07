//! A job before and after its check.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::Serialize;
use toml::{Table, Value};

use super::check;
use super::error::{ConfigError, Problems};
use super::sections::checkpoint::Checkpoint;
use super::sections::cluster::{Cluster, ClusterFile};
use super::sections::consistency::{ConsistencyFile, ConsistencySection};
use super::sections::data::{Data, Resolved};
use super::sections::gradient::Gradient;
use super::sections::limits::Limits;
use super::sections::method::Method;
use super::sections::named::{Feedback, Model, Schedule, ScheduleFile};
use super::sections::optimizer::{Optimizer, OptimizerFile, Regularizer};
use super::sections::stop::Stop;
use super::sections::train::{Evaluate, Train};
use crate::optimizer::OptimizerEntry;
use crate::registry::SettingError;
use crate::schedule::Lengths;
use crate::tuning::{Misfit, Tuning, TuningError};
use crate::{feedback, optimizer, schedule};

/// A job as it is read: keys and types are right, and nothing else is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFile {
    /// See [`Job::name`].
    pub name: String,
    /// See [`Job::seed`].
    pub seed: u64,
    /// `[data]`.
    pub data: Data,
    /// `[model]`.
    pub model: Model,
    /// `[gradient]`.
    pub gradient: Gradient,
    /// `[optimizer]`.
    pub optimizer: OptimizerFile,
    /// `[outer]`.
    pub outer: Option<OptimizerFile>,
    /// `[schedule]`.
    pub schedule: Schedule,
    /// `[schedules]`, by hyper-parameter.
    pub schedules: BTreeMap<String, ScheduleFile>,
    /// `[feedback]`.
    pub feedback: Feedback,
    /// `[regularizer]`.
    pub regularizer: Regularizer,
    /// `[method]`.
    pub method: Method,
    /// `[consistency]`.
    pub consistency: ConsistencyFile,
    /// `[train]`.
    pub train: Train,
    /// `[evaluate]`.
    pub evaluate: Evaluate,
    /// `[stop]`.
    pub stop: Stop,
    /// `[cluster]`.
    pub cluster: ClusterFile,
    /// `[limits]`.
    pub limits: Limits,
    /// `[checkpoint]`.
    pub checkpoint: Checkpoint,
}

impl Default for JobFile {
    fn default() -> Self {
        Self {
            name: "job".to_owned(),
            seed: 1,
            data: Data::default(),
            model: Model::default(),
            gradient: Gradient::default(),
            optimizer: OptimizerFile::default(),
            outer: None,
            schedule: Schedule::default(),
            schedules: BTreeMap::new(),
            feedback: Feedback::default(),
            regularizer: Regularizer::default(),
            method: Method::default(),
            consistency: ConsistencyFile::default(),
            train: Train::default(),
            evaluate: Evaluate::default(),
            stop: Stop::default(),
            cluster: ClusterFile::default(),
            limits: Limits::default(),
            checkpoint: Checkpoint::default(),
        }
    }
}

impl JobFile {
    /// Judges every value and every pair of values, and fills in the defaults that depend on
    /// others.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn check(self, registries: &Registries) -> Result<JobConfig, ConfigError> {
        let mut problems = Problems::default();
        let mut job = check::resolve(self, &mut problems);
        check::names(&mut job, registries, &mut problems);
        let job = JobConfig(job);
        let broken = (registries.broken)(&job);
        if broken.is_empty() {
            check::judge(&job, &mut problems);
        } else {
            // What contradicts the method is the fault, and not what follows from it.
            problems.forget_section("consistency");
        }
        for (key, refusal) in broken {
            problems.add_between(&[key, "method.name"], refusal);
        }
        let job = problems.none_or(job)?;
        let mut problems = Problems::default();
        if let Err(refusal) = (registries.fits)(&job) {
            let keys = named_in(&refusal);
            problems.add_between(
                &keys.iter().map(String::as_str).collect::<Vec<_>>(),
                refusal,
            );
        }
        problems.none_or(job)
    }
}

/// The keys that a refusal names: what its method cannot go with is likelier a slip than the method.
fn named_in(refusal: &str) -> Vec<String> {
    let quoted = refusal.split('`').skip(1).step_by(2);
    let is_key = |word: &&str| word.contains('.') && !word.contains(' ') && *word != "method.name";
    let mut keys: Vec<String> = quoted.filter(is_key).take(1).map(str::to_owned).collect();
    keys.push("method.name".to_owned());
    keys
}

/// A job's values, every default filled in. A checked one stands behind a [`JobConfig`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    /// The job's name: `[a-z0-9][a-z0-9._-]{0,63}`. Default `"job"`.
    pub name: String,
    /// Everything random derives from it: initial values, permutations, noise; at most 2⁶³ − 1,
    /// where TOML's integers end. Default 1.
    pub seed: u64,
    /// `[data]`.
    pub data: Data,
    /// `[model]`.
    pub model: Model,
    /// `[gradient]`.
    pub gradient: Gradient,
    /// `[optimizer]`.
    pub optimizer: Optimizer,
    /// `[outer]`: the servers' rule for what workers with local steps push. Without it, the servers run
    /// `[optimizer]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outer: Option<Optimizer>,
    /// `[schedule]`.
    pub schedule: Schedule,
    /// `[schedules]`: how other hyper-parameters than the rate change, by their names. Default none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, Schedule>,
    /// `[feedback]`.
    pub feedback: Feedback,
    /// `[regularizer]`.
    pub regularizer: Regularizer,
    /// `[method]`.
    pub method: Method,
    /// `[consistency]`.
    pub consistency: ConsistencySection,
    /// `[train]`.
    pub train: Train,
    /// `[evaluate]`.
    pub evaluate: Evaluate,
    /// `[stop]`.
    pub stop: Stop,
    /// `[cluster]`.
    pub cluster: Cluster,
    /// `[limits]`.
    pub limits: Limits,
    /// `[checkpoint]`.
    pub checkpoint: Checkpoint,
}

impl Job {
    /// How long the job is, and its epochs and steps, once its data are known.
    #[must_use]
    pub fn lengths(&self) -> Option<Lengths> {
        let rows = self.data.resolved.as_ref()?.rows;
        Some(self.train.lengths(rows))
    }

    /// The rule that the servers run.
    #[must_use]
    pub fn servers_optimizer(&self) -> &Optimizer {
        self.outer.as_ref().unwrap_or(&self.optimizer)
    }

    /// The optimizer's hyper-parameters over time, by `[optimizer]` and `[schedules]`.
    ///
    /// # Errors
    /// [`TuningError`] for each hyper-parameter that cannot have its schedule, or whose schedule is
    /// wrong; a checked job has none such.
    pub fn tuning(&self) -> Result<Tuning, Vec<TuningError>> {
        let Optimizer { name, options, .. } = &self.optimizer;
        let tuning = optimizer::optimizer(name).and_then(|entry| Tuning::new(entry, options));
        let mut tuning = tuning.map_err(|error| {
            let (name, why) = (name.clone(), error.into());
            vec![TuningError { name, why }]
        })?;
        let mut add = |name: &str, chosen: &Schedule| -> Result<(), Misfit> {
            let schedule = schedule::schedule(&chosen.name)?.build(&chosen.options)?;
            tuning.add(name, schedule, chosen.unit)
        };
        let refused = self.schedules.iter().filter_map(|(name, chosen)| {
            let why = add(name, chosen).err()?;
            let name = name.clone();
            Some(TuningError { name, why })
        });
        let refused: Vec<TuningError> = refused.collect();
        if refused.is_empty() {
            Ok(tuning)
        } else {
            Err(refused)
        }
    }
}

/// A checked job. The only ways to one are [`JobFile::check`] and [`JobConfig::with_resolved`], so
/// holding one is the proof that it makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct JobConfig(Job);

impl Deref for JobConfig {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.0
    }
}

impl JobConfig {
    /// The same job with the hash of the file that its parameters begin with.
    #[must_use]
    pub fn with_init_hash(self, hash: u64) -> Self {
        let mut job = self.0;
        job.model.init_hash = Some(format!("{hash:016x}"));
        Self(job)
    }

    /// The same job with its data at another path: `key` of `[data]` names it.
    #[must_use]
    pub fn with_data_at(self, key: &str, path: &str) -> Self {
        let mut job = self.0;
        let path = Value::String(path.to_owned());
        job.data.options.insert(key.to_owned(), path);
        Self(job)
    }

    /// The same job with what its data turned out to be, and what follows from that.
    ///
    /// # Errors
    /// When the job cannot run on such data, as with fewer rows than workers.
    pub fn with_resolved(self, resolved: Resolved) -> Result<Self, ConfigError> {
        let mut job = self.0;
        let (batch_size, workers) = (job.train.batch_size, job.cluster.workers);
        job.train.batch_size = batch_size.resolved(resolved.rows, workers);
        job.data.resolved = Some(resolved);
        let mut problems = Problems::default();
        check::judge(&job, &mut problems);
        problems.none_or(Self(job))
    }
}

/// Judges a name in a registry and that entry's own keys, and answers with all of its keys: those
/// given, and the defaults of the others. The error is one line without the section's name; a key
/// that it names stands between backquotes.
pub type CheckEntry = fn(name: &str, options: &Table) -> Result<Table, String>;

/// What judges the sections whose names and keys are a registry's.
///
/// The registries of data, models, transforms and methods belong to the worker; a process that does not hold
/// one takes [`Registries::COMMON`] and leaves the judgement to one that does.
#[derive(Clone, Copy, Debug)]
pub struct Registries {
    /// Judges `[data]`.
    pub data: CheckEntry,
    /// Judges `[model]`.
    pub model: CheckEntry,
    /// Judges one transform of `[gradient]`.
    pub transform: CheckEntry,
    /// Judges `[optimizer]`, without `lr`.
    pub optimizer: CheckEntry,
    /// Judges `[schedule]`.
    pub schedule: CheckEntry,
    /// Judges `[feedback]`, without `every`.
    pub feedback: CheckEntry,
    /// Judges the name in `[method]`; it is given no keys.
    pub method: CheckEntry,
    /// What a method of this name sets where the job does not: sections with keys. Nothing for one
    /// that is unknown.
    pub recipe: fn(name: &str) -> Table,
    /// The keys on which a job's method stands and that it has otherwise, with a line each. Asked before anything else
    /// of how settings go together, which they decide.
    pub broken: fn(&JobConfig) -> Vec<(&'static str, String)>,
    /// Judges whether a job that is right by itself lets its method do what it is for. The error is one
    /// line that names the keys.
    pub fits: fn(&JobConfig) -> Result<(), String>,
}

impl Registries {
    /// Asks the registries of this crate; accepts every name and key of the others.
    pub const COMMON: Self = Self {
        optimizer: |name, options| {
            let complete = |entry: &OptimizerEntry| entry.complete(options);
            in_words(optimizer::optimizer(name).and_then(complete))
        },
        schedule: |name, options| in_words(schedule::complete(name, options)),
        feedback: |name, options| {
            in_words(feedback::feedback(name).and_then(|entry| entry.complete(options)))
        },
        ..Self::UNCHECKED
    };

    /// Accepts every name and every key.
    pub const UNCHECKED: Self = Self {
        data: as_given,
        model: as_given,
        transform: as_given,
        optimizer: as_given,
        schedule: as_given,
        feedback: as_given,
        method: as_given,
        recipe: |_| Table::new(),
        broken: |_| Vec::new(),
        fits: |_| Ok(()),
    };
}

fn as_given(_: &str, options: &Table) -> Result<Table, String> {
    Ok(options.clone())
}

fn in_words(complete: Result<Table, SettingError>) -> Result<Table, String> {
    complete.map_err(|error| error.to_string())
}
