//! CSV and TSV files: one row per record, one column of it the target, the others features.
//!
//! A column whose training values are all numbers becomes one feature; any other becomes categories,
//! each a feature of value 1. How is learnt from the training rows (without those that are held out)
//! and applied to all others; a category that training never saw has a feature of its own.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `train`, `test`, `holdout`, `holdout_seed` | | as for every data set of files |
//! | `target` | `label`, `target`, `y` or `class` | name of the target column, or its number from 1 |
//! | `ignore` | `[]` | columns that are not used |
//! | `delimiter` | `"auto"` | between fields; the file's name and first line decide |
//! | `header` | `"auto"` | whether the first record has names: it has if none of its fields is a number |
//! | `categorical` | `"auto"` | columns of categories; else those in which a training value is no number |
//! | `encoding`, `hash_bits` | `"index"`, 16 | a feature per category, or one of 2^`hash_bits` |
//! | `missing` | `["", "NA", "NaN", "?", "null"]` | fields that say nothing |
//! | `scale` | `"none"` | of numbers: `"standard"`, `"minmax"` |
//! | `task`, `classes`, `label_positive` | | what labels that are numbers mean, as for `libsvm` |
//! | `labels` | | the words for the classes, in their order |
//!
//! Source of the format: RFC 4180.

pub(super) mod dialect;
mod encode;
pub(super) mod keys;
mod learn;
mod prefix;
mod records;
mod table;

use std::{path::Path, sync::Arc};

use self::{
    dialect::Input,
    encode::{Unseen, encode},
    keys::{Keys, LabelKeys},
    learn::{kind_of, target_of},
    table::{Column, Spec, Table, Want, read_table, words},
};
pub(super) use self::{
    dialect::TARGETS,
    learn::target_of_numbers,
    prefix::{Survey, learn_prefix, survey},
};
use super::{
    ColumnEncoding, ColumnKind, DataError, Dataset, DatasetEntry, Encoding, Files, InMemory,
    LabelsIn, Loaded, Reopened, Reopening, Target,
    encoding::{Scaling, placeholder},
    labels::Labels,
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "CSV and TSV files of your own: numbers, categories, missing values",
    keys: "train = \"train.csv\"\ntest = \"test.csv\"\nholdout = 0.1\nholdout_seed = 0\ntarget = \"label\"\n\
           ignore = []\ndelimiter = \"auto\"\nheader = \"auto\"\ncategorical = \"auto\"\nencoding = \"index\"\n\
           hash_bits = 16\nmissing = [\"\", \"NA\", \"NaN\", \"?\", \"null\"]\nscale = \"none\"\n\
           labels = [\"no\", \"yes\"]\ntask = \"real\"\nclasses = 3\nlabel_positive = [1]",
    exclusive: &[
        "holdout",
        "holdout_seed",
        "hash_bits",
        "task",
        "classes",
        "label_positive",
    ],
    check: |keys| Keys::of(keys).map(drop),
    load,
    reopen: Some(reopen),
};

const NAME: &str = "csv";

/// Feature numbers are 32-bit everywhere.
const FEATURES_MAX: u64 = 1 << 32;

fn inputs(files: &Files, folder: &Path) -> Result<Vec<Input>, DataError> {
    let paths = files.resolve(folder)?;
    paths.into_iter().map(Input::new).collect()
}

/// The columns of the training files: those that are features, then the target.
fn specs<'a>(inputs: &[Input], keys: &Keys) -> Result<Vec<Spec<'a>>, DataError> {
    let opened = inputs[0].open(keys)?;
    // A number may name a column that has a name, too.
    let resolve = |name: &String| match name.parse::<usize>() {
        Ok(number @ 1..) if number <= opened.names.len() && !opened.names.contains(name) => {
            opened.names[number - 1].clone()
        }
        _ => name.clone(),
    };
    let resolved = |names: &[String]| names.iter().map(resolve).collect::<Vec<_>>();
    let wanted = keys.target.as_ref().map(resolve);
    let target = opened.names[dialect::target_of(wanted.as_deref(), &opened)?].clone();
    let ignored = resolved(&keys.ignore);
    let categorical = keys.categorical.as_deref().map(resolved);
    dialect::places(&ignored, &opened)?;
    dialect::places(categorical.as_deref().unwrap_or_default(), &opened)?;
    let want = |name: &String| match &categorical {
        None => Want::Auto,
        Some(list) if list.contains(name) => words(keys),
        Some(_) => Want::Numbers,
    };
    let features = opened.names.iter();
    let features = features.filter(|name| **name != target && !ignored.contains(name));
    let mut specs: Vec<Spec<'a>> = features
        .map(|name| Spec {
            name: name.clone(),
            want: want(name),
        })
        .collect();
    specs.push(Spec {
        name: target,
        want: Want::AutoTarget,
    });
    Ok(specs)
}

