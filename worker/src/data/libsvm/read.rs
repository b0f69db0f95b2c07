//! The rows of libsvm files, one file after the other.

use std::path::Path;

use super::{NAME, line::parse_row};
use crate::data::{
    DataError, Files, LineProblem, Target,
    encoding::{LabelsIn, placeholder},
    in_memory::Columns,
    labels::Labels,
    source::Lines,
};

/// Who says what a label means.
#[derive(Debug)]
pub(super) enum Judge<'a> {
    /// Rows of a job: their own labels settle how labels are written. They stay as written.
    Train(&'a mut Labels),
    /// Rows for a model that exists: the labels become those of the task.
    Known {
        /// How labels are written.
        target: &'a Target,
        /// Whether rows may come without.
        labels: LabelsIn,
        /// Counts the rows that have one.
        labelled: &'a mut u64,
    },
}

impl Judge<'_> {
    /// Whether a row may begin with `index:value`.
    fn labels_in(&self) -> LabelsIn {
        match self {
            Self::Train(_) => LabelsIn::Needed,
            Self::Known { labels, .. } => *labels,
        }
    }

    /// The label to keep for one that was read, at `path:line`; `None` for a row without.
    fn judge(&mut self, label: Option<f32>, path: &Path, line: u64) -> Result<f32, LineProblem> {
        match (self, label) {
            (Self::Train(labels), Some(label)) => labels
                .accept(label, || format!("{}:{line}", path.display()))
                .map(|()| label),
            (Self::Train(_), None) => unreachable!("rows to train on have labels"),
            (Self::Known { target, .. }, None) => Ok(placeholder(target)),
            (
                Self::Known {
                    target, labelled, ..
                },
                Some(label),
            ) => {
                **labelled += 1;
                target
                    .label_of_number(label)
                    .ok_or_else(|| LineProblem::LabelRange {
                        expected: format!("a label of the training data ({})", target.shown()),
                        found: label.to_string(),
                        mend: "mend the label",
                    })
            }
        }
    }
}

/// Reads all files. Labels are as the judge keeps them.
pub(super) fn read(
    files: &Files,
    folder: &Path,
    features_max: u64,
    judge: &mut Judge<'_>,
) -> Result<Columns, DataError> {
    let mut columns = Columns::new();
    for path in files.resolve(folder)? {
        let before = columns.rows();
        let mut lines = Lines::open(&path)?;
        let path = lines.path().to_owned();
        while let Some((number, line)) = lines.next_line()? {
            let misfit = |(column, problem)| DataError::Line {
                path: path.clone(),
                line: number,
                column,
                problem,
            };
            let row = parse_row(line, features_max, judge.labels_in(), &mut columns);
            let Some((label, column)) = row.map_err(misfit)? else {
                continue;
            };
            let label = judge.judge(label, &path, number);
            columns.close(label.map_err(|problem| misfit((column, problem)))?);
        }
        if columns.rows() == before {
            return Err(DataError::Empty { path });
        }
    }
    debug_assert!(0 < columns.rows(), "{NAME} files name at least one file");
    Ok(columns)
}
