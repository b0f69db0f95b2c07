//! The models that a job can name.
//!
//! A new one is one file and one line here: the job file then accepts the name, `thalweg list` shows
//! it, and the gradient laws run on it.

use std::sync::Arc;

use serde::{Deserialize, de::DeserializeOwned};
use thalweg_common::registry::{self, Named, SettingError};

use super::{
    Model, ModelError, counter, factorization_machine, graph_cut, linear_regression, linear_svm,
    logistic_regression, matrix_factorization, mlp, softmax_regression,
};
use crate::data::{Dataset, Field, Task};

/// What a model must know of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of input features.
    pub features: u64,
    /// How many features each column became, in order; empty where the data have no columns.
    pub fields: Vec<u64>,
    /// What the labels mean.
    pub task: Task,
}

impl Shape {
    /// The shape of a data set.
    #[must_use]
    pub fn of(data: &dyn Dataset) -> Self {
        Self {
            features: data.features(),
            fields: data.fields().iter().map(width).collect(),
            task: data.task(),
        }
    }

    /// Features without columns.
    #[must_use]
    pub fn plain(features: u64, task: Task) -> Self {
        Self {
            features,
            fields: Vec::new(),
            task,
        }
    }
}

/// How many features a column became.
fn width(field: &Field) -> u64 {
    field.features.end - field.features.start
}

type Build = fn(&toml::Table, &Shape) -> Result<Arc<dyn Model>, ModelError>;

/// What the laws of all models need to know of one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "read by the laws"))]
pub(super) struct Laws {
    /// Keys, as TOML, with each of which the laws are tried.
    pub(super) variants: &'static [&'static str],
    /// In which order gradients are summed.
    pub(super) sums: Sums,
}

/// In which order a model sums over the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// Row by row: the pieces of a batch add up to its gradient bit for bit.
    InRowOrder,
    /// As a product of matrices does: pieces add up but for rounding.
    InBlocks,
}

impl Laws {
    pub(super) const fn in_row_order(variants: &'static [&'static str]) -> Self {
        Self {
            variants,
            sums: Sums::InRowOrder,
        }
    }

    pub(super) const fn in_blocks(variants: &'static [&'static str]) -> Self {
        Self {
            variants,
            sums: Sums::InBlocks,
        }
    }
}

/// One family of models.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry {
    /// The name in the job file.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Every key with its default, as TOML.
    pub keys: &'static str,
    /// What the laws hold it to.
    #[cfg_attr(not(test), expect(dead_code, reason = "the laws are tests"))]
    pub(super) laws: Laws,
    /// Judges the keys.
    pub(super) check: fn(&toml::Table) -> Result<(), ModelError>,
    /// Makes the model for data of this shape.
    pub(super) build: Build,
}

/// Every model there is, in order of growing complexity.
pub static MODELS: &[ModelEntry] = &[
    linear_regression::ENTRY,
    logistic_regression::ENTRY,
    counter::ENTRY,
    linear_svm::ENTRY,
    softmax_regression::ENTRY,
    factorization_machine::ENTRY,
    matrix_factorization::ENTRY,
    graph_cut::ENTRY,
    mlp::ENTRY,
];

/// Judges the keys of a job's `[model]` table (without `name`).
///
/// # Errors
/// [`ModelError::Setting`] or [`ModelError::Options`].
pub fn check(name: &str, keys: &toml::Table) -> Result<(), ModelError> {
    (find(name)?.check)(keys)
}

/// Makes the model that a job's `[model]` table (without `name`) describes, for data of this shape.
///
/// # Errors
/// Those of [`check`], [`ModelError::WrongTask`] and [`ModelError::Layout`].
///
/// # Examples
/// ```
/// use thalweg_worker::{data::Task, model::{self, Shape}};
///
/// let shape = Shape::plain(123, Task::Binary);
/// let model = model::build("logistic_regression", &"bias = false".parse()?, &shape)?;
/// assert_eq!(model.layout().elements(), 123);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn build(name: &str, keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    (find(name)?.build)(keys, shape)
}

fn find(name: &str) -> Result<&'static ModelEntry, SettingError> {
    registry::find("model", MODELS, name)
}

impl Named for ModelEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// The keys of the linear models.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinearKeys {
    /// Whether there is a tensor `bias`.
    pub(super) bias: bool,
}

impl Default for LinearKeys {
    fn default() -> Self {
        Self { bias: true }
    }
}

/// Reads the keys of one model; unknown ones are refused by the type's `deny_unknown_fields`.
pub(super) fn read_keys<T: DeserializeOwned>(
    model: &'static str,
    keys: &toml::Table,
) -> Result<T, ModelError> {
    Ok(registry::read(model, keys)?)
}

/// Refuses a key that is not a finite number above 0.
pub(super) fn positive(model: &'static str, key: &str, value: f64) -> Result<(), ModelError> {
    if 0.0 < value && value.is_finite() {
        return Ok(());
    }
    refuse(
        model,
        format!("`{key}` is {value}, but must be a finite number above 0"),
    )
}

/// Refuses keys, or data that they do not fit.
pub(super) fn refuse<T>(model: &'static str, problem: String) -> Result<T, ModelError> {
    Err(ModelError::Options { model, problem })
}

#[cfg(test)]
mod tests {
    use super::{MODELS, Shape, build, check};
    use crate::{data::Task, model::ModelError};

    #[test]
    fn every_entry_accepts_its_own_documented_keys_and_refuses_others() {
        for entry in MODELS {
            let mut keys: toml::Table = entry.keys.parse().unwrap();
            check(entry.name, &keys).unwrap();
            keys.insert("no_such_key".into(), 1.into());
            let error = check(entry.name, &keys).unwrap_err().to_string();
            assert!(
                error.contains("no_such_key") && !error.contains('\n'),
                "{error}"
            );
        }
        assert!(check("perceptron", &toml::Table::new()).is_err());
    }

    #[test]
    fn every_task_has_a_model_and_every_model_names_the_way_out_of_a_wrong_task() {
        let tasks = [Task::Real, Task::Binary, Task::Classes(3)];
        for entry in MODELS {
            let mut built = 0;
            let keys = entry.laws.variants[0].parse().unwrap();
            for task in tasks {
                match build(entry.name, &keys, &Shape::plain(40, task)) {
                    Ok(_) => built += 1,
                    Err(ModelError::WrongTask { found, .. }) => assert_eq!(found, task),
                    Err(other) => panic!("{other}"),
                }
            }
            assert!(
                (1..=tasks.len()).contains(&built),
                "{}: {built}",
                entry.name
            );
        }
    }

    #[test]
    fn the_layout_has_weights_and_an_unregularized_bias() {
        let shape = Shape::plain(5, Task::Classes(3));
        let model = build("softmax_regression", &toml::Table::new(), &shape).unwrap();
        assert_eq!(model.layout().span("weight"), Some(0..15));
        assert_eq!(model.layout().span("bias"), Some(15..18));
        assert!(!model.layout().tensors()[1].group.regularized);
        let without = "bias = false".parse().unwrap();
        let model = build("softmax_regression", &without, &shape).unwrap();
        assert_eq!(model.layout().elements(), 15);
    }

    #[test]
    fn a_layout_beyond_the_address_space_is_refused() {
        let shape = Shape::plain(1 << 32, Task::Classes(1 << 24));
        let error = build("softmax_regression", &toml::Table::new(), &shape).unwrap_err();
        assert!(matches!(error, ModelError::Layout(_)), "{error}");
    }
}
