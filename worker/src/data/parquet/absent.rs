//! Parquet in a program that was built without it: no file can be opened.

use std::path::Path;

use super::Kind;
use crate::data::{DataError, LineProblem, csv::Cells};

/// What there is none of. It hides in a private field: to others it may be there.
#[derive(Clone, Copy, Debug)]
enum Never {}

/// A Parquet file; there is none.
#[derive(Clone, Debug)]
pub(in crate::data) struct ParquetFile(Never);

/// The rows of a file, piece by piece; there are none.
#[derive(Debug)]
pub(in crate::data) struct Pieces(Never);

/// Some rows of a file; there are none.
#[derive(Debug)]
pub(in crate::data) struct RowPiece(Never);

impl ParquetFile {
    /// Refuses, with the way to build a program that can.
    pub(in crate::data) fn open(path: &Path) -> Result<Self, DataError> {
        Err(DataError::Feature {
            path: path.to_owned(),
            what: "Parquet files",
            feature: "parquet",
        })
    }

    pub(in crate::data) fn path(&self) -> &Path {
        match self.0 {}
    }

    pub(in crate::data) fn names(&self) -> Vec<String> {
        match self.0 {}
    }

    pub(in crate::data) fn refused(&self) -> Vec<(String, String)> {
        match self.0 {}
    }

    pub(in crate::data) fn head(&self, _rows: u64) -> Self {
        match self.0 {}
    }

    pub(in crate::data) fn pieces(&self) -> Pieces {
        match self.0 {}
    }

    pub(in crate::data) fn kind(&self, _name: &str) -> Result<Kind, DataError> {
        match self.0 {}
    }
}

impl Iterator for Pieces {
    type Item = RowPiece;

    fn next(&mut self) -> Option<RowPiece> {
        match self.0 {}
    }
}

impl RowPiece {
    pub(in crate::data) fn path(&self) -> &Path {
        match self.0 {}
    }

    pub(in crate::data) fn rows(&self) -> usize {
        match self.0 {}
    }

    pub(in crate::data) fn place(&self, _row: usize) -> String {
        match self.0 {}
    }

    pub(in crate::data) fn error(
        &self,
        _row: usize,
        _column: &str,
        _problem: LineProblem,
    ) -> DataError {
        match self.0 {}
    }

    pub(in crate::data) fn cells(&self, _column: usize) -> Result<Cells, DataError> {
        match self.0 {}
    }
}