/// The training rows, how they are read, and their labels.
fn settle(
    inputs: &[Input],
    keys: &Keys,
    notes: &mut Vec<String>,
) -> Result<(Table, Encoding, Vec<f32>), DataError> {
    let (table, names, target, labels) = read_train(inputs, keys, notes)?;
    let judges = match keys.holdout {
        Some(holdout) => Some(holdout.judges(NAME, table.rows as u64)?),
        None => None,
    };
    let columns: Vec<ColumnEncoding> = names[..names.len() - 1]
        .iter()
        .zip(&table.columns)
        .map(|(name, column)| ColumnEncoding {
            name: name.clone(),
            kind: kind_of(column, keys, judges.as_deref()),
        })
        .collect();
    let features = columns.iter().map(|column| column.kind.features()).sum();
    if FEATURES_MAX < features || features == 0 {
        return Err(DataError::Options {
            dataset: NAME,
            problem: format!(
                "expected columns that become 1 to {FEATURES_MAX} features, found {features}; mend \
                 `ignore` or `hash_bits`"
            ),
        });
    }
    note_columns(&table, &columns, notes);
    let encoding = Encoding {
        dataset: NAME.into(),
        features,
        target_name: names.last().cloned(),
        target,
        columns,
        scaling: Scaling::None,
    };
    Ok((table, encoding, labels))
}

fn load(table: &toml::Table, folder: &Path) -> Result<Loaded, DataError> {
    let keys = Keys::of(table)?;
    let inputs = inputs(&keys.train, folder)?;
    let mut notes = Vec::new();
    let (table, encoding, labels) = settle(&inputs, &keys, &mut notes)?;
    let (rows, _) = encode(&table, &encoding.columns, &labels);
    drop(table);
    let mut train = in_memory(rows, &encoding);
    let mut test = None;
    if let Some(holdout) = keys.holdout {
        let [trained, judging] = holdout.split(NAME, &train)?;
        (train, test) = (trained, Some(judging));
    }
    if let Some(files) = &keys.test {
        let again = read_known(&keys, &encoding, files, folder, LabelsIn::Needed)?;
        notes.extend(again.notes);
        test = Some(again.rows);
    }
    Ok(Loaded {
        train,
        test,
        notes,
        encoding: Some(encoding),
    })
}

/// The training rows: their columns with the columns' names, the target last; what it means, and the
/// labels in the form of the task.
fn read_train(
    inputs: &[Input],
    keys: &Keys,
    notes: &mut Vec<String>,
) -> Result<(Table, Vec<String>, Target, Vec<f32>), DataError> {
    let mut specs = specs(inputs, keys)?;
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let last = specs.len() - 1;
    let mut judge = None;
    let listed = match &keys.labels {
        LabelKeys::Auto => None,
        LabelKeys::Words(words) => Some(Target::Words(words.clone())),
        LabelKeys::Numbers(meaning) => {
            judge = Some(Labels::new(meaning.clone()));
            None
        }
    };
    specs[last].want = match (&listed, &mut judge) {
        (Some(target), _) => Want::Known(target, LabelsIn::Needed),
        (None, Some(labels)) => Want::Judged(labels),
        (None, None) => Want::AutoTarget,
    };
    let table = read_table(inputs, keys, &mut specs)?;
    drop(specs);
    let column = &table.columns[last];
    let (target, labels) = match (listed, judge) {
        (Some(target), _) => (target, values(column).to_vec()),
        (None, Some(judge)) => {
            judge.check_train(NAME)?;
            let mut labels = values(column).to_vec();
            judge.settle(&mut labels);
            (judge.target(), labels)
        }
        (None, None) => {
            let (target, note) = target_of(&names[last], column)?;
            notes.push(note);
            let labels = labels_of(column, &target);
            (target, labels)
        }
    };
    if let [first, others @ ..] = &labels[..]
        && others
            .iter()
            .all(|label| label.to_bits() == first.to_bits())
    {
        return Err(DataError::Options {
            dataset: NAME,
            problem: format!(
                "expected labels of two or more kinds in the target column `{}`, found one only; name \
                 another column with `target` in [data]",
                names[last]
            ),
        });
    }
    Ok((table, names, target, labels))
}

