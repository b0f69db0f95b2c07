//! libsvm text files: one row per line, `label index:value index:value …`.
//!
//! Indices count from 1 and increase strictly within a row; what follows `#` is a comment; blank
//! lines are no rows. Labels of a binary task are +1/−1 or 0/1, of `classes = k` 0..k−1 or 1..k.
//! A file is read line by line: beside the rows themselves it costs the memory of one line.
//!
//! | key | meaning |
//! |---|---|
//! | `train` | the rows to train on: [`Files`] |
//! | `test` | the rows that judge; optional |
//! | `holdout`, `holdout_seed` | instead of `test`: the share of the rows that judges, and which |
//! | `train_weights`, `test_weights` | files with one weight per row; without, all count 1 |
//! | `features` | number of features: a larger index is refused. Without it the training rows decide, and what test rows have beyond is left out, with a note |
//! | `scale` | `"none"`; `"maxabs"`: each feature divided by its greatest absolute value in the training rows |
//! | `cache`, `cache_memory_mb` | the rows in a compact file: `data::cache` |
//! | `task` | `"binary"` (also without the key), `"real"`; `classes` stands for the third task |
//! | `classes` | number of classes; 2 is the binary task with any of the ways to write labels |
//! | `label_positive` | these whole-number labels become +1, all others −1 |
//!
//! Source: the format of `svm-train`, Chang and Lin, LIBSVM, README.

mod convert;
mod line;
mod read;
mod scale;
mod weights;

use std::{path::Path, sync::Arc};

use serde::Deserialize;

pub(super) use self::line::parse_row;
use self::{
    read::{Judge, read},
    scale::{Greatest, SparseScale},
};
use super::{
    DataError, Dataset, DatasetEntry, Encoding, Files, InMemory, Loaded,
    alike::{Alike, named},
    cache::{self, CacheKey, CacheKeys, CachePlan},
    encoding::{Reopened, Scaling},
    holdout::Holdout,
    in_memory::{Columns, LeftOut},
    labels::{Labels, Meaning, NamedTask},
    registry::{Reopening, read_keys},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "libsvm text files of your own: plain, gzip or zstd",
    keys: "train = \"train.svm.gz\"\ntest = \"test-*.svm.gz\"\nholdout = 0.1\nholdout_seed = 0\n\
           train_weights = \"train.weights\"\ntest_weights = \"test.weights\"\nfeatures = 1000\nclasses = 3\n\
           scale = \"none\"\ncache = true\ncache_memory_mb = 64",
    exclusive: &["holdout", "holdout_seed"],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: Some(reopen),
};

const NAME: &str = "libsvm";

/// Feature numbers are 32-bit everywhere.
const FEATURES_MAX: u64 = 1 << 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    train: Files,
    test: Option<Files>,
    holdout: Option<f64>,
    holdout_seed: Option<u64>,
    train_weights: Option<Files>,
    test_weights: Option<Files>,
    features: Option<u64>,
    task: Option<NamedTask>,
    classes: Option<u32>,
    label_positive: Option<Vec<i64>>,
    #[serde(default)]
    scale: SparseScale,
    cache: Option<CacheKey>,
    cache_memory_mb: Option<u64>,
}

/// What the keys say, once they are judged.
#[derive(Debug)]
struct Checked {
    keys: Keys,
    meaning: Meaning,
    holdout: Option<Holdout>,
    /// Whether each feature is divided by its greatest value.
    divides: bool,
    cache: Option<CacheKeys>,
}

fn refuse(problem: impl Into<String>) -> DataError {
    DataError::Options {
        dataset: NAME,
        problem: problem.into(),
    }
}

fn checked(keys: &toml::Table) -> Result<Checked, DataError> {
    let keys: Keys = read_keys(NAME, keys)?;
    let positive = keys.label_positive.as_deref();
    let meaning = Meaning::of_keys(NAME, keys.task, keys.classes, positive)?;
    let holdout = Holdout::of_keys(NAME, keys.holdout, keys.holdout_seed, keys.test.is_some())?;
    let divides = keys.scale.divides()?;
    keys.train.check(NAME, "train")?;
    let files = files_of(&keys);
    let has_input = files.iter().any(|files| files.reads_standard_input());
    let cache = CacheKeys::of_keys(NAME, keys.cache.clone(), keys.cache_memory_mb, has_input)?;
    for (files, key) in [
        (&keys.test, "test"),
        (&keys.train_weights, "train_weights"),
        (&keys.test_weights, "test_weights"),
    ] {
        if let Some(files) = files {
            files.check(NAME, key)?;
            if files.reads_standard_input() && keys.train.reads_standard_input() {
                return Err(refuse(format!(
                    "expected standard input (\"-\") in one key, found it in `train` and `{key}`; write \
                     one of them to a file"
                )));
            }
        }
    }
    if keys.test.is_none() && keys.test_weights.is_some() {
        return Err(refuse(
            "expected `test` with `test_weights`, found no `test`; name the rows that the weights are for",
        ));
    }
    match keys.features {
        Some(features) if !(1..=FEATURES_MAX).contains(&features) => Err(refuse(format!(
            "expected `features` from 1 to {FEATURES_MAX}, found {features}"
        ))),
        _ => Ok(Checked {
            keys,
            meaning,
            holdout,
            divides,
            cache,
        }),
    }
}

/// All files of a job, those with the training rows first.
fn files_of(keys: &Keys) -> Vec<&Files> {
    let others = [&keys.test, &keys.train_weights, &keys.test_weights];
    let others = others.into_iter().filter_map(Option::as_ref);
    [&keys.train].into_iter().chain(others).collect()
}

