//! libsvm text files: one row per line, `label index:value index:value …`, plain or gzip.
//!
//! Indices count from 1 and increase strictly within a row; what follows `#` is a comment; blank
//! lines are no rows. Labels of a binary task are +1/−1 or 0/1, of `classes = k` 0..k−1 or 1..k.
//! A file is read line by line: beside the rows themselves it costs the memory of one line.
//!
//! | key | meaning |
//! |---|---|
//! | `train` | path of the rows to train on |
//! | `test` | path of the rows that judge; optional |
//! | `train_weights`, `test_weights` | paths of files with one weight per row; without, all count 1 |
//! | `features` | number of features: a larger index is refused. Without it the training rows decide, and what test rows have beyond is left out, with a note |
//! | `task` | `"binary"` (also without the key), `"real"`; `classes` stands for the third task |
//! | `classes` | number of classes; 2 is the binary task with any of the ways to write labels |
//! | `label_positive` | these whole-number labels become +1, all others −1 |
//!
//! Source: the format of `svm-train`, Chang and Lin, LIBSVM, README.

mod labels;
mod line;
mod number;
mod source;
mod weights;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use self::{
    labels::{Labels, Meaning},
    line::parse_row,
    source::Lines,
};
use super::{
    DataError, DatasetEntry, InMemory, Loaded,
    in_memory::{Columns, LeftOut},
    registry::read_keys,
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "libsvm text files, plain or gzip, of your own",
    keys: "train = \"train.svm.gz\"\ntest = \"test.svm.gz\"\ntrain_weights = \"train.weights\"\ntest_weights = \"test.weights\"\nfeatures = 1000\nclasses = 3",
    check: |keys| checked(keys).map(drop),
    load,
};

const NAME: &str = "libsvm";

/// Feature numbers are 32-bit everywhere.
const FEATURES_MAX: u64 = 1 << 32;

/// Above this, f32 labels would not be exact.
const CLASSES_MAX: u32 = 1 << 24;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    train: PathBuf,
    test: Option<PathBuf>,
    train_weights: Option<PathBuf>,
    test_weights: Option<PathBuf>,
    features: Option<u64>,
    task: Option<NamedTask>,
    classes: Option<u32>,
    label_positive: Option<Vec<i64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamedTask {
    Binary,
    Real,
}

impl Keys {
    fn meaning(&self) -> Result<Meaning, DataError> {
        match (self.task, self.classes, &self.label_positive) {
            (None | Some(NamedTask::Binary), None, None) => Ok(Meaning::Binary),
            (None | Some(NamedTask::Binary), None, Some(list)) if !list.is_empty() => {
                Ok(Meaning::Positive(list.iter().copied().collect()))
            }
            (_, _, Some(list)) if list.is_empty() => Err(refuse(
                "expected `label_positive` to list labels, found none",
            )),
            (Some(NamedTask::Real), None, None) => Ok(Meaning::Real),
            (None, Some(classes), None) if (2..=CLASSES_MAX).contains(&classes) => {
                Ok(Meaning::Classes(classes))
            }
            (None, Some(classes), None) => Err(refuse(format!(
                "expected `classes` from 2 to {CLASSES_MAX}, found {classes}"
            ))),
            _ => Err(refuse(
                "expected at most one of `task`, `classes` and `label_positive` (`label_positive` goes \
                 with task = \"binary\"), found two of them; remove one",
            )),
        }
    }
}

fn refuse(problem: impl Into<String>) -> DataError {
    DataError::Options {
        dataset: NAME,
        problem: problem.into(),
    }
}

fn checked(keys: &toml::Table) -> Result<(Keys, Meaning), DataError> {
    let keys: Keys = read_keys(NAME, keys)?;
    let meaning = keys.meaning()?;
    if keys.test.is_none() && keys.test_weights.is_some() {
        return Err(refuse(
            "expected `test` with `test_weights`, found no `test`; name the rows that the weights are for",
        ));
    }
    match keys.features {
        Some(features) if !(1..=FEATURES_MAX).contains(&features) => Err(refuse(format!(
            "expected `features` from 1 to {FEATURES_MAX}, found {features}"
        ))),
        _ => Ok((keys, meaning)),
    }
}

fn load(keys: &toml::Table, folder: &Path) -> Result<Loaded, DataError> {
    let (keys, meaning) = checked(keys)?;
    let features_max = keys.features.unwrap_or(FEATURES_MAX);
    let task = meaning.task();
    let mut labels = Labels::new(meaning);
    let mut train = read(&folder.join(&keys.train), features_max, &mut labels)?;
    labels.check_train()?;
    let mut test = match &keys.test {
        Some(path) => Some(read(&folder.join(path), features_max, &mut labels)?),
        None => None,
    };
    // Test rows judge a model, they must not widen it: what training never saw has no weight.
    let features = keys.features.unwrap_or(train.features_needed().max(1));
    let unseen = test.as_mut().map(|test| test.leave_out_from(features));
    let weigh = |columns: &mut Columns, path: &Option<PathBuf>| -> Result<(), DataError> {
        if let Some(path) = path {
            columns.weights = Some(weights::read(&folder.join(path), columns.rows())?);
        }
        Ok(())
    };
    weigh(&mut train, &keys.train_weights)?;
    if let Some(test) = &mut test {
        weigh(test, &keys.test_weights)?;
    }
    let settle = |columns: &mut Columns| labels.settle(&mut columns.labels);
    settle(&mut train);
    test.iter_mut().for_each(settle);
    Ok(Loaded {
        train: Arc::new(InMemory::new(train, features, task)),
        test: test.map(|columns| Arc::new(InMemory::new(columns, features, task)) as Arc<_>),
        notes: keys
            .test
            .iter()
            .zip(unseen)
            .filter_map(|(path, unseen)| note_unseen(path, features, unseen))
            .collect(),
    })
}

/// What the user is told of values that were left out of the test rows; nothing if there are none.
fn note_unseen(path: &Path, features: u64, unseen: LeftOut) -> Option<String> {
    let LeftOut { values, rows } = unseen;
    (0 < values).then(|| {
        format!(
            "{}: values with an index above {features}, the largest of the training data, are \
             ignored: {values}, in {rows} of the test rows; set `features` in [data] to say how many \
             there are",
            path.display()
        )
    })
}

fn read(path: &Path, features_max: u64, labels: &mut Labels) -> Result<Columns, DataError> {
    let mut lines = Lines::open(path)?;
    let mut columns = Columns::new();
    while let Some((number, line)) = lines.next_line()? {
        let parsed = parse_row(line, features_max, &mut columns).and_then(|row| match row {
            Some((label, column)) => labels
                .accept(label, || format!("{}:{number}", path.display()))
                .map(|()| columns.close(label))
                .map_err(|problem| (column, problem)),
            None => Ok(()),
        });
        parsed.map_err(|(column, problem)| DataError::Line {
            path: path.to_owned(),
            line: number,
            column,
            problem,
        })?;
    }
    match columns.rows() {
        0 => Err(DataError::Empty {
            path: path.to_owned(),
        }),
        _ => Ok(columns),
    }
}
