//! The objectives that there are, and which of them a job's model stands for.

use std::sync::Arc;

use thalweg_common::registry::number;

use super::HogwildError;
use super::control::Control;
use super::graph_cut::GraphCut;
use super::matrix_completion::MatrixCompletion;
use super::objective::Objective;
use super::rows::Bias;
use super::run::{self, Epochs};
use super::settings::Settings;
use super::sparse_least_squares::SparseLeastSquares;
use super::sparse_logistic::SparseLogistic;
use super::sparse_svm::SparseSvm;
use crate::data::Dataset;
use crate::model;

/// What is minimised.
#[derive(Clone, Debug)]
pub enum Problem {
    /// [`super::sparse_svm`].
    SparseSvm(SparseSvm),
    /// [`super::sparse_logistic`].
    SparseLogistic(SparseLogistic),
    /// [`super::sparse_least_squares`].
    SparseLeastSquares(SparseLeastSquares),
    /// [`super::matrix_completion`].
    MatrixCompletion(MatrixCompletion),
    /// [`super::graph_cut`].
    GraphCut(GraphCut),
}

/// What is to be done with the objective of a problem, whichever it is.
macro_rules! of_each {
    ($problem:expr, $objective:ident => $done:expr) => {
        match $problem {
            Problem::SparseSvm($objective) => $done,
            Problem::SparseLogistic($objective) => $done,
            Problem::SparseLeastSquares($objective) => $done,
            Problem::MatrixCompletion($objective) => $done,
            Problem::GraphCut($objective) => $done,
        }
    };
}
pub(super) use of_each;

/// Models of a job that are sums of sparse terms.
pub const MODELS: [&str; 5] = [
    "linear_regression",
    "logistic_regression",
    "linear_svm",
    "matrix_factorization",
    "graph_cut",
];

impl Problem {
    /// The problem that a job's `[model]` table (`name`, and `keys` without it) and data stand for. The
    /// first parameters of the outcome are those of the model, in the order of its layout; those of a
    /// graph cut are followed by the corners of the classes.
    ///
    /// `lambda` is the L2 term of the linear models, dealt out to the rows (see [`super::linear`]);
    /// `matrix_factorization` has its own in `l2`, and its loss here is twice that of the model.
    ///
    /// # Errors
    /// For a model that is no sum of sparse terms, for keys that the model does not take, and for data that
    /// do not fit.
    pub fn of(
        name: &str,
        keys: &toml::Table,
        lambda: f64,
        data: &dyn Dataset,
    ) -> Result<Self, HogwildError> {
        model::check(name, keys).map_err(|error| HogwildError::Problem(error.to_string()))?;
        let whole = |key: &str, default: i64| {
            let number = keys.get(key).and_then(toml::Value::as_integer);
            u64::try_from(number.unwrap_or(default)).unwrap_or_default()
        };
        let bias = match keys.get("bias").and_then(toml::Value::as_bool) {
            Some(false) => Bias::Absent,
            Some(true) | None => Bias::Added,
        };
        let loss = keys.get("loss").and_then(toml::Value::as_str);
        let loss_is = |usual: &str| loss.is_none_or(|loss| loss == usual);
        // The columns of data that have some: users and items, or nodes and classes.
        let widths: Vec<u64> = data
            .fields()
            .iter()
            .map(|field| field.features.end - field.features.start)
            .collect();
        match name {
            "logistic_regression" => Ok(Self::SparseLogistic(SparseLogistic::of(
                data, bias, lambda,
            )?)),
            "linear_regression" if loss_is("squared") => Ok(Self::SparseLeastSquares(
                SparseLeastSquares::of(data, bias, lambda)?,
            )),
            "linear_svm" if loss_is("hinge") => {
                Ok(Self::SparseSvm(SparseSvm::of(data, bias, lambda)?))
            }
            "matrix_factorization" => {
                let users = match whole("users", 0) {
                    0 => widths.first().copied().unwrap_or_default(),
                    said => said,
                };
                let rank = usize::try_from(whole("rank", 16)).unwrap_or(usize::MAX);
                let made = MatrixCompletion::of(data, users, rank, 0.0, Bias::Added)?;
                let made = made.with_l2_per_rating(number(keys, "l2").unwrap_or(0.1));
                Ok(Self::MatrixCompletion(made))
            }
            "graph_cut" => {
                let classes = match whole("classes", 0) {
                    0 => widths.last().copied().unwrap_or_default(),
                    said => said,
                };
                let classes = usize::try_from(classes).unwrap_or(usize::MAX);
                Ok(Self::GraphCut(GraphCut::of(data, classes)?))
            }
            other => Err(HogwildError::Problem(format!(
                "expected a model whose loss is a sum of sparse terms, one of {} (linear_svm with the loss \
                 \"hinge\", linear_regression with \"squared\"), found \"{other}\"{}; choose one of them, or \
                 another method",
                MODELS.join(", "),
                loss.map_or_else(String::new, |loss| format!(" with loss = \"{loss}\""))
            ))),
        }
    }

