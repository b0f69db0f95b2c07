//! `NumPy` files (`.npy`): rows of numbers in one file, labels in another, as `numpy.save` writes them.
//!
//! ```text
//! "\x93NUMPY", version (two bytes), header length (u16, from version 2 on u32, little-endian),
//! {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, the values
//! ```
//!
//! Types: f2, f4, f8, i1 to i8, u1 to u8 and bool, of both byte orders, in C order. Integers of eight
//! bytes beyond 2⁵³ are rounded.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `train`, `labels` | | files to train on: rows, and one label per row |
//! | `test`, `test_labels` | none | files that judge |
//! | `holdout`, `holdout_seed` | | instead of test files |
//! | `scale` | `"none"` | `"unit"`: value/255; `"standard"`, `"minmax"`, `"maxabs"` |
//! | `task` | | `"real"`: labels are no classes |
//!
//! Source: `numpy.lib.format`, versions 1.0 to 3.0.

use std::path::Path;

use serde::Deserialize;

use super::{Array, ArrayScale, Job, Values, load as load_arrays, problem, reopen};
use crate::data::{
    DataError, DatasetEntry, Files, Loaded, holdout::Holdout, labels::NamedTask,
    registry::read_keys, source::Source,
};

pub(in crate::data) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "NumPy .npy files: rows and labels",
    keys: "train = \"X_train.npy\"\nlabels = \"y_train.npy\"\ntest = \"X_test.npy\"\n\
           test_labels = \"y_test.npy\"\nholdout = 0.1\nholdout_seed = 0\nscale = \"none\"\ntask = \"real\"",
    exclusive: &["holdout", "holdout_seed"],
    check: |keys| Keys::of(keys).map(drop),
    load: |keys, folder| Keys::of(keys)?.load(folder),
    reopen: Some(|again| reopen(NAME, read, again)),
};

const NAME: &str = "npy";
const MAGIC: &[u8] = b"\x93NUMPY";

/// A file that is larger does not fit in memory twice.
const BYTES_MAX: u64 = 1 << 36;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    train: Files,
    labels: Files,
    test: Option<Files>,
    test_labels: Option<Files>,
    holdout: Option<f64>,
    holdout_seed: Option<u64>,
    scale: Option<ArrayScale>,
    task: Option<NamedTask>,
}

impl Keys {
    fn of(table: &toml::Table) -> Result<Self, DataError> {
        let keys: Self = read_keys(NAME, table)?;
        keys.train.check(NAME, "train")?;
        keys.labels.check(NAME, "labels")?;
        if keys.test.is_some() != keys.test_labels.is_some() {
            return Err(DataError::Options {
                dataset: NAME,
                problem: "expected `test` and `test_labels` together, found one of them".into(),
            });
        }
        for (files, key) in [(&keys.test, "test"), (&keys.test_labels, "test_labels")] {
            if let Some(files) = files {
                files.check(NAME, key)?;
            }
        }
        keys.holdout()?;
        Ok(keys)
    }

    fn holdout(&self) -> Result<Option<Holdout>, DataError> {
        Holdout::of_keys(NAME, self.holdout, self.holdout_seed, self.test.is_some())
    }

    fn load(&self, folder: &Path) -> Result<Loaded, DataError> {
        let job = Job {
            dataset: NAME,
            read,
            train: &self.train,
            train_labels: &self.labels,
            test: self.test.as_ref().zip(self.test_labels.as_ref()),
            holdout: self.holdout()?,
            scale: self.scale.unwrap_or(ArrayScale::None),
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
    let refuse = |text: String| problem(&path, text);
    if !bytes.starts_with(MAGIC) {
        return Err(refuse(
            "expected a NumPy .npy file (it begins with \\x93NUMPY), found other bytes; write one array \
             with numpy.save (an .npz archive holds several: unpack it)"
                .into(),
        ));
    }
    let split = match bytes.get(MAGIC.len()..) {
        Some(&[1, _, low, high, ref rest @ ..]) => {
            rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))
        }
        Some(&[2 | 3, _, a, b, c, d, ref rest @ ..]) => {
            let length = u32::from_le_bytes([a, b, c, d]);
            usize::try_from(length)
                .ok()
                .and_then(|length| rest.split_at_checked(length))
        }
        _ => None,
    };
    let Some((header, body)) = split else {
        return Err(refuse(
            "expected a whole header of version 1 to 3, found less; copy the file again".into(),
        ));
    };
    let header = String::from_utf8_lossy(header);
    let (descr, shape) = parse_header(&header).map_err(refuse)?;
    let count = shape
        .iter()
        .try_fold(1_u64, |count, length| count.checked_mul(*length));
    let (width, values) = values(&descr, body).map_err(refuse)?;
    let expected = count.and_then(|count| count.checked_mul(width));
    if expected != Some(body.len() as u64) {
        let found = body.len();
        let expected = expected.map_or("fewer".into(), |bytes| bytes.to_string());
        return Err(refuse(format!(
            "expected {expected} bytes of values for the shape {shape:?}, found {found}; copy the file again"
        )));
    }
    Ok(Array {
        path: path.clone(),
        shape,
        values,
    })
}

