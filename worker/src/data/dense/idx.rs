//! IDX files, the format of MNIST: images in one file, labels in another.
//!
//! ```text
//! 0, 0, type, dimensions; one big-endian u32 per dimension; the values, the last dimension fastest
//! type: 0x08 u8, 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64, all big-endian
//! ```
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `train_images`, `train_labels` | | files to train on |
//! | `test_images`, `test_labels` | none | files that judge |
//! | `holdout`, `holdout_seed` | | instead of test files |
//! | `scale` | `"unit"` | `"unit"`: value/255; `"none"`, `"standard"`, `"minmax"`, `"maxabs"` |
//! | `task` | | `"real"`: labels are no classes |
//!
//! Source: `LeCun`, Cortes, Burges, "The MNIST database of handwritten digits".

use std::path::Path;

use serde::Deserialize;

use super::{Array, ArrayScale, Job, Values, load as load_arrays, problem, reopen};
use crate::data::{
    DataError, DatasetEntry, Files, Loaded, holdout::Holdout, labels::NamedTask,
    registry::read_keys, source::Source,
};

pub(in crate::data) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "IDX files (MNIST): images and labels",
    keys: "train_images = \"train-images-idx3-ubyte.gz\"\ntrain_labels = \"train-labels-idx1-ubyte.gz\"\n\
           test_images = \"t10k-images-idx3-ubyte.gz\"\ntest_labels = \"t10k-labels-idx1-ubyte.gz\"\n\
           holdout = 0.1\nholdout_seed = 0\nscale = \"unit\"\ntask = \"real\"",
    exclusive: &["holdout", "holdout_seed"],
    check: |keys| Keys::of(keys).map(drop),
    load: |keys, folder| Keys::of(keys)?.load(folder),
    reopen: Some(|again| reopen(NAME, read, again)),
};

const NAME: &str = "idx";

/// A file that claims more is damaged.
const BYTES_MAX: u64 = 1 << 36;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    train_images: Files,
    train_labels: Files,
    test_images: Option<Files>,
    test_labels: Option<Files>,
    holdout: Option<f64>,
    holdout_seed: Option<u64>,
    scale: Option<ArrayScale>,
    task: Option<NamedTask>,
}

impl Keys {
    fn of(table: &toml::Table) -> Result<Self, DataError> {
        let keys: Self = read_keys(NAME, table)?;
        keys.train_images.check(NAME, "train_images")?;
        keys.train_labels.check(NAME, "train_labels")?;
        if keys.test_images.is_some() != keys.test_labels.is_some() {
            return Err(DataError::Options {
                dataset: NAME,
                problem: "expected `test_images` and `test_labels` together, found one of them"
                    .into(),
            });
        }
        for (files, key) in [
            (&keys.test_images, "test_images"),
            (&keys.test_labels, "test_labels"),
        ] {
            if let Some(files) = files {
                files.check(NAME, key)?;
            }
        }
        keys.holdout()?;
        Ok(keys)
    }

    fn holdout(&self) -> Result<Option<Holdout>, DataError> {
        let has_test = self.test_images.is_some();
        Holdout::of_keys(NAME, self.holdout, self.holdout_seed, has_test)
    }

    fn load(&self, folder: &Path) -> Result<Loaded, DataError> {
        let job = Job {
            dataset: NAME,
            read,
            train: &self.train_images,
            train_labels: &self.train_labels,
            test: self.test_images.as_ref().zip(self.test_labels.as_ref()),
            holdout: self.holdout()?,
            scale: self.scale.unwrap_or(ArrayScale::Unit),
            is_real: self.task == Some(NamedTask::Real),
        };
        load_arrays(&job, folder)
    }
}

/// Reads one file.
fn read(path: &Path) -> Result<Array, DataError> {
    let source = Source::open(path)?;
    let path = source.path().to_owned();
    let bytes = source.read_all(BYTES_MAX)?;
    let (kind, dimensions) = match bytes[..] {
        [
            0,
            0,
            kind @ (0x08 | 0x09 | 0x0b..=0x0e),
            dimensions @ 1..=8,
            ..,
        ] => (kind, dimensions),
        _ => {
            let start = &bytes[..bytes.len().min(4)];
            let found = format!(
                "expected an IDX file (two zero bytes, a type, the number of dimensions), found the bytes \
                 {start:02x?}; name an IDX file, plain, gzip or zstd"
            );
            return Err(problem(&path, found));
        }
    };
    let header = 4 + 4 * usize::from(dimensions);
    let cut = |expected: u64| {
        let found = bytes.len();
        let text = format!("expected {expected} bytes, found {found}; copy the file again");
        problem(&path, text)
    };
    let Some(lengths) = bytes.get(4..header) else {
        return Err(cut(header as u64));
    };
    let shape: Vec<u64> = lengths
        .as_chunks::<4>()
        .0
        .iter()
        .map(|length| u64::from(u32::from_be_bytes(*length)))
        .collect();
    let body = &bytes[header..];
    let width = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0e => 8,
        _ => 4,
    };
    let count = shape
        .iter()
        .try_fold(1_u64, |count, length| count.checked_mul(*length));
    let expected = count.and_then(|count| count.checked_mul(width));
    if expected != Some(body.len() as u64) {
        return Err(cut(expected
            .unwrap_or(u64::MAX)
            .saturating_add(header as u64)));
    }
    let values = match kind {
        0x08 => Values::Bytes(body.to_vec()),
        0x09 => floats(body, |[byte]: [u8; 1]| f64::from(byte.cast_signed())),
        0x0b => floats(body, |bytes| f64::from(i16::from_be_bytes(bytes))),
        0x0c => floats(body, |bytes| f64::from(i32::from_be_bytes(bytes))),
        0x0d => floats(body, |bytes| f64::from(f32::from_be_bytes(bytes))),
        _ => floats(body, f64::from_be_bytes),
    };
    Ok(Array {
        path,
        shape,
        values,
    })
}

fn floats<const BYTES: usize>(body: &[u8], of: impl Fn([u8; BYTES]) -> f64) -> Values {
    Values::Floats(
        body.as_chunks::<BYTES>()
            .0
            .iter()
            .map(|bytes| of(*bytes))
            .collect(),
    )
}
