//! The rows of libsvm files, one file after the other, each parsed in blocks by several threads.
//!
//! As with CSV files, a block whose labels were judged with less than was known at its turn is parsed
//! once more, so that what is read, and the first error, are those of one thread.

use std::{path::Path, sync::Arc};

use memchr::memchr;

use super::line::parse_row;
use crate::data::{
    DataError, Files, LineProblem, Target,
    encoding::{LabelsIn, placeholder},
    in_memory::{Columns, RowSink},
    in_order::{InOrder, in_order},
    labels::Labels,
    source::{Block, Blocks, Cut, Source},
};

/// Who says what a label means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Judge {
    /// Rows of a job: their own labels settle how labels are written. They stay as written.
    Train(Labels),
    /// Rows for a model that exists: the labels become those of the task.
    Known {
        /// How labels are written.
        target: Target,
        /// Whether rows may come without.
        labels: LabelsIn,
    },
}

impl Judge {
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
            (Self::Known { target, .. }, Some(label)) => {
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

/// The rows of a block.
#[derive(Debug)]
struct Piece {
    rows: Columns,
    /// How many have a label of their own.
    labelled: u64,
    /// What it knows behind them.
    judge: Judge,
}

/// Reads all files. Labels are as the judge keeps them. Answers how many rows have one of their own.
pub(super) fn read(
    files: &Files,
    folder: &Path,
    features_max: u64,
    judge: &mut Judge,
    sink: &mut RowSink<'_>,
) -> Result<u64, DataError> {
    let mut labelled = 0;
    for path in files.resolve(folder)? {
        let mut blocks = Blocks::of(Source::open(&path)?, Cut::Lines);
        let path = blocks.path().to_owned();
        let parse = |block: &Block, judge: Judge| parse_block(block, &path, features_max, judge);
        let mut reading = Reading {
            blocks: &mut blocks,
            parse: &parse,
            judge: Arc::new(judge.clone()),
            rows: 0,
            labelled: 0,
            sink: &mut *sink,
        };
        in_order(&mut reading, |(block, used): (Block, Arc<Judge>)| {
            let piece = parse(&block, Judge::clone(&used));
            (block, used, piece)
        })?;
        if reading.rows == 0 {
            return Err(DataError::Empty { path });
        }
        labelled += reading.labelled;
        *judge = Judge::clone(&reading.judge);
    }
    Ok(labelled)
}

fn parse_block(
    block: &Block,
    path: &Path,
    features_max: u64,
    mut judge: Judge,
) -> Result<Piece, DataError> {
    let (mut rows, mut labelled) = (Columns::new(), 0);
    let labels_in = judge.labels_in();
    let (mut rest, mut number) = (&block.text[..], block.line);
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let misfit = |(column, problem)| DataError::Line {
            path: path.to_owned(),
            line: number,
            column,
            problem,
        };
        let row = parse_row(line, features_max, labels_in, &mut rows);
        if let Some((label, column)) = row.map_err(misfit)? {
            labelled += u64::from(label.is_some());
            let label = judge.judge(label, path, number);
            rows.close(label.map_err(|problem| misfit((column, problem)))?);
        }
        rest = &rest[rest.len().min(end + 1)..];
        number += 1;
    }
    Ok(Piece {
        rows,
        labelled,
        judge,
    })
}

/// One file on its way to rows.
struct Reading<'r, 's> {
    blocks: &'r mut Blocks,
    parse: &'r dyn Fn(&Block, Judge) -> Result<Piece, DataError>,
    judge: Arc<Judge>,
    rows: usize,
    labelled: u64,
    sink: &'r mut RowSink<'s>,
}

impl InOrder for Reading<'_, '_> {
    type Job = (Block, Arc<Judge>);
    type Done = (Block, Arc<Judge>, Result<Piece, DataError>);

    fn next(&mut self) -> Result<Option<Self::Job>, DataError> {
        let block = self.blocks.next_block()?;
        Ok(block.map(|block| (block, Arc::clone(&self.judge))))
    }

    fn take(&mut self, (block, used, piece): Self::Done) -> Result<(), DataError> {
        let piece = match used == self.judge {
            true => piece?,
            false => (self.parse)(&block, Judge::clone(&self.judge))?,
        };
        if piece.judge != *self.judge {
            self.judge = Arc::new(piece.judge);
        }
        self.rows += piece.rows.rows();
        self.labelled += piece.labelled;
        (self.sink)(piece.rows)
    }
}