/// Type and shape of a header.
fn parse_header(header: &str) -> Result<(String, Vec<u64>), String> {
    let after = |key: &str| {
        let (_, rest) = header.split_once(&format!("'{key}':"))?;
        Some(rest.trim_start())
    };
    let missing = |key: &str| format!("expected `{key}` in the header, found {:?}", header.trim());
    let order = after("fortran_order").ok_or_else(|| missing("fortran_order"))?;
    if order.starts_with("True") {
        return Err(
            "expected rows one after the other (C order), found Fortran order; save \
             numpy.ascontiguousarray(X)"
                .into(),
        );
    }
    let descr = after("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
    let descr = descr
        .ok_or("expected one type for all values, found a structured array; save a plain one")?;
    let shape = after("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
    let lengths = shape.ok_or_else(|| missing("shape"))?.split(',');
    let lengths = lengths.map(str::trim).filter(|length| !length.is_empty());
    let shape = lengths.map(str::parse).collect::<Result<_, _>>();
    Ok((descr.to_owned(), shape.map_err(|_| missing("shape"))?))
}

/// Bytes per value, and the values; a rest that fills no value is left for the caller to see.
#[expect(
    clippy::cast_precision_loss,
    reason = "documented: beyond 2^53 values are rounded"
)]
fn values(descr: &str, body: &[u8]) -> Result<(u64, Values), String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or((descr, ""));
    let is_big = order == ">";
    Ok(match kind {
        "u1" | "b1" => (1, Values::Bytes(body.to_vec())),
        "i1" => (
            1,
            floats(body, is_big, |[byte]: [u8; 1]| {
                f64::from(byte.cast_signed())
            }),
        ),
        "i2" => (
            2,
            floats(body, is_big, |bytes| f64::from(i16::from_le_bytes(bytes))),
        ),
        "u2" => (
            2,
            floats(body, is_big, |bytes| f64::from(u16::from_le_bytes(bytes))),
        ),
        "f2" => (
            2,
            floats(body, is_big, |bytes| half(u16::from_le_bytes(bytes))),
        ),
        "i4" => (
            4,
            floats(body, is_big, |bytes| f64::from(i32::from_le_bytes(bytes))),
        ),
        "u4" => (
            4,
            floats(body, is_big, |bytes| f64::from(u32::from_le_bytes(bytes))),
        ),
        "f4" => (
            4,
            floats(body, is_big, |bytes| f64::from(f32::from_le_bytes(bytes))),
        ),
        "i8" => (
            8,
            floats(body, is_big, |bytes| i64::from_le_bytes(bytes) as f64),
        ),
        "u8" => (
            8,
            floats(body, is_big, |bytes| u64::from_le_bytes(bytes) as f64),
        ),
        "f8" => (8, floats(body, is_big, f64::from_le_bytes)),
        _ => {
            return Err(format!(
                "expected numbers (f2 to f8, i1 to i8, u1 to u8, bool), found the type '{descr}'; save \
                 X.astype(numpy.float32)"
            ));
        }
    })
}

fn floats<const BYTES: usize>(
    body: &[u8],
    is_big: bool,
    of_little: impl Fn([u8; BYTES]) -> f64,
) -> Values {
    let value = |bytes: &[u8; BYTES]| {
        let mut bytes = *bytes;
        if is_big {
            bytes.reverse();
        }
        of_little(bytes)
    };
    Values::Floats(body.as_chunks::<BYTES>().0.iter().map(value).collect())
}

/// IEEE 754 binary16: sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = ((bits >> 10) & 0x1f, f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction > 0.0 => f64::NAN,
        0x1f => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::{half, parse_header};

    #[test]
    fn headers_are_those_of_numpy() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n";
        assert_eq!(parse_header(text), Ok(("<f4".into(), vec![3, 4])));
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }";
        assert_eq!(parse_header(text), Ok(("|u1".into(), vec![7])));
        let error = |text: &str| parse_header(text).unwrap_err();
        assert!(
            error("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4)}")
                .contains("ascontiguousarray")
        );
        assert!(
            error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}")
                .contains("structured")
        );
        assert!(error("{}").contains("expected `fortran_order`"));
    }

    #[test]
    fn halves_have_the_values_of_numpy() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (1, 5.960_464_477_539_063e-8),
        ] {
            assert!((half(bits) - value).abs() < 1e-15, "{bits:x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
