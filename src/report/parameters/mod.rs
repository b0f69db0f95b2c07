//! The final parameters as a safetensors file: named tensors with their shapes, read by every
//! framework, unable to hold code.
//!
//! ```text
//! N: u64, little-endian | header: N bytes of JSON, padded with blanks | f32 values, little-endian
//! ```
//!
//! A weight whose rows are inputs lies in the file as torch has it, `[outputs, inputs]`, so that the file
//! loads into a `torch.nn.Linear` of that name; [`Shape`] says how.
//!
//! The file is written here and not by the `safetensors` crate, which writes metadata in the order
//! of a hash map: the same parameters must give the same bytes. Tests read it with that crate.
//!
//! Source: the format's description, <https://github.com/huggingface/safetensors#format>.

mod read;
mod shape;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use thalweg_common::ids::{Fingerprint, Version};
use thalweg_common::layout::ParameterLayout;
use thiserror::Error;

pub use read::{ReadError, hash_parameters, read_parameters};

use self::shape::Shape;
use super::FileError;
use super::atomic::write_whole;

/// Where parameters come from; kept as the file's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The job's name.
    pub job: String,
    /// The name of its model.
    pub model: String,
    /// The fingerprint of the resolved job.
    pub fingerprint: Fingerprint,
    /// The least version of the shards that were read.
    pub shard_version_min: Version,
}

/// Rises when a metadata key changes its meaning or goes away, or a tensor's place in the file does;
/// `docs/REPORT.md` lists the keys.
const PARAMETERS_SCHEMA_VERSION: u32 = 2;

/// Why parameters were not written.
#[derive(Debug, Error)]
pub enum ParametersError {
    /// The values are not those of the layout.
    #[error(
        "expected the {expected} elements of the layout, found {found} values: pull every shard \
         of the job before its parameters are written"
    )]
    Count {
        /// Elements of the layout.
        expected: u64,
        /// Values given.
        found: u64,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Serialize)]
struct TensorEntry<'a> {
    dtype: &'static str,
    shape: &'a [u64],
    /// Bytes from the end of the header.
    data_offsets: [u64; 2],
}

/// Writes the tensors of `layout` to `path`, whole or not at all. `values` holds the elements by
/// flat index.
///
/// # Errors
/// [`ParametersError`] if there are more or fewer values than elements, or the file cannot be
/// written.
///
/// # Panics
/// Never: values that are in memory have places there.
pub fn write_parameters(
    path: &Path,
    layout: &ParameterLayout,
    values: &[f32],
    provenance: &Provenance,
) -> Result<(), ParametersError> {
    let (expected, found) = (layout.elements(), values.len() as u64);
    if expected != found {
        return Err(ParametersError::Count { expected, found });
    }
    let header = header(layout, provenance);
    Ok(write_whole(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for (span, tensor) in layout.spans() {
            let at = |flat| usize::try_from(flat).expect("the values are in memory");
            let own = &values[at(span.start)..at(span.end)];
            write_values(file, Shape::of(tensor).places().map(|place| own[place]))?;
        }
        Ok(())
    })?)
}

fn header(layout: &ParameterLayout, provenance: &Provenance) -> String {
    let metadata = BTreeMap::from([
        ("fingerprint", provenance.fingerprint.to_string()),
        ("job", provenance.job.clone()),
        ("model", provenance.model.clone()),
        ("schema_version", PARAMETERS_SCHEMA_VERSION.to_string()),
        (
            "shard_version_min",
            provenance.shard_version_min.to_string(),
        ),
        ("thalweg_version", env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    let json = |text: serde_json::Result<String>| text.expect("strings and numbers are JSON");
    let mut entries = vec![format!(
        "\"__metadata__\":{}",
        json(serde_json::to_string(&metadata))
    )];
    for (span, tensor) in layout.spans() {
        let shape = Shape::of(tensor);
        let entry = TensorEntry {
            dtype: "F32",
            shape: shape.in_file(),
            data_offsets: bytes_of(&span),
        };
        let name = json(serde_json::to_string(&tensor.name));
        entries.push(format!("{name}:{}", json(serde_json::to_string(&entry))));
    }
    let mut header = format!("{{{}}}", entries.join(","));
    // The values are aligned for readers that map the file.
    let padded = header.len().next_multiple_of(8);
    header.extend(std::iter::repeat_n(' ', padded - header.len()));
    header
}

fn bytes_of(span: &Range<u64>) -> [u64; 2] {
    [span.start, span.end].map(|element| element * 4)
}

fn write_values(file: &mut impl Write, mut values: impl Iterator<Item = f32>) -> io::Result<()> {
    values.try_for_each(|value| file.write_all(&value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use safetensors::{Dtype, SafeTensors};
    use thalweg_common::layout::Tensor;

    use super::*;
    use crate::report::documented::documented_keys;

    fn provenance() -> Provenance {
        Provenance {
            job: "a \"quoted\" job".into(),
            model: "own".into(),
            fingerprint: Fingerprint(0xabc),
            shard_version_min: Version(42),
        }
    }

    fn layout() -> ParameterLayout {
        ParameterLayout::new(vec![
            Tensor::trainable("weight", vec![3, 2]).by_input(),
            Tensor::trainable("table", vec![3, 2]),
            Tensor::trainable("line", vec![3]).by_input(),
            Tensor::trainable("empty", vec![0, 2]),
            Tensor::trainable("bias", vec![2]).unregularized(),
        ])
        .unwrap()
    }

    #[test]
    fn others_read_the_tensors_with_their_names_shapes_and_origin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.safetensors");
        let values: Vec<f32> = (0..17_u8).map(f32::from).collect();
        write_parameters(&path, &layout(), &values, &provenance()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = metadata.metadata().clone().unwrap();
        assert_eq!(metadata["job"], "a \"quoted\" job");
        assert_eq!(metadata["fingerprint"], format!("{:032x}", 0xabc));
        assert_eq!(metadata["shard_version_min"], "42");
        assert_eq!(metadata["schema_version"], "2");
        let keys: BTreeSet<&str> = metadata.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            documented_keys("parameters"),
            "docs/REPORT.md has every key"
        );
        for (name, shape, expected) in [
            // One row for each output, as in torch.
            ("weight", vec![2, 3], &[0.0, 2.0, 4.0, 1.0, 3.0, 5.0][..]),
            ("table", vec![3, 2], &values[6..12]),
            ("line", vec![1, 3], &values[12..15]),
            ("empty", vec![0, 2], &[]),
            ("bias", vec![2], &values[15..]),
        ] {
            let tensor = tensors.tensor(name).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &shape[..]));
            let expected: Vec<u8> = expected.iter().flat_map(|x| x.to_le_bytes()).collect();
            assert_eq!(tensor.data(), expected);
        }
    }

    #[test]
    fn the_same_parameters_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name| {
            let path = folder.path().join(name);
            write_parameters(&path, &layout(), &[0.5; 17], &provenance()).unwrap();
            fs::read(path).unwrap()
        };
        assert_eq!(write("a"), write("b"));
    }

    #[test]
    fn values_that_do_not_fill_the_layout_are_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.safetensors");
        let error = write_parameters(&path, &layout(), &[0.0; 16], &provenance()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("expected the 17 elements of the layout, found 16 values")
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
