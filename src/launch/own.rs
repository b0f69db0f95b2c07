//! The library face: a program trains a model and data of its own, which no registry knows, on a
//! cluster of threads. Real processes cannot, since a server or worker is told of them by name.

use std::sync::Arc;

use thalweg_common::config::{ConfigError, Draft, Registries};
use thalweg_common::layout::ParameterLayout;
use thalweg_worker::data::Dataset;
use thalweg_worker::model::Model;
use thiserror::Error;

use super::in_process::run;
use crate::job::{REGISTRIES, ResolveError, ResolvedJob, resolve_own};

/// What the resolved job calls data and model that a program brought along.
const OWN: &str = "own";

/// The job file's registries, but for data and model, which the program brings.
const BESIDE_OWN: Registries = Registries {
    data: |_, keys| Ok(keys.clone()),
    model: |_, keys| Ok(keys.clone()),
    ..REGISTRIES
};

/// Keys of `[model]` that are not a model's own.
const OF_ANY_MODEL: &[&str] = &["init_from", "init_hash"];

/// Why a program's job cannot be trained.
#[derive(Debug, Error)]
pub enum InProcessError {
    /// The job's text is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The job says what the program brings.
    #[error("the job says {key} = {found}, but the program brings data and model; remove the line")]
    Brought {
        /// The key.
        key: String,
        /// Its value.
        found: String,
    },
    /// The job ends by a rule that an observer follows, and threads have none.
    #[error(
        "the job has `stop.{key}`, but a cluster of threads has no observer that evaluates; remove it, \
         or bound the job by `train.epochs`"
    )]
    Watched {
        /// The key.
        key: &'static str,
    },
    /// The job does not fit the data or the model.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A server could not be planned, or a worker failed.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// A job with the program's own data and model, ready to be trained by threads of this process:
/// the servers and workers of `[cluster]`, over the same state machines as real processes.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use thalweg::data::{InMemory, Rows, Task};
/// use thalweg::launch::InProcess;
/// use thalweg::model::{self, Shape};
///
/// let mut rows = Rows::new();
/// for number in 0..400_u16 {
///     let value = f32::from(number % 20) / 10.0 - 1.0;
///     rows.push(number.into(), 3.0 * value, &[0], &[value]);
/// }
/// let data = Arc::new(InMemory::from_rows(&rows, 1, Task::Real));
/// // This model has a name in the registry; one of your own type goes the same way.
/// let model = model::build("linear_regression", &"bias = true".parse()?, &Shape::of(&*data))?;
///
/// let job = "optimizer = { name = \"sgd\", lr = 0.1 }\n train = { batch_size = 10, epochs = 20 }\n \
///            consistency = { model = \"bsp\" }\n cluster = { servers = 2, workers = 2 }";
/// let trained = InProcess::new(job, data, model)?.train()?;
/// assert_eq!(trained.examples, 20 * 400);
/// assert!((trained.tensor("weight").unwrap()[0] - 3.0).abs() < 0.05);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct InProcess {
    job: ResolvedJob,
}

impl InProcess {
    /// Reads a job file's text, without `[data]` and, but for `init_from`, `[model]`, for these data and
    /// this model. Nobody watches the run, so that `[evaluate]` does nothing.
    ///
    /// # Errors
    /// [`InProcessError`] if the text is wrong, names data or a model, has a rule of `[stop]`, or does
    /// not fit the data.
    pub fn new(
        job: &str,
        data: Arc<dyn Dataset>,
        model: Arc<dyn Model>,
    ) -> Result<Self, InProcessError> {
        let mut draft = Draft::parse("the program's job", job)?;
        for section in ["data", "model"] {
            refuse_brought(&draft, section)?;
            draft.set(&format!("{section}.name={OWN}"))?;
        }
        for key in ["target", "patience", "tolerance", "gradient_norm"] {
            if draft.written_value(&format!("stop.{key}")).is_some() {
                return Err(InProcessError::Watched { key });
            }
        }
        let job = resolve_own(draft.check(&BESIDE_OWN)?, data, model)?;
        Ok(Self { job })
    }

    /// Trains until the job is done.
    ///
    /// # Errors
    /// [`InProcessError::Failed`] if a server does not fit into memory or a worker fails.
    pub fn train(&self) -> Result<Trained, InProcessError> {
        let (parameters, status) = run(&self.job).map_err(InProcessError::Failed)?;
        Ok(Trained {
            layout: self.job.blueprint.model.layout().clone(),
            parameters,
            examples: status.progress,
            recent_loss: status.loss_sum / status.loss_weight,
        })
    }
}

/// Refuses a job whose section chooses or sets up what the program brings.
fn refuse_brought(draft: &Draft, section: &str) -> Result<(), InProcessError> {
    let table = draft.written_value(section).and_then(toml::Value::as_table);
    let mut keys = table.into_iter().flatten();
    match keys.find(|(key, _)| section != "model" || !OF_ANY_MODEL.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, found)) => Err(InProcessError::Brought {
            key: format!("{section}.{key}"),
            found: found.to_string(),
        }),
    }
}

/// What a trained job leaves.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model's tensors.
    pub layout: ParameterLayout,
    /// All parameters, in layout order.
    pub parameters: Vec<f32>,
    /// Examples whose gradients are in them.
    pub examples: u64,
    /// Mean loss of an example, the last batches counting most; before their gradients were applied. Of
    /// threads on one model: of training rows after the last epoch.
    pub recent_loss: f64,
}

impl Trained {
    /// The elements of a tensor, row-major; `None` if the model has none of that name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&[f32]> {
        let span = self.layout.span(name)?;
        let position = |element| usize::try_from(element).ok();
        self.parameters
            .get(position(span.start)?..position(span.end)?)
    }
}

#[cfg(test)]
mod tests {
    use thalweg_worker::data::{InMemory, Rows, Task};
    use thalweg_worker::model::{self, Shape};

    use super::*;

    fn refusal(job: &str) -> String {
        let mut rows = Rows::new();
        rows.push(0, 1.0, &[0], &[1.0]);
        let data = Arc::new(InMemory::from_rows(&rows, 1, Task::Real));
        let shape = Shape::of(&*data);
        let model = model::build("linear_regression", &toml::Table::new(), &shape).unwrap();
        let job = format!("{job}[optimizer]\nlr = 0.1\n");
        InProcess::new(&job, data, model).unwrap_err().to_string()
    }

    #[test]
    fn a_job_that_names_what_the_program_brings_is_refused() {
        assert_eq!(
            refusal("[data]\ntrain = \"x.svm\"\n"),
            "the job says data.train = \"x.svm\", but the program brings data and model; remove the line"
        );
        let text = refusal("[model]\nname = \"logistic_regression\"\n");
        assert!(text.starts_with("the job says model.name = "), "{text}");
    }

    #[test]
    fn a_rule_that_needs_an_observer_is_refused() {
        let text = refusal("[stop]\ntolerance = 0.1\n");
        assert!(text.contains("`stop.tolerance`"), "{text}");
    }

    #[test]
    fn fewer_rows_than_workers_are_refused_as_in_a_job_file() {
        let text = refusal("[cluster]\nworkers = 9\n");
        assert!(
            text.contains("`cluster.workers` = 9 cannot go with"),
            "{text}"
        );
    }
}
