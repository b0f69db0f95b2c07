//! How the training files were read: what is needed to read other files in the same way, for instance
//! those that a trained model is to judge or to label.
//!
//! It is plain data that goes to JSON and back without loss.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Dataset, Field, Task,
    labels::{is_one_of, sign},
};

/// How files became rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// The data set's name in the registry.
    pub dataset: String,
    /// Input features.
    pub features: u64,
    /// The name of the target column, where columns have names.
    pub target_name: Option<String>,
    /// What the labels mean and how they are written.
    pub target: Target,
    /// The columns that are features, in order; empty where the data have no columns.
    pub columns: Vec<ColumnEncoding>,
    /// What is done to the values of all features, where they have no columns.
    pub scaling: Scaling,
}

/// What the labels mean and how files write them; class `i` is the `i`-th that is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Any finite number.
    Real,
    /// Any finite number y, trained on as (y − `mean`) / `spread`.
    Standard {
        /// The mean of the training labels.
        mean: f64,
        /// Their standard deviation, above 0.
        spread: f64,
    },
    /// Classes that are written as these numbers.
    Numbers(Vec<f32>),
    /// Classes that are written as these words.
    Words(Vec<String>),
    /// Two classes: these whole numbers are +1, all others −1.
    Positive(BTreeSet<i64>),
}

/// One column of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnEncoding {
    /// Its name; where the file has none, its number from 1.
    pub name: String,
    /// What its values become.
    pub kind: ColumnKind,
}

/// What the values of a column become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// One feature of value (x − `shift`) · `factor`; a missing x is taken to be `missing`.
    Number {
        /// The mean of the training rows.
        missing: f64,
        /// What is taken away first.
        shift: f64,
        /// What the rest is multiplied with.
        factor: f64,
    },
    /// One feature per category, of value 1, and before them one for all others. `None` is the
    /// category of missing values.
    Index(Vec<Option<String>>),
    /// 2^`bits` features, of value 1, among which a hash of the category chooses.
    Hash {
        /// From 1 to 24.
        bits: u32,
    },
}

impl ColumnKind {
    /// How many features the column becomes.
    #[must_use]
    pub fn features(&self) -> u64 {
        match self {
            Self::Number { .. } => 1,
            Self::Index(names) => names.len() as u64 + 1,
            Self::Hash { bits } => 1 << bits,
        }
    }
}

/// What is done to the values of all features: x becomes (x − shift) · factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Nothing.
    None,
    /// Every value is multiplied with this number.
    Factor(f64),
    /// Shift and factor of each feature.
    Each(Vec<(f64, f64)>),
    /// The factor of each feature, so that zeros stay zeros; that of features beyond them is 0.
    Factors(Vec<f64>),
}

/// The factor that makes this width 1; 0 for a feature without width, which then becomes 0.
pub(super) fn inverse(width: f64) -> f64 {
    let inverse = width.recip();
    if inverse.is_finite() && 0.0 < width {
        inverse
    } else {
        0.0
    }
}

impl Scaling {
    /// The value that is trained on instead of `value`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "rows are f32")]
    pub fn apply(&self, feature: usize, value: f64) -> f32 {
        match self {
            Self::None => value as f32,
            Self::Factor(factor) => (value * factor) as f32,
            Self::Each(each) => {
                let (shift, factor) = each[feature];
                ((value - shift) * factor) as f32
            }
            Self::Factors(factors) => {
                (value * factors.get(feature).copied().unwrap_or_default()) as f32
            }
        }
    }
}

impl Target {
    /// What the labels mean.
    ///
    /// # Panics
    /// When classes are listed that are not at least two.
    #[must_use]
    pub fn task(&self) -> Task {
        let of = |classes: usize| {
            let classes = u32::try_from(classes).expect("at most 2^24 classes");
            Task::of_classes(classes)
                .filter(|task| *task != Task::Real)
                .expect("two or more classes")
        };
        match self {
            Self::Real | Self::Standard { .. } => Task::Real,
            Self::Numbers(values) => of(values.len()),
            Self::Words(names) => of(names.len()),
            Self::Positive(_) => Task::Binary,
        }
    }

    /// The classes as the files write them, in order; none for real labels.
    #[must_use]
    pub fn class_names(&self) -> Vec<String> {
        match self {
            Self::Real | Self::Standard { .. } => Vec::new(),
            Self::Numbers(values) => values.iter().map(f32::to_string).collect(),
            Self::Words(names) => names.clone(),
            Self::Positive(positive) => {
                let listed: Vec<_> = positive.iter().map(i64::to_string).collect();
                vec!["others".into(), listed.join(" or ")]
            }
        }
    }

    /// The label of the task for a number in a file; `None` if it is no label.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "labels are f32")]
    pub fn label_of_number(&self, number: f32) -> Option<f32> {
        match self {
            Self::Real => Some(number),
            Self::Standard { mean, spread } => Some(((f64::from(number) - mean) / spread) as f32),
            Self::Positive(positive) => Some(sign(is_one_of(positive, number))),
            Self::Numbers(values) => {
                let class = values.iter().position(|value| same(*value, number))?;
                Some(label_of_class(class, values.len()))
            }
            Self::Words(_) => None,
        }
    }

    /// One unit of a label that is trained on, in units of the file.
    #[must_use]
    pub fn unit(&self) -> f64 {
        match self {
            Self::Standard { spread, .. } => *spread,
            Self::Real | Self::Numbers(_) | Self::Words(_) | Self::Positive(_) => 1.0,
        }
    }

    /// A predicted number, or a label that is trained on, as the file would have it.
    #[must_use]
    pub fn in_file(&self, number: f64) -> f64 {
        match self {
            Self::Standard { mean, spread } => mean + spread * number,
            Self::Real | Self::Numbers(_) | Self::Words(_) | Self::Positive(_) => number,
        }
    }