fn values(column: &Column) -> &[f32] {
    match column {
        Column::Numbers(values) | Column::Labels(values) => values,
        Column::Words(_) | Column::Hashed(_) => unreachable!("a judged target is numbers"),
    }
}

/// The labels of a target that the values themselves have settled.
fn labels_of(column: &Column, target: &Target) -> Vec<f32> {
    let known = "the target was made from these values";
    match column {
        Column::Words(words) => {
            let by_id: Vec<f32> = words
                .names
                .iter()
                .map(|name| target.label_of_word(name).expect(known))
                .collect();
            words.ids.iter().map(|id| by_id[*id as usize]).collect()
        }
        Column::Numbers(_) | Column::Hashed(_) | Column::Labels(_) => values(column)
            .iter()
            .map(|value| target.label_of_number(*value).expect(known))
            .collect(),
    }
}

fn in_memory(rows: super::in_memory::Columns, encoding: &Encoding) -> Arc<dyn Dataset> {
    let set = InMemory::new(rows, encoding.features, encoding.target.task());
    Arc::new(set.with_fields(encoding.fields()))
}

/// What the user should know of columns that are not what they seem.
fn note_columns(table: &Table, columns: &[ColumnEncoding], notes: &mut Vec<String>) {
    for (index, word) in &table.turned {
        if let Some(column) = columns.get(*index) {
            let name = &column.name;
            notes.push(format!(
                "column `{name}` has numbers, but {word}: all its values are categories; list the word \
                 in `missing` in [data] to read the others as numbers"
            ));
        }
    }
    let missing = |(column, values): (&ColumnEncoding, &Column)| match values {
        Column::Numbers(values) => {
            let count = values.iter().filter(|value| value.is_nan()).count();
            (0 < count).then(|| format!("`{}` {count}", column.name))
        }
        Column::Words(_) | Column::Hashed(_) | Column::Labels(_) => None,
    };
    let counts: Vec<String> = columns
        .iter()
        .zip(&table.columns)
        .filter_map(missing)
        .collect();
    if !counts.is_empty() {
        notes.push(format!(
            "missing numbers of the training file are the mean of their column: {}",
            counts.join(", ")
        ));
    }
}

fn reopen(again: &Reopening<'_>) -> Result<Reopened, DataError> {
    let keys = Keys::of(again.keys)?;
    again.files.check(NAME, "files")?;
    read_known(
        &keys,
        again.encoding,
        again.files,
        again.folder,
        again.labels,
    )
}

/// Reads files as the encoding says.
fn read_known(
    keys: &Keys,
    encoding: &Encoding,
    files: &Files,
    folder: &Path,
    labels: LabelsIn,
) -> Result<Reopened, DataError> {
    let inputs = inputs(files, folder)?;
    let want = |column: &ColumnEncoding| match &column.kind {
        ColumnKind::Number { .. } => Want::Numbers,
        ColumnKind::Index(_) => Want::Words,
        ColumnKind::Hash { bits } => Want::Hashed(*bits),
    };
    let mut specs: Vec<Spec<'_>> = encoding
        .columns
        .iter()
        .map(|column| Spec {
            name: column.name.clone(),
            want: want(column),
        })
        .collect();
    specs.push(Spec {
        name: encoding.target_name.clone().unwrap_or_default(),
        want: Want::Known(&encoding.target, labels),
    });
    let table = read_table(&inputs, keys, &mut specs)?;
    let column = table.columns.last().expect("the target is the last column");
    let (mut found, none) = (values(column).to_vec(), placeholder(&encoding.target));
    let labelled = found.iter().filter(|label| !label.is_nan()).count() as u64;
    found
        .iter_mut()
        .filter(|label| label.is_nan())
        .for_each(|label| *label = none);
    let (rows, unseen) = encode(&table, &encoding.columns, &found);
    Ok(Reopened {
        rows: in_memory(rows, encoding),
        labelled,
        notes: note_unseen(unseen).into_iter().collect(),
    })
}

fn note_unseen(unseen: Unseen) -> Option<String> {
    let Unseen { values, rows } = unseen;
    (0 < values).then(|| {
        format!(
            "{values} values in {rows} rows are categories that the training rows do not have; they \
             share one feature per column"
        )
    })
}
