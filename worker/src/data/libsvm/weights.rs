//! How much each row counts: a file beside the rows with one number per line, in their order.
//!
//! Blank lines and what follows `#` are nothing, as in the file of rows.
//!
//! Source: the weight files of "Weights for data instances", LIBSVM tools, option `-W`.

use std::path::Path;

use super::{number::parse, source::Lines};
use crate::data::{DataError, LineProblem};

/// Reads the weights of so many rows.
///
/// # Errors
/// [`DataError`] when the file cannot be read, a line is no finite number of at least 0, or there are
/// not as many weights as rows.
pub(super) fn read(path: &Path, rows: usize) -> Result<Vec<f32>, DataError> {
    let mut lines = Lines::open(path)?;
    let mut weights = Vec::new();
    while let Some((line, text)) = lines.next_line()? {
        let word = text.split(|byte| *byte == b'#').next().unwrap_or_default();
        let word = word.trim_ascii();
        if word.is_empty() {
            continue;
        }
        let weight = parse(word).filter(|weight| 0.0 <= *weight && weight.is_finite());
        weights.push(weight.ok_or_else(|| DataError::Line {
            path: path.to_owned(),
            line,
            column: 1,
            problem: LineProblem::Weight {
                found: String::from_utf8_lossy(word).chars().take(40).collect(),
            },
        })?);
    }
    if weights.len() != rows {
        return Err(DataError::Weights {
            path: path.to_owned(),
            rows,
            found: weights.len(),
        });
    }
    Ok(weights)
}