    /// The label of the task for a word in a file; `None` if it is no label.
    #[must_use]
    pub fn label_of_word(&self, word: &str) -> Option<f32> {
        match self {
            Self::Words(names) => {
                let class = names.iter().position(|name| name == word)?;
                Some(label_of_class(class, names.len()))
            }
            Self::Real | Self::Standard { .. } | Self::Numbers(_) | Self::Positive(_) => None,
        }
    }

    /// A label of the task as the files write it.
    pub(super) fn shown_label(&self, label: f32) -> String {
        let mut names = self.class_names();
        let is_same = |class: &usize| same(label_of_class(*class, names.len()), label);
        match (0..names.len()).find(is_same) {
            Some(class) => names.swap_remove(class),
            None => self.in_file(label.into()).to_string(),
        }
    }

    /// The labels as a message lists them.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Real | Self::Standard { .. } => "any number".into(),
            Self::Positive(_) => "any whole number".into(),
            Self::Numbers(_) | Self::Words(_) => {
                let names = self.class_names();
                let shown = names.iter().take(CLASSES_SHOWN_MAX).cloned();
                let more = if CLASSES_SHOWN_MAX < names.len() {
                    format!(", … ({} in all)", names.len())
                } else {
                    String::new()
                };
                shown.collect::<Vec<_>>().join(", ") + &more
            }
        }
    }
}

/// Classes that a message lists.
const CLASSES_SHOWN_MAX: usize = 12;

/// Whether two labels are the same number, 0 and −0 included.
#[expect(clippy::float_cmp, reason = "labels are the same number or another")]
fn same(a: f32, b: f32) -> bool {
    a == b
}

/// Class `class` of `classes` in the form of the task.
#[expect(
    clippy::cast_precision_loss,
    reason = "classes are at most 2^24, exact in f32"
)]
fn label_of_class(class: usize, classes: usize) -> f32 {
    match classes {
        2 => sign(class == 1),
        _ => class as f32,
    }
}

/// The label that stands where there is none.
pub(super) fn placeholder(target: &Target) -> f32 {
    match target.task().classes() {
        0 => 0.0,
        classes => label_of_class(0, classes as usize),
    }
}

impl Encoding {
    /// The columns with their features, for [`Dataset::fields`].
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let mut end = 0;
        let field = |column: &ColumnEncoding| {
            let start = end;
            end += column.kind.features();
            Field {
                name: column.name.clone(),
                features: start..end,
            }
        };
        self.columns.iter().map(field).collect()
    }
}

/// Whether rows may come without a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelsIn {
    /// Every row has one: to judge a model.
    Needed,
    /// Rows may have one or not: to label them.
    Optional,
}

/// Rows of other files, read as the training files were.
#[derive(Clone, Debug)]
pub struct Reopened {
    /// The rows. Those without a label have one of no meaning: the first class, or 0.
    pub rows: Arc<dyn Dataset>,
    /// How many rows have a label of their own.
    pub labelled: u64,
    /// What the user should know of them, a sentence each.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::{ColumnEncoding, ColumnKind, Encoding, Scaling, Target};
    use crate::data::Task;

    #[test]
    fn a_label_is_known_by_the_way_it_is_written() {
        let written = Target::Numbers(vec![1.0, 2.0]);
        assert_eq!(written.task(), Task::Binary);
        assert_eq!(
            [1.0, 2.0, 3.0].map(|label| written.label_of_number(label)),
            [Some(-1.0), Some(1.0), None]
        );
        let words = Target::Words(["a", "b", "c"].map(String::from).to_vec());
        assert_eq!(words.task(), Task::Classes(3));
        assert_eq!(
            (words.label_of_word("c"), words.label_of_word("d")),
            (Some(2.0), None)
        );
        assert_eq!(Target::Real.label_of_number(0.5), Some(0.5));
        assert_eq!(words.shown_label(2.0), "c");
        assert_eq!(written.shown_label(-1.0), "1");
        assert_eq!(Target::Real.shown_label(0.5), "0.5");
        assert_eq!(Target::Positive([3].into()).label_of_number(3.0), Some(1.0));
        let many = Target::Numbers((0_u8..20).map(f32::from).collect());
        assert!(
            many.shown().ends_with("11, … (20 in all)"),
            "{}",
            many.shown()
        );
    }

    #[test]
    fn it_survives_json_bit_by_bit_and_knows_its_fields() {
        let column = |name: &str, kind| ColumnEncoding {
            name: name.into(),
            kind,
        };
        let encoding = Encoding {
            dataset: "csv".into(),
            features: 8,
            target_name: Some("y".into()),
            target: Target::Numbers(vec![0.1, 3e-9]),
            columns: vec![
                column(
                    "age",
                    ColumnKind::Number {
                        missing: 0.1 + 0.2,
                        shift: 1e-300,
                        factor: 3.0,
                    },
                ),
                column("city", ColumnKind::Index(vec![None, Some("Köln".into())])),
                column("zip", ColumnKind::Hash { bits: 2 }),
            ],
            scaling: Scaling::Each(vec![(0.1, 0.7)]),
        };
        let factors = Encoding {
            scaling: Scaling::Factors(vec![0.1 + 0.2, 0.0]),
            ..encoding.clone()
        };
        for encoding in [&encoding, &factors] {
            let text = serde_json::to_string(encoding).unwrap();
            assert_eq!(serde_json::from_str::<Encoding>(&text).unwrap(), *encoding);
        }
        let ranges: Vec<_> = encoding.fields().into_iter().map(|f| f.features).collect();
        assert_eq!(ranges, [0..1, 1..4, 4..8]);
    }
}