fn load(table: &toml::Table, folder: &Path) -> Result<Loaded, DataError> {
    let checked = checked(table)?;
    if let Some(cache) = &checked.cache {
        let plan = cache.plan(NAME, table, &files_of(&checked.keys), folder)?;
        let convert = |plan: &CachePlan| convert::convert(&checked, folder, plan);
        return cache::load(&plan, NAME, checked.holdout, convert);
    }
    let Checked {
        keys,
        meaning,
        holdout,
        divides,
        ..
    } = checked;
    let features_max = keys.features.unwrap_or(FEATURES_MAX);
    let task = meaning.task();
    let mut judge = Judge::Train(Labels::new(meaning));
    let mut train = read_all(&keys.train, folder, features_max, &mut judge)?.0;
    labels_of(&judge).check_train(NAME)?;
    let mut alike = Alike::default();
    alike.see(&train.labels);
    check_labels(&alike, &keys.train, folder)?;
    let mut test = match &keys.test {
        Some(files) => Some(read_all(files, folder, features_max, &mut judge)?.0),
        None => None,
    };
    let labels = labels_of(&judge);
    // Test rows judge a model, they must not widen it: what training never saw has no weight.
    let features = keys.features.unwrap_or(train.features_needed().max(1));
    let unseen = test.as_mut().map(|test| test.leave_out_from(features));
    let weigh = |columns: &mut Columns, files: &Option<Files>| -> Result<(), DataError> {
        if let Some(files) = files {
            columns.weights = Some(weights::read(files, folder, columns.rows())?);
        }
        Ok(())
    };
    weigh(&mut train, &keys.train_weights)?;
    if let Some(test) = &mut test {
        weigh(test, &keys.test_weights)?;
    }
    let mut scaling = Scaling::None;
    if divides {
        let mut greatest = Greatest::default();
        let judges = judges(holdout, train.rows())?;
        greatest.see(&train, judges.as_deref());
        scaling = greatest.scaling()?;
    }
    let finish = |mut columns: Columns| -> Arc<dyn Dataset> {
        columns.scale(&scaling);
        labels.settle(&mut columns.labels);
        Arc::new(InMemory::new(columns, features, task))
    };
    let (mut train, mut test) = (finish(train), test.map(finish));
    if let Some(holdout) = holdout {
        let [trained, judging] = holdout.split(NAME, &train)?;
        (train, test) = (trained, Some(judging));
    }
    let notes = unseen.and_then(|unseen| note_unseen("the test rows", features, unseen));
    Ok(Loaded {
        train,
        test,
        notes: notes.into_iter().collect(),
        encoding: Some(encoding(features, labels, scaling)),
    })
}

/// For each of so many training rows, whether it judges; `None` if none does.
fn judges(holdout: Option<Holdout>, rows: usize) -> Result<Option<Vec<bool>>, DataError> {
    let judges = holdout.map(|holdout| holdout.judges(NAME, rows as u64));
    judges.transpose()
}

fn encoding(features: u64, labels: &Labels, scaling: Scaling) -> Encoding {
    Encoding {
        dataset: NAME.into(),
        features,
        target_name: None,
        target: labels.target(),
        columns: Vec::new(),
        scaling,
    }
}

/// All rows of some files, and how many have a label of their own.
fn read_all(
    files: &Files,
    folder: &Path,
    features_max: u64,
    judge: &mut Judge,
) -> Result<(Columns, u64), DataError> {
    let mut rows = Columns::new();
    let labelled = read(files, folder, features_max, judge, &mut |piece| {
        rows.append(&piece);
        Ok(())
    })?;
    Ok((rows, labelled))
}

/// Refuses rows to train on whose labels are all the same.
fn check_labels(alike: &Alike, files: &Files, folder: &Path) -> Result<(), DataError> {
    let Some(only) = alike.only() else {
        return Ok(());
    };
    let paths = files.resolve(folder)?;
    Err(refuse(format!(
        "expected two or more different labels in {}, found only {only}; name rows whose labels differ with \
         `train` in [data]",
        named(paths.iter().map(AsRef::as_ref))
    )))
}

fn labels_of(judge: &Judge) -> &Labels {
    match judge {
        Judge::Train(labels) => labels,
        Judge::Known { .. } => unreachable!("the rows of a job judge themselves"),
    }
}

/// Reads files for a model that was trained before. A row may begin with its first pair where labels
/// are optional.
fn reopen(again: &Reopening<'_>) -> Result<Reopened, DataError> {
    let Reopening {
        encoding,
        files,
        folder,
        labels,
        ..
    } = again;
    files.check(NAME, "files")?;
    let mut judge = Judge::Known {
        target: encoding.target.clone(),
        labels: *labels,
    };
    let (mut columns, labelled) = read_all(files, folder, FEATURES_MAX, &mut judge)?;
    let unseen = columns.leave_out_from(encoding.features);
    columns.scale(&encoding.scaling);
    let task = encoding.target.task();
    Ok(Reopened {
        rows: Arc::new(InMemory::new(columns, encoding.features, task)),
        labelled,
        notes: note_unseen("the rows", encoding.features, unseen)
            .into_iter()
            .collect(),
    })
}

/// What the user is told of values that were left out; nothing if there are none.
fn note_unseen(which: &str, features: u64, unseen: LeftOut) -> Option<String> {
    let LeftOut { values, rows } = unseen;
    (0 < values).then(|| {
        format!(
            "values with an index above {features}, the largest of the training data, are ignored: \
             {values}, in {rows} of {which}; set `features` in [data] to say how many there are"
        )
    })
}
