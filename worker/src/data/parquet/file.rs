//! A Parquet file that is open: its columns, and its rows in pieces.

use std::{
    fmt::{self, Debug},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    errors::ParquetError,
    file::{
        metadata::RowGroupMetaData,
        reader::{FileReader, SerializedFileReader},
    },
};

use super::{
    Kind,
    chunks::Chunks,
    column::{self, Place},
    schema::{Decode, TableColumn, columns},
};
use crate::data::{DataError, LineProblem, csv::Cells, source::shown};

/// Rows of a piece: large against what it costs to find the place of the next.
const PIECE_ROWS: usize = 1 << 16;

/// A row group has at most so many pieces, each of which passes over the pages before it.
const GROUP_PIECES_MAX: usize = 64;

/// A file whose foot has been read.
#[derive(Clone)]
pub(in crate::data) struct ParquetFile {
    foot: Arc<Foot>,
    /// Rows that are read at most.
    rows_max: u64,
}

struct Foot {
    /// The path as messages show it.
    path: PathBuf,
    reader: SerializedFileReader<Chunks>,
    columns: Vec<TableColumn>,
    /// The rows of each row group.
    groups: Vec<usize>,
}

/// The rows of a file, piece by piece.
#[derive(Debug)]
pub(in crate::data) struct Pieces {
    file: ParquetFile,
    group: usize,
    /// The next row in the group, and in the file.
    start: usize,
    row: u64,
}

/// Some rows of one row group.
#[derive(Debug)]
pub(in crate::data) struct RowPiece {
    file: ParquetFile,
    place: Place,
    /// The first row in the file, from 0.
    first: u64,
}

impl ParquetFile {
    /// Opens a file and reads its foot.
    pub(in crate::data) fn open(path: &Path) -> Result<Self, DataError> {
        let chunks = Chunks::open(path)?;
        let path = shown(path);
        let damaged = |error: &dyn fmt::Display| damaged(&path, "the foot", error);
        let reader =
            caught(|| SerializedFileReader::new(chunks)).map_err(|error| damaged(&error))?;
        let metadata = reader.metadata();
        for column in metadata
            .row_groups()
            .iter()
            .flat_map(RowGroupMetaData::columns)
        {
            let start = column.dictionary_page_offset().unwrap_or(0);
            if start
                .min(column.data_page_offset())
                .min(column.compressed_size())
                < 0
            {
                return Err(damaged(&"a place before the start"));
            }
        }
        let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
        let groups: Vec<usize> = rows
            .map(usize::try_from)
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(&error))?;
        let columns = columns(metadata.file_metadata().schema_descr());
        for (index, column) in columns.iter().enumerate() {
            if columns[..index]
                .iter()
                .any(|other| other.name == column.name)
            {
                return Err(DataError::Typed {
                    path,
                    problem: LineProblem::ColumnTwice {
                        name: column.name.clone(),
                    }
                    .to_string(),
                });
            }
        }
        Ok(Self {
            foot: Arc::new(Foot {
                path,
                reader,
                columns,
                groups,
            }),
            rows_max: u64::MAX,
        })
    }

    /// The path as messages show it.
    pub(in crate::data) fn path(&self) -> &Path {
        &self.foot.path
    }

    /// The names of all columns.
    pub(in crate::data) fn names(&self) -> Vec<String> {
        let columns = self.foot.columns.iter();
        columns.map(|column| column.name.clone()).collect()
    }

    /// Columns that cannot be read, with what they are.
    pub(in crate::data) fn refused(&self) -> Vec<(String, String)> {
        let refused = |column: &TableColumn| {
            let what = column.leaf.as_ref().err()?;
            Some((column.name.clone(), what.clone()))
        };
        self.foot.columns.iter().filter_map(refused).collect()
    }

    /// The first rows of the file.
    pub(in crate::data) fn head(&self, rows: u64) -> Self {
        Self {
            foot: Arc::clone(&self.foot),
            rows_max: rows,
        }
    }

    /// All rows, in order.
    pub(in crate::data) fn pieces(&self) -> Pieces {
        Pieces {
            file: self.clone(),
            group: 0,
            start: 0,
            row: 0,
        }
    }

    /// What the type of a column says it is.
    pub(in crate::data) fn kind(&self, name: &str) -> Result<Kind, DataError> {
        let columns = &self.foot.columns;
        match columns.iter().position(|column| column.name == name) {
            Some(column) => Ok(self.leaf(column)?.1.kind()),
            None => Err(DataError::Columns {
                path: self.foot.path.clone(),
                column: name.to_owned(),
                found: self.names().join(", ").chars().take(400).collect(),
            }),
        }
    }

    fn leaf(&self, column: usize) -> Result<(usize, Decode), DataError> {
        let TableColumn { name, leaf } = &self.foot.columns[column];
        leaf.clone().map_err(|what| DataError::Typed {
            path: self.foot.path.clone(),
            problem: format!(
                "expected numbers, booleans or text in the column `{name}`, found {what}; list it in `ignore` \
                 in [data], or write it as numbers or text"
            ),
        })
    }
}

