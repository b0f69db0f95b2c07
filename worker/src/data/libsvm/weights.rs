//! How much each row counts: a file beside the rows with one number per line, in their order.
//!
//! Blank lines and what follows `#` are nothing, as in the file of rows.
//!
//! Source: the weight files of "Weights for data instances", LIBSVM tools, option `-W`.

use std::path::{Path, PathBuf};

use crate::data::{DataError, Files, LineProblem, number::parse, source::Lines};

/// Reads the weights of so many rows.
///
/// # Errors
/// [`DataError`] when a file cannot be read, a line is no finite number of at least 0, or there are
/// not as many weights as rows.
pub(super) fn read(files: &Files, folder: &Path, rows: usize) -> Result<Vec<f32>, DataError> {
    let mut weights = Vec::new();
    let mut last = PathBuf::new();
    for path in files.resolve(folder)? {
        let mut lines = Lines::open(&path)?;
        last = lines.path().to_owned();
        while let Some((line, text)) = lines.next_line()? {
            let word = text.split(|byte| *byte == b'#').next().unwrap_or_default();
            let word = word.trim_ascii();
            if word.is_empty() {
                continue;
            }
            let weight = parse(word).filter(|weight| 0.0 <= *weight && weight.is_finite());
            weights.push(weight.ok_or_else(|| DataError::Line {
                path: last.clone(),
                line,
                column: 1,
                problem: LineProblem::Weight {
                    found: String::from_utf8_lossy(word).chars().take(40).collect(),
                },
            })?);
        }
    }
    if weights.len() != rows {
        return Err(DataError::Weights {
            path: last,
            rows,
            found: weights.len(),
        });
    }
    Ok(weights)
}
