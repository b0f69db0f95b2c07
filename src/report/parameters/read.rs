//! Parameters read back from a safetensors file: ours, or one that another program wrote with the same
//! names and shapes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use thalweg_common::layout::ParameterLayout;
use thalweg_common::registry::most_similar;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::shape::Shape;

/// Why a file is none of this model's parameters.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system refused.
    #[error("{}: {source}; name a safetensors file such as runs/latest/parameters.safetensors", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no such file.
    #[error("{}: expected a safetensors file, found something else ({source})", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// It is of another model, whatever its tensors are called.
    #[error(
        "{}: expected parameters of the model `{expected}`, found those of `{found}`; name a file of the \
         same [model]",
        path.display()
    )]
    Model {
        /// The file.
        path: PathBuf,
        /// The model that is to have them.
        expected: String,
        /// The one that had them.
        found: String,
    },
    /// A tensor of the model is not in it.
    #[error(
        "{}: expected the tensor `{name}` of this model, found none{}; it has: {found}; was it trained \
         with another [model]?",
        path.display(),
        .suggestion.as_ref().map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The one in the file that is most like it.
        suggestion: Option<String>,
        /// What the file has.
        found: String,
    },
    /// A tensor that the model does not have.
    #[error(
        "{}: expected the tensors of this model only, found `{name}` beside them; was it trained with \
         another [model]?",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor of another shape or type.
    #[error(
        "{}: expected the tensor `{name}` as F32 {expected:?}, found {dtype:?} {found:?}; was it trained on \
         other data or with another [model]?",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that the model has in a file.
        expected: Vec<u64>,
        /// The type in the file.
        dtype: Dtype,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A number that is none.
    #[error(
        "{}: expected finite numbers, found {value} in the tensor `{name}`; the model has diverged",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The number.
        value: f32,
    },
}

/// The elements of `layout` by flat index, as the file at `path` has them, for the model of this name. A file
/// that another program wrote does not say of which model it is.
///
/// # Errors
/// [`ReadError`] if the file cannot be read or holds other tensors than the layout.
pub fn read_parameters(
    path: &Path,
    layout: &ParameterLayout,
    model: &str,
) -> Result<Vec<f32>, ReadError> {
    let bytes = bytes(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|source| ReadError::Format {
        path: path.to_owned(),
        source,
    })?;
    let about = SafeTensors::read_metadata(&bytes).ok();
    let about = about.and_then(|(_, about)| about.metadata().clone());
    let named = about.and_then(|about| about.get("model").cloned());
    if let Some(found) = named.filter(|named| named != model) {
        let (path, expected) = (path.to_owned(), model.to_owned());
        return Err(ReadError::Model {
            path,
            expected,
            found,
        });
    }
    if let Some(name) = file
        .names()
        .into_iter()
        .find(|name| layout.span(name).is_none())
    {
        // A tensor that is missing says more than one that is foreign.
        if layout
            .tensors()
            .iter()
            .all(|tensor| file.tensor(&tensor.name).is_ok())
        {
            let (path, name) = (path.to_owned(), name.to_owned());
            return Err(ReadError::Foreign { path, name });
        }
    }
    let mut values = Vec::new();
    for tensor in layout.tensors() {
        let shape = Shape::of(tensor);
        let view = file.tensor(&tensor.name).map_err(|_| {
            let names = file.names();
            ReadError::Missing {
                path: path.to_owned(),
                name: tensor.name.clone(),
                suggestion: most_similar(&tensor.name, names.iter().copied()),
                found: names.join(", "),
            }
        })?;
        let sizes = view.shape().iter().map(|size| *size as u64);
        if view.dtype() != Dtype::F32 || !sizes.eq(shape.in_file().iter().copied()) {
            return Err(ReadError::Shape {
                path: path.to_owned(),
                name: tensor.name.clone(),
                expected: shape.in_file().to_vec(),
                dtype: view.dtype(),
                found: view.shape().to_vec(),
            });
        }
        let start = values.len();
        values.resize(start + view.data().len() / 4, 0.0);
        let own = &mut values[start..];
        let (numbers, _) = view.data().as_chunks::<4>();
        for (number, place) in numbers.iter().zip(shape.places()) {
            let value = f32::from_le_bytes(*number);
            if !value.is_finite() {
                return Err(ReadError::NotFinite {
                    path: path.to_owned(),
                    name: tensor.name.clone(),
                    value,
                });
            }
            own[place] = value;
        }
    }
    Ok(values)
}