impl Debug for ParquetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetFile")
            .field("path", &self.foot.path)
            .field("groups", &self.foot.groups)
            .finish_non_exhaustive()
    }
}

impl Iterator for Pieces {
    type Item = RowPiece;

    fn next(&mut self) -> Option<RowPiece> {
        loop {
            let rows = *self.file.foot.groups.get(self.group)?;
            let rows_max = usize::try_from(self.file.rows_max.checked_sub(self.row)?);
            let size = PIECE_ROWS.max(rows.div_ceil(GROUP_PIECES_MAX));
            let size = size
                .min(rows - self.start)
                .min(rows_max.unwrap_or(usize::MAX));
            if size == 0 && self.start < rows {
                return None;
            }
            let piece = RowPiece {
                file: self.file.clone(),
                place: Place {
                    group: self.group,
                    start: self.start,
                    rows: size,
                },
                first: self.row,
            };
            self.start += size;
            self.row += size as u64;
            if self.start == rows {
                (self.group, self.start) = (self.group + 1, 0);
            }
            if 0 < size {
                return Some(piece);
            }
        }
    }
}

impl RowPiece {
    /// The file's path as messages show it.
    pub(in crate::data) fn path(&self) -> &Path {
        self.file.path()
    }

    /// How many rows there are, at least one.
    pub(in crate::data) fn rows(&self) -> usize {
        self.place.rows
    }

    /// The place of a row of the piece, for messages about others.
    pub(in crate::data) fn place(&self, row: usize) -> String {
        format!("{}: row {}", self.path().display(), self.row(row))
    }

    /// The number of a row of the piece in the file, from 1.
    fn row(&self, row: usize) -> u64 {
        self.first + row as u64 + 1
    }

    /// The error of a value.
    pub(in crate::data) fn error(
        &self,
        row: usize,
        column: &str,
        problem: LineProblem,
    ) -> DataError {
        DataError::Cell {
            path: self.path().to_owned(),
            row: self.row(row),
            group: self.place.group + 1,
            column: column.to_owned(),
            problem: Box::new(problem),
        }
    }

    /// The values of a column, by its number in the file.
    pub(in crate::data) fn cells(&self, column: usize) -> Result<Cells, DataError> {
        let leaf = self.file.leaf(column)?;
        let foot = &self.file.foot;
        let cells = caught(|| column::read(&foot.reader, self.place, leaf));
        cells.map_err(|error| {
            let place = format!(
                "column `{}` of row group {}",
                foot.columns[column].name,
                self.place.group + 1
            );
            damaged(&foot.path, &place, &error)
        })
    }
}

/// Takes a panic for an error: some damage meets an assertion of the crate instead of an answer.
fn caught<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("what no writer writes".into())))
}

fn damaged(path: &Path, place: &str, error: &dyn fmt::Display) -> DataError {
    let error = error.to_string();
    let found: String = error.split_whitespace().collect::<Vec<_>>().join(" ");
    DataError::Typed {
        path: path.to_owned(),
        problem: format!(
            "expected a whole Parquet file, found {place} damaged or of an unknown kind ({found}); copy or \
             write the file again"
        ),
    }
}