    /// A run of this problem, to be taken epoch by epoch, from `start` or from where the problem says. Of
    /// the settings, `epochs`, `rate`, `back_off` and `judge` are left to the caller.
    ///
    /// # Errors
    /// For settings that are impossible or do not go with the problem, and for a start of the wrong length.
    pub fn begin(
        &self,
        start: Option<&[f32]>,
        settings: &Settings,
        control: &Arc<Control>,
    ) -> Result<Box<dyn Epochs + '_>, HogwildError> {
        run::begin(self, start, settings, control)
    }

    /// How many times the loss of its model a term of this problem is.
    #[must_use]
    pub fn times_loss(&self) -> f64 {
        match self {
            Self::MatrixCompletion(_) => 2.0,
            Self::SparseSvm(_)
            | Self::SparseLogistic(_)
            | Self::SparseLeastSquares(_)
            | Self::GraphCut(_) => 1.0,
        }
    }

    /// Whether [`Self::of`] makes a use of `lambda` for this model.
    #[must_use]
    pub fn has_lambda(&self) -> bool {
        match self {
            Self::SparseSvm(_) | Self::SparseLogistic(_) | Self::SparseLeastSquares(_) => true,
            Self::MatrixCompletion(_) | Self::GraphCut(_) => false,
        }
    }

    /// Where a run starts if nobody says otherwise.
    #[must_use]
    pub fn start(&self, seed: u64) -> Vec<f32> {
        of_each!(self, objective => objective.start(seed))
    }

    /// How many terms there are.
    #[must_use]
    pub fn terms(&self) -> usize {
        of_each!(self, objective => objective.terms())
    }

    /// How many parameters there are.
    #[must_use]
    pub fn coordinates(&self) -> usize {
        of_each!(self, objective => objective.coordinates())
    }

    /// f(x).
    ///
    /// # Panics
    /// When `x` is not of [`Self::coordinates`].
    #[must_use]
    pub fn value(&self, x: &[f32]) -> f64 {
        of_each!(self, objective => super::objective::value(objective, x))
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;
    use crate::data::{Dataset, Field, InMemory, Rows, Task};
    use crate::hogwild::single;
    use crate::model::{Coverage, Located, Shape, build};
    use thalweg_common::seed::{mix, normal};

    fn data(task: Task, row: impl Fn(u32) -> (f32, [u32; 2], [f32; 2])) -> InMemory {
        let mut rows = Rows::new();
        for number in 0..24 {
            let (label, features, values) = row(number);
            rows.push(number.into(), label, &features, &values);
        }
        let field = |name: &str, features| Field {
            name: name.to_owned(),
            features,
        };
        let fields = vec![field("one", 0..6), field("other", 6..10)];
        InMemory::from_rows(&rows, 10, task).with_fields(fields)
    }

    #[test]
    fn the_value_is_the_loss_of_the_model_at_the_parameters_of_its_layout() {
        let ends = |n: u32| [n % 6, 6 + n % 4];
        let sign = |n: u32| if n.is_multiple_of(3) { 1.0 } else { -1.0 };
        let binary = data(Task::Binary, |n| (sign(n), ends(n), [1.5, 0.5]));
        let prices = data(Task::Real, |n| (sign(n) * 3.0, ends(n), [1.5, 0.5]));
        let ratings = data(Task::Real, |n| (sign(n) * 2.0, ends(n), [1.0, 1.0]));
        let edges = data(Task::Real, |n| (0.0, ends(n), [0.5, -0.5]));
        for (name, keys, data, times) in [
            ("logistic_regression", "", &binary, 1.0),
            ("logistic_regression", "bias = false", &binary, 1.0),
            ("linear_svm", "", &binary, 1.0),
            ("linear_regression", "", &prices, 1.0),
            ("linear_regression", "loss = 'squared'", &prices, 1.0),
            ("matrix_factorization", "rank = 3\nl2 = 0.2", &ratings, 2.0),
            ("matrix_factorization", "", &ratings, 2.0),
            ("graph_cut", "", &edges, 1.0),
        ] {
            let keys = keys.parse().unwrap();
            let problem = Problem::of(name, &keys, 0.0, data).unwrap();
            let model = build(name, &keys, &Shape::of(data)).unwrap();
            let elements = model.layout().elements();
            let mut x: Vec<f32> = (0..elements).map(|v| single(normal(0.7, mix(v)))).collect();
            let (mut rows, mut located) = (Rows::new(), Located::default());
            data.fill(&(0..24).collect::<Vec<u64>>(), &mut rows);
            let whole = Coverage::Whole(elements);
            model.locate(&rows, &whole, &mut located).unwrap();
            let expected = times * model.losses(&rows, &located, &x);
            x.extend(&problem.start(1)[x.len()..]);
            assert_eq!(x.len(), problem.coordinates(), "{name}");
            let found = problem.value(&x);
            assert_eq!(
                problem.times_loss().to_bits(),
                f64::to_bits(times),
                "{name}"
            );
            assert!(
                (found / expected - 1.0).abs() < 1e-5,
                "{name}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn other_models_and_keys_are_refused() {
        let binary = data(Task::Binary, |n| (1.0, [n % 6, 6], [1.0, 1.0]));
        for (name, keys, words) in [
            ("mlp", "", "found \"mlp\""),
            (
                "linear_svm",
                "loss = 'squared_hinge'",
                "with the loss \"hinge\"",
            ),
            ("linear_regression", "loss = 'huber'", "with \"squared\""),
            ("linear_svm", "biass = true", "biass"),
            ("matrix_factorization", "", "real labels"),
        ] {
            let refused = Problem::of(name, &keys.parse().unwrap(), 0.0, &binary).unwrap_err();
            let refused = refused.to_string();
            assert!(refused.contains(words), "{refused}");
        }
        let refused = Problem::of("logistic_regression", &toml::Table::new(), -1.0, &binary);
        assert!(refused.unwrap_err().to_string().contains("`lambda` is -1"));
    }
}
