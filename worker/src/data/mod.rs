//! The first station of a gradient: rows of labelled, sparse features, numbered from 0.
//!
//! Before this station: nothing but the job's `[data]` table. After it: [`crate::model`], which
//! turns a batch of rows into a gradient. The order in which an epoch visits the rows is not the
//! data's business: it is [`thalweg_common::permutation`], the same for every data set.

pub mod rows;
pub mod error;
pub mod registry;
pub mod encoding;
pub mod source;
mod in_order;
mod cache;
pub mod in_memory;
pub mod holdout;
pub mod flights;
pub mod libsvm;
pub mod csv;
pub mod parquet;
pub mod dense;
pub mod graph;
pub mod steady;
mod draws;
mod clouds;
mod low_rank;
pub mod stream;
pub mod weighted;
pub mod sniff;
mod labels;
mod alike;
mod number;

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

pub use self::{
    cache::{export_rows, import_rows},
    encoding::{ColumnEncoding, ColumnKind, Encoding, LabelsIn, Reopened, Target},
    error::{DataError, LineProblem},
    in_memory::InMemory,
    registry::{DATASETS, DatasetEntry, Reopening, check, load, reopen},
    rows::Rows,
    source::Files,
    weighted::Weighted,
};

/// What the labels of a data set mean, and so which losses and metrics apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Two classes, label +1 or −1.
    Binary,
    /// So many classes, three or more, label 0, 1, … below that number.
    Classes(u32),
    /// A real number.
    Real,
}

impl Task {
    /// How many classes there are; 0 for real labels.
    #[must_use]
    pub fn classes(self) -> u32 {
        match self {
            Self::Binary => 2,
            Self::Classes(classes) => classes,
            Self::Real => 0,
        }
    }

    /// The task of so many classes: the inverse of [`Self::classes`]. `None` for 1.
    #[must_use]
    pub fn of_classes(classes: u32) -> Option<Self> {
        match classes {
            0 => Some(Self::Real),
            1 => None,
            2 => Some(Self::Binary),
            _ => Some(Self::Classes(classes)),
        }
    }

    /// The class, counted from 0, that a label of this task names; of two classes +1 is class 1.
    ///
    /// # Panics
    /// For real labels.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "labels of classes are whole numbers from 0, as the data set promises"
    )]
    pub fn class(self, label: f32) -> usize {
        match self {
            Self::Binary => usize::from(0.0 < label),
            Self::Classes(_) => label as usize,
            Self::Real => panic!("a real label names no class"),
        }
    }
}

/// In people's words, and those of the job file: `two classes (task = "binary")`.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary => f.write_str("two classes (task = \"binary\")"),
            Self::Classes(classes) => write!(f, "more than two classes (classes = {classes})"),
            Self::Real => f.write_str("real labels (task = \"real\")"),
        }
    }
}

/// A numbered collection of rows that any thread can read at any position.
///
/// A data set may be stored or computed on the fly; the same row number always gives the same row.
/// Implement it in any crate to train on data of another kind.
pub trait Dataset: Debug + Send + Sync {
    /// How many rows there are; row numbers are `0..rows()`.
    fn rows(&self) -> u64;

    /// How many input features there are, at most 2³²; feature numbers are `0..features()`.
    fn features(&self) -> u64;

    /// What the labels mean.
    fn task(&self) -> Task;

    /// Replaces what `out` holds by the rows of these numbers, in this order.
    ///
    /// Features of a row are strictly increasing, values are finite, labels are those of
    /// [`Self::task`].
    ///
    /// # Panics
    /// When a number is not below [`Self::rows`]: ranges are judged where they are handed out.
    fn fill(&self, rows: &[u64], out: &mut Rows);

    /// A hash of labels, features and values that is the same on every machine: two workers whose
    /// hashes differ do not read the same data.
    fn content_hash(&self) -> u64;

    /// Bytes of memory that the data set holds.
    fn memory_bytes(&self) -> u64;

    /// One unit of a real label, in units of the file that it came from: labels may be trained on at
    /// another scale, and errors are told in the file's.
    fn label_unit(&self) -> f64 {
        1.0
    }

    /// Whether the rows arrive while they are trained on. Then [`Self::rows`] is only a window by which
    /// epochs are counted: position p of epoch e is row e · rows + p, nothing is permuted, and row
    /// numbers beyond a window are as good as the first ones.
    fn is_streamed(&self) -> bool {
        false
    }

    /// The columns that the features were made of, in order and without gaps; empty where the data
    /// have no columns.
    fn fields(&self) -> &[Field] {
        &[]
    }

    /// The quality that the rule behind the data reaches on these rows, where it is known: no
    /// model can be expected to do better. `None` for measured data.
    fn ideal(&self) -> Option<Ideal>;
}

/// One column of the data as they were given: the features that it became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Its features.
    pub features: std::ops::Range<u64>,
}

/// What the true probabilities score on a data set of the task [`Task::Binary`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ideal {
    /// Mean of −ln(probability of the label), nats.
    pub log_loss: f64,
    /// Area under the ROC curve.
    pub auc: f64,
}

/// What the job's `[data]` table names, ready to be read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The rows that are trained on.
    pub train: Arc<dyn Dataset>,
    /// The rows that only judge; they have the features and the task of `train`.
    pub test: Option<Arc<dyn Dataset>>,
    /// What the user should know of the data before they are trained on, a sentence each.
    pub notes: Vec<String>,
    /// How other files are read in the same way; `None` where the data are no files.
    pub encoding: Option<Encoding>,
}

#[cfg(test)]
mod tests {
    use super::Task;

    #[test]
    fn a_task_is_known_by_its_number_of_classes() {
        for task in [Task::Real, Task::Binary, Task::Classes(3)] {
            assert_eq!(Task::of_classes(task.classes()), Some(task));
        }
        assert_eq!(Task::of_classes(1), None);
        assert_eq!((Task::Binary.class(-1.0), Task::Binary.class(1.0)), (0, 1));
        assert_eq!(Task::Classes(4).class(3.0), 3);
    }

    #[test]
    fn a_task_is_told_in_the_words_of_the_job_file() {
        let told = [Task::Binary, Task::Classes(3), Task::Real].map(|task| task.to_string());
        assert_eq!(
            told,
            [
                "two classes (task = \"binary\")",
                "more than two classes (classes = 3)",
                "real labels (task = \"real\")"
            ]
        );
    }
}
