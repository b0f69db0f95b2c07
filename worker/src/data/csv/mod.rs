//! CSV and TSV files: one row per record, one column of it the target, the others features. The data set
//! `parquet` has the same keys and goes the same way, from typed columns instead of text.
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
//! | `scale` | `"none"` | of numbers: `"standard"`, `"minmax"`, `"maxabs"` |
//! | `target_scale` | `"none"` | of real labels: `"standard"` |
//! | `cache`, `cache_memory_mb` | none, 64 | the rows in a compact file: `data::cache` |
//! | `task`, `classes`, `label_positive` | | what labels that are numbers mean, as for `libsvm` |
//! | `labels` | | the words for the classes, in their order |
//!
//! Source of the format: RFC 4180.

pub(super) mod dialect;
mod input;
mod encode;
pub(super) mod keys;
mod learn;
mod moments;
mod plain;
mod prefix;
mod reading;
mod records;
mod settle;
mod table;
mod typed;
mod words;

use std::{path::Path, sync::Arc};

#[cfg(feature = "parquet")]
pub(super) use self::typed::{Texts, Values};
pub(super) use self::{
    dialect::TARGETS,
    keys::Format,
    learn::target_of_numbers,
    prefix::{Survey, learn_parquet, learn_prefix, survey},
    typed::Cells,
};
use self::{
    encode::{Encoder, Unseen},
    input::Input,
    keys::Keys,
    reading::pass,
    settle::settle,
    table::{Column, Spec, State, Want},
};
use super::{
    ColumnEncoding, ColumnKind, DataError, Dataset, DatasetEntry, Encoding, Files, InMemory,
    LabelsIn, Loaded, Reopened, Reopening,
    cache::{self, CachePlan, CacheWriter},
    encoding::placeholder,
    in_memory::{Columns, RowSink},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: "csv",
    about: "CSV and TSV files of your own: numbers, categories, missing values",
    keys: "train = \"train.csv\"\ntest = \"test.csv\"\nholdout = 0.1\nholdout_seed = 0\ntarget = \"label\"\n\
           ignore = []\ndelimiter = \"auto\"\nheader = \"auto\"\ncategorical = \"auto\"\nencoding = \"index\"\n\
           hash_bits = 16\nmissing = [\"\", \"NA\", \"NaN\", \"?\", \"null\"]\nscale = \"none\"\ntarget_scale = \"none\"\n\
           labels = [\"no\", \"yes\"]\ntask = \"real\"\nclasses = 3\nlabel_positive = [1]\n\
           cache = true\ncache_memory_mb = 64",
    exclusive: &[
        "holdout",
        "holdout_seed",
        "hash_bits",
        "task",
        "classes",
        "label_positive",
    ],
    check: |keys| check(Format::Text, keys),
    load: |keys, folder| load(Format::Text, keys, folder),
    reopen: Some(|again| reopen(Format::Text, again)),
};

/// Feature numbers are 32-bit everywhere.
const FEATURES_MAX: u64 = 1 << 32;

fn inputs(keys: &Keys, files: &Files, folder: &Path) -> Result<Vec<Input>, DataError> {
    let paths = files.resolve(folder)?.into_iter();
    paths.map(|path| Input::new(path, keys.format)).collect()
}

/// Judges the keys of a data set of columns.
pub(super) fn check(format: Format, table: &toml::Table) -> Result<(), DataError> {
    Keys::of(format, table).map(drop)
}

