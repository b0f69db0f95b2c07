//! What the formats of whole arrays share: images or rows of numbers in one file, labels in another.
//!
//! Every value is a feature; those that are 0 are stored as absent, which is the same to every model
//! and keeps images small.

pub mod idx;
pub mod npy;
mod scale;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(super) use self::scale::ArrayScale;
use super::{
    DataError, Dataset, Encoding, Files, InMemory, LabelsIn, Loaded, Reopened, Target,
    encoding::Scaling, holdout::Holdout, in_memory::Columns,
};

/// Values in one file, row by row.
#[derive(Debug)]
pub(super) struct Array {
    /// The file as messages show it.
    pub(super) path: PathBuf,
    /// The length of each dimension; the first counts rows.
    pub(super) shape: Vec<u64>,
    /// As many as the product of the shape.
    pub(super) values: Values,
}

/// Values as a file holds them, brought to a type that keeps each of them.
#[derive(Debug)]
pub(super) enum Values {
    /// Bytes.
    Bytes(Vec<u8>),
    /// All other types.
    Floats(Vec<f64>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    fn get(&self, index: usize) -> f64 {
        match self {
            Self::Bytes(values) => f64::from(values[index]),
            Self::Floats(values) => values[index],
        }
    }
}

/// Reads one array file.
pub(super) type ReadArray = fn(&Path) -> Result<Array, DataError>;

/// Most classes that labels are taken for without a word of the job.
const CLASSES_AUTO_MAX: usize = 1_000;

/// What the job says about arrays, judged.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) dataset: &'static str,
    pub(super) read: ReadArray,
    pub(super) train: &'a Files,
    pub(super) train_labels: &'a Files,
    pub(super) test: Option<(&'a Files, &'a Files)>,
    pub(super) holdout: Option<Holdout>,
    pub(super) scale: ArrayScale,
    /// Whether labels are real numbers whatever their values.
    pub(super) is_real: bool,
}

fn problem(path: &Path, problem: String) -> DataError {
    DataError::Array {
        path: path.to_owned(),
        problem,
    }
}

/// Reads all files of a list and lays their rows end to end.
fn read_all(read: ReadArray, files: &Files, folder: &Path) -> Result<Array, DataError> {
    let mut whole: Option<Array> = None;
    for path in files.resolve(folder)? {
        let next = read(&path)?;
        let Some(whole) = &mut whole else {
            whole = Some(next);
            continue;
        };
        if whole.shape.get(1..) != next.shape.get(1..) {
            return Err(problem(
                &next.path,
                format!(
                    "expected rows of the shape {:?} as in {}, found {:?}; name files that go together",
                    &whole.shape[1..],
                    whole.path.display(),
                    &next.shape[1..]
                ),
            ));
        }
        whole.shape[0] += next.shape[0];
        match (&mut whole.values, next.values) {
            (Values::Bytes(values), Values::Bytes(more)) => values.extend(more),
            (Values::Floats(values), Values::Floats(more)) => values.extend(more),
            _ => {
                return Err(problem(
                    &next.path,
                    format!("expected numbers of the type of {}", whole.path.display()),
                ));
            }
        }
    }
    whole.ok_or_else(|| problem(folder, "expected a file, found none".into()))
}

/// The rows of features: their number, and how many values each has.
fn judged_rows(array: &Array) -> Result<(usize, usize), DataError> {
    let rows = usize::try_from(array.shape.first().copied().unwrap_or_default()).unwrap_or(0);
    if rows == 0 {
        return Err(DataError::Empty {
            path: array.path.clone(),
        });
    }
    let width = array.values.len() / rows;
    if array.shape.len() < 2 || width == 0 {
        return Err(problem(
            &array.path,
            format!(
                "expected an array of two or more dimensions (rows, then features), found the shape {:?}",
                array.shape
            ),
        ));
    }
    Ok((rows, width))
}

/// One label per row.
fn labels_of(
    read: ReadArray,
    files: &Files,
    folder: &Path,
    rows: usize,
) -> Result<Array, DataError> {
    let labels = read_all(read, files, folder)?;
    if labels.values.len() == rows && labels.shape.first() == Some(&(rows as u64)) {
        return Ok(labels);
    }
    Err(problem(
        &labels.path,
        format!(
            "expected {rows} labels, one per row, found the shape {:?}; name the labels that go with these \
             rows",
            labels.shape
        ),
    ))
}

#[expect(clippy::cast_possible_truncation, reason = "labels are f32")]
fn label(array: &Array, row: usize) -> f32 {
    array.values.get(row) as f32
}

/// What the values of the labels say: whole numbers without gaps from 0 or 1 are classes.
fn target_of(labels: &Array, is_real: bool) -> Result<Target, DataError> {
    let mut seen = BTreeSet::new();
    for row in 0..labels.values.len() {
        let label = label(labels, row);
        if !label.is_finite() {
            let place = format!("expected finite labels, found {label} in row {row}");
            return Err(problem(&labels.path, place));
        }
        if seen.len() <= CLASSES_AUTO_MAX {
            seen.insert((label + 0.0).to_bits());
        }
    }
    let mut distinct: Vec<f32> = seen.into_iter().map(f32::from_bits).collect();
    distinct.sort_by(f32::total_cmp);
    if let [only] = distinct[..] {
        let found = format!(
            "expected two or more different labels, found only {only}; name labels that differ in [data]"
        );
        return Err(problem(&labels.path, found));
    }
    let counts_up = distinct
        .windows(2)
        .all(|pair| (pair[0] + 1.0).to_bits() == pair[1].to_bits());
    let begins = [0.0_f32, 1.0]
        .map(f32::to_bits)
        .contains(&distinct[0].to_bits());
    let is_classes = distinct.len() == 2 || (counts_up && begins);
    if is_real || !is_classes || CLASSES_AUTO_MAX < distinct.len() {
        return Ok(Target::Real);
    }
    Ok(Target::Numbers(distinct))
}

