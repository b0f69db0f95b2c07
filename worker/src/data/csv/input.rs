//! The files of a job, each opened from its start as often as it is read.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    dialect,
    keys::{Format, Keys},
};
use crate::data::{
    DataError,
    parquet::{ParquetFile, Pieces, RowPiece},
    source::{Block, Blocks, Source},
};

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Input {
    path: PathBuf,
    form: Form,
}

/// What is read when the file is opened.
#[derive(Clone, Debug)]
enum Form {
    /// Text in the file.
    Text,
    /// Text in memory: standard input is kept, since it is read more than once.
    Kept(Arc<[u8]>),
    /// Typed columns.
    Parquet(ParquetFile),
}

/// A file that is open where its data begin.
#[derive(Debug)]
pub(super) struct Opened {
    /// The columns' names; where there is no header, their numbers from 1.
    pub(super) names: Vec<String>,
    /// The path as messages show it.
    pub(super) path: PathBuf,
    pub(super) rows: Unread,
}

/// Rows that are still to be read.
#[derive(Debug)]
pub(super) enum Unread {
    Text {
        blocks: Box<Blocks>,
        delimiter: u8,
        has_header: bool,
    },
    Parquet(Pieces),
}

/// Some rows of a file, as one thread parses them.
#[derive(Debug)]
pub(super) enum Piece {
    Text { block: Block, delimiter: u8 },
    Parquet(RowPiece),
}

impl Input {
    pub(super) fn new(path: PathBuf, format: Format) -> Result<Self, DataError> {
        let form = match (format, path.to_str()) {
            (Format::Parquet, _) => Form::Parquet(ParquetFile::open(&path)?),
            (Format::Text, Some("-")) => {
                Form::Kept(Source::open(&path)?.read_all(u64::MAX)?.into())
            }
            (Format::Text, _) => Form::Text,
        };
        Ok(Self { path, form })
    }

    /// The first bytes of a text file, in memory.
    pub(super) fn of_bytes(path: &Path, bytes: Arc<[u8]>) -> Self {
        Self {
            path: path.to_owned(),
            form: Form::Kept(bytes),
        }
    }

    /// A Parquet file that is open, or the first rows of it.
    pub(super) fn of_parquet(file: ParquetFile) -> Self {
        Self {
            path: file.path().to_owned(),
            form: Form::Parquet(file),
        }
    }

    /// The path as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file as typed columns; `None` for text.
    pub(super) fn typed(&self) -> Option<&ParquetFile> {
        match &self.form {
            Form::Text | Form::Kept(_) => None,
            Form::Parquet(file) => Some(file),
        }
    }

    fn source(&self) -> Result<Source, DataError> {
        match &self.form {
            Form::Kept(bytes) => Source::of_bytes(&self.path, Arc::clone(bytes)),
            Form::Text | Form::Parquet(_) => Source::open(&self.path),
        }
    }

    /// Opens the file as the keys say.
    pub(super) fn open(&self, keys: &Keys) -> Result<Opened, DataError> {
        if let Form::Parquet(file) = &self.form {
            return Ok(Opened {
                names: file.names(),
                path: file.path().to_owned(),
                rows: Unread::Parquet(file.pieces()),
            });
        }
        let written = dialect::open(|| self.source(), keys)?;
        Ok(Opened {
            path: written.blocks.path().to_owned(),
            names: written.names,
            rows: Unread::Text {
                blocks: Box::new(written.blocks),
                delimiter: written.delimiter,
                has_header: written.has_header,
            },
        })
    }
}

impl Unread {
    /// The next rows; `None` at the end of the file.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, DataError> {
        match self {
            Self::Text {
                blocks, delimiter, ..
            } => {
                let block = blocks.next_block()?;
                Ok(block.map(|block| Piece::Text {
                    block,
                    delimiter: *delimiter,
                }))
            }
            Self::Parquet(pieces) => Ok(pieces.next().map(Piece::Parquet)),
        }
    }
}