/// A hash of the file's bytes: two servers that begin with the same hash begin with the same numbers.
///
/// # Errors
/// [`ReadError::Io`].
pub fn hash_parameters(path: &Path) -> Result<u64, ReadError> {
    Ok(xxh3_64(&bytes(path)?))
}

fn bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    fs::read(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::{Fingerprint, Version};
    use thalweg_common::layout::Tensor;

    use super::*;
    use crate::report::{Provenance, write_parameters};

    fn layout(inputs: u64) -> ParameterLayout {
        ParameterLayout::new(vec![
            Tensor::trainable("weight", vec![inputs, 2]).by_input(),
            Tensor::trainable("bias", vec![2]),
        ])
        .unwrap()
    }

    fn written(values: &[f32]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.safetensors");
        let provenance = Provenance {
            model: "own".into(),
            job: "job".into(),
            fingerprint: Fingerprint(1),
            shard_version_min: Version(1),
        };
        write_parameters(&path, &layout(3), values, &provenance).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_back_element_by_element() {
        let values = [1.0, -2.0, 3.5, 4.0, 5.0, -0.0, 7.0, 8.0];
        let (_folder, path) = written(&values);
        assert_eq!(read_parameters(&path, &layout(3), "own").unwrap(), values);
        let other = read_parameters(&path, &layout(3), "another").unwrap_err();
        let text = other.to_string();
        assert!(
            text.contains("of the model `another`, found those of `own`"),
            "{text}"
        );
        let hash = hash_parameters(&path).unwrap();
        let (_other, other) = written(&[0.0; 8]);
        assert_ne!(hash, hash_parameters(&other).unwrap());
    }

    #[test]
    fn parameters_of_another_model_are_refused_by_name_and_shape() {
        let (folder, path) = written(&[0.0; 8]);
        let refused = |layout: &ParameterLayout| {
            let text = read_parameters(&path, layout, "own")
                .unwrap_err()
                .to_string();
            text.replace(&path.display().to_string(), "FILE")
        };
        assert_eq!(
            refused(&layout(4)),
            "FILE: expected the tensor `weight` as F32 [2, 4], found F32 [2, 3]; was it trained on \
             other data or with another [model]?"
        );
        let layers = ParameterLayout::new(vec![Tensor::trainable("weights", vec![3])]).unwrap();
        let text = refused(&layers);
        assert!(
            text.contains(
                "the tensor `weights` of this model, found none (did you mean `weight`?)"
            ),
            "{text}"
        );
        let fewer = ParameterLayout::new(vec![Tensor::trainable("bias", vec![2])]).unwrap();
        assert!(refused(&fewer).contains("found `weight` beside them"));
        let text = read_parameters(&folder.path().join("no"), &fewer, "own").unwrap_err();
        assert!(text.to_string().contains("name a safetensors file"));
        fs::write(&path, "no such thing").unwrap();
        assert!(refused(&fewer).starts_with("FILE: expected a safetensors file, found"));
    }

    #[test]
    fn a_model_that_has_diverged_is_no_model() {
        let (_folder, path) = written(&[0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let text = read_parameters(&path, &layout(3), "own")
            .unwrap_err()
            .to_string();
        assert!(text.contains("found NaN in the tensor `weight`"), "{text}");
    }
}