/// The rows as they are trained on.
fn rows(
    array: &Array,
    width: usize,
    scaling: &Scaling,
    labels: impl Fn(usize) -> f32,
) -> Result<Columns, DataError> {
    let mut columns = Columns::new();
    for row in 0..array.values.len() / width {
        for feature in 0..width {
            let value = array.values.get(row * width + feature);
            let scaled = scaling.apply(feature, value);
            if !scaled.is_finite() {
                let place = format!("row {row}, value {feature} (both from 0)");
                let found = format!("expected finite 32-bit values, found {value} in {place}");
                return Err(problem(&array.path, found));
            }
            if 0.0 < scaled.abs() {
                let feature = u32::try_from(feature).expect("a row has less than 2^32 values");
                columns.push(feature, scaled);
            }
        }
        columns.close(labels(row));
    }
    Ok(columns)
}

/// Loads the arrays of a job.
pub(super) fn load(job: &Job<'_>, folder: &Path) -> Result<Loaded, DataError> {
    let array = read_all(job.read, job.train, folder)?;
    let (count, width) = judged_rows(&array)?;
    let labels = labels_of(job.read, job.train_labels, folder, count)?;
    let target = target_of(&labels, job.is_real)?;
    let judges = match job.holdout {
        Some(holdout) => Some(holdout.judges(job.dataset, count as u64)?),
        None => None,
    };
    let encoding = Encoding {
        dataset: job.dataset.into(),
        features: width as u64,
        target_name: None,
        scaling: job.scale.learn(&array, width, judges.as_deref()),
        target,
        columns: Vec::new(),
    };
    let known = |row| encoding.target.label_of_number(label(&labels, row));
    let own = |row| known(row).expect("the target was made from these labels");
    let columns = rows(&array, width, &encoding.scaling, own)?;
    let task = encoding.target.task();
    let mut train: Arc<dyn Dataset> = Arc::new(InMemory::new(columns, width as u64, task));
    let mut test = None;
    if let Some(holdout) = job.holdout {
        let [trained, judging] = holdout.split(job.dataset, &train)?;
        (train, test) = (trained, Some(judging));
    }
    if let Some((files, labels)) = job.test {
        let again = read_known(job.read, &encoding, (files, Some(labels)), folder)?;
        test = Some(again.rows);
    }
    let names = encoding.target.class_names();
    let note = match &names[..] {
        [] => "the labels are read as real numbers".to_owned(),
        [lower, upper] => format!("of the labels, {upper} is +1 and {lower} is -1"),
        _ => format!(
            "the labels are {} classes: {}",
            names.len(),
            encoding.target.shown()
        ),
    };
    Ok(Loaded {
        train,
        test,
        notes: vec![note],
        encoding: Some(encoding),
    })
}

/// Reads arrays as the encoding says; without labels every row has one of no meaning.
fn read_known(
    read: ReadArray,
    encoding: &Encoding,
    (files, label_files): (&Files, Option<&Files>),
    folder: &Path,
) -> Result<Reopened, DataError> {
    let array = read_all(read, files, folder)?;
    let (count, width) = judged_rows(&array)?;
    if width as u64 != encoding.features {
        let expected = encoding.features;
        let found = format!(
            "expected {expected} values per row as in the training data, found {width} (shape {:?})",
            array.shape
        );
        return Err(problem(&array.path, found));
    }
    let task = encoding.target.task();
    let mut own = vec![super::encoding::placeholder(&encoding.target); count];
    if let Some(files) = label_files {
        let labels = labels_of(read, files, folder, count)?;
        for (row, own) in own.iter_mut().enumerate() {
            let written = label(&labels, row);
            *own = encoding.target.label_of_number(written).ok_or_else(|| {
                let expected = encoding.target.shown();
                let found = format!(
                    "expected labels of the training data ({expected}), found {written} in row {row} (from 0)"
                );
                problem(&labels.path, found)
            })?;
        }
    }
    let columns = rows(&array, width, &encoding.scaling, |row| own[row])?;
    Ok(Reopened {
        rows: Arc::new(InMemory::new(columns, width as u64, task)),
        labelled: if label_files.is_some() {
            count as u64
        } else {
            0
        },
        notes: Vec::new(),
    })
}

/// Reads other arrays: the first path is the rows, the second, if there is one, their labels.
pub(super) fn reopen(
    dataset: &'static str,
    read: ReadArray,
    again: &super::Reopening<'_>,
) -> Result<Reopened, DataError> {
    let files = again.files.each();
    let (rows, labels) = match (&files[..], again.labels) {
        ([rows], LabelsIn::Optional) => (rows, None),
        ([rows, labels], _) => (rows, Some(labels)),
        (found, needed) => {
            let expected = match needed {
                LabelsIn::Needed => "two files, the rows and their labels",
                LabelsIn::Optional => "one file of rows, or two, the rows and their labels",
            };
            return Err(DataError::Options {
                dataset,
                problem: format!("expected {expected}, found {}", found.len()),
            });
        }
    };
    read_known(read, again.encoding, (rows, labels), again.folder)
}