/// Loads the rows of files with columns.
pub(super) fn load(
    format: Format,
    table: &toml::Table,
    folder: &Path,
) -> Result<Loaded, DataError> {
    let keys = Keys::of(format, table)?;
    let dataset = format.dataset();
    if let Some(cache) = &keys.cache {
        let files = [&keys.train].into_iter().chain(&keys.test);
        let plan = cache.plan(dataset, table, &files.collect::<Vec<_>>(), folder)?;
        let convert = |plan: &CachePlan| convert(&keys, folder, plan);
        return cache::load(&plan, dataset, keys.holdout, convert);
    }
    let inputs = inputs(&keys, &keys.train, folder)?;
    let mut notes = Vec::new();
    let settled = settle(&inputs, &keys, true, &mut notes)?;
    let encoding = settled.encoding.clone();
    let mut rows = Columns::new();
    settled.each(&mut |piece| {
        rows.append(&piece);
        Ok(())
    })?;
    let mut train = in_memory(rows, &encoding);
    let mut test = None;
    if let Some(holdout) = keys.holdout {
        let [trained, judging] = holdout.split(dataset, &train)?;
        (train, test) = (trained, Some(judging));
    }
    if let Some(files) = &keys.test {
        let again = reopened(&keys, &encoding, files, folder, LabelsIn::Needed)?;
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

/// Writes the cache of a plan: the files are read for each step anew, and never held.
fn convert(keys: &Keys, folder: &Path, plan: &CachePlan) -> Result<(), DataError> {
    let mut notes = Vec::new();
    let trained = inputs(keys, &keys.train, folder)?;
    let settled = settle(&trained, keys, false, &mut notes)?;
    let encoding = settled.encoding.clone();
    let mut writer = CacheWriter::create(plan, &encoding)?;
    writer.begin_part(false);
    settled.each(&mut |piece| writer.push(&piece))?;
    writer.end_part()?;
    if let Some(files) = &keys.test {
        let judging = inputs(keys, files, folder)?;
        writer.begin_part(false);
        let mut sink = |piece: Columns| writer.push(&piece);
        let (_, more) = read_known(keys, &encoding, &judging, LabelsIn::Needed, &mut sink)?;
        writer.end_part()?;
        notes.extend(more);
    }
    writer.finish(&notes)
}

fn in_memory(rows: Columns, encoding: &Encoding) -> Arc<dyn Dataset> {
    let set = InMemory::new(rows, encoding.features, encoding.target.task());
    let unit = encoding.target.unit();
    Arc::new(set.with_fields(encoding.fields()).with_label_unit(unit))
}

/// Reads other files with columns as the training files were read.
pub(super) fn reopen(format: Format, again: &Reopening<'_>) -> Result<Reopened, DataError> {
    let keys = Keys::of(format, again.keys)?;
    again.files.check(format.dataset(), "files")?;
    reopened(
        &keys,
        again.encoding,
        again.files,
        again.folder,
        again.labels,
    )
}

fn reopened(
    keys: &Keys,
    encoding: &Encoding,
    files: &Files,
    folder: &Path,
    labels: LabelsIn,
) -> Result<Reopened, DataError> {
    let inputs = inputs(keys, files, folder)?;
    let mut rows = Columns::new();
    let (labelled, notes) = read_known(keys, encoding, &inputs, labels, &mut |piece| {
        rows.append(&piece);
        Ok(())
    })?;
    Ok(Reopened {
        rows: in_memory(rows, encoding),
        labelled,
        notes,
    })
}

/// Reads files as the encoding says: how many rows have a label, and what the user should know.
fn read_known(
    keys: &Keys,
    encoding: &Encoding,
    inputs: &[Input],
    labels: LabelsIn,
    sink: &mut RowSink<'_>,
) -> Result<(u64, Vec<String>), DataError> {
    let want = |column: &ColumnEncoding| match &column.kind {
        ColumnKind::Number { .. } => Want::Numbers,
        ColumnKind::Index(_) => Want::Words,
        ColumnKind::Hash { bits } => Want::Hashed(*bits),
    };
    let mut specs: Vec<Spec> = encoding
        .columns
        .iter()
        .map(|column| Spec {
            name: column.name.clone(),
            want: want(column),
        })
        .collect();
    specs.push(Spec {
        name: encoding.target_name.clone().unwrap_or_default(),
        want: Want::Known(Arc::new(encoding.target.clone()), labels),
    });
    let none = placeholder(&encoding.target);
    let mut encoder = Encoder::new(&encoding.columns);
    let (mut labelled, mut unseen) = (0, Unseen::default());
    let start = State::new(&specs, None);
    pass(inputs, keys, &specs, start, &mut |words, table| {
        encoder.learn(words);
        let Some(Column::Labels(found)) = table.columns.last() else {
            unreachable!("the target is the last column, and known")
        };
        labelled += found.iter().filter(|label| !label.is_nan()).count() as u64;
        let label = |label: &f32| if label.is_nan() { none } else { *label };
        let labels: Vec<f32> = found.iter().map(label).collect();
        let (rows, none_seen) = encoder.encode(&table, &labels);
        unseen.add(none_seen);
        sink(rows)
    })?;
    Ok((labelled, note_unseen(unseen).into_iter().collect()))
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
