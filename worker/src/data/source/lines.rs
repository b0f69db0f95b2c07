//! The lines of a text file, numbered from 1.

use std::{io::BufRead, io::Read, path::Path};

use super::{LINE_BYTES_MAX, Source};
use crate::data::{DataError, LineProblem};

/// Reads a file line by line.
#[derive(Debug)]
pub(in crate::data) struct Lines {
    source: Source,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// Opens the file, or standard input for `-`.
    pub(in crate::data) fn open(path: &Path) -> Result<Self, DataError> {
        Source::open(path).map(Self::of)
    }

    /// The lines of these bytes.
    pub(in crate::data) fn of(source: Source) -> Self {
        Self {
            source,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The path as messages show it.
    pub(in crate::data) fn path(&self) -> &Path {
        self.source.path()
    }

    /// The next line without its end, and its number.
    pub(in crate::data) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, DataError> {
        self.line.clear();
        let mut limited = (&mut self.source.reader).take(LINE_BYTES_MAX as u64 + 1);
        match limited.read_until(b'\n', &mut self.line) {
            Err(source) => return Err(self.source.failed(self.number, source)),
            Ok(0) => return Ok(None),
            Ok(bytes) if LINE_BYTES_MAX < bytes => return Err(self.too_long()),
            Ok(_) => {}
        }
        self.number += 1;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Some((
            self.number,
            line.strip_suffix(b"\r").unwrap_or(line),
        )))
    }

    fn too_long(&self) -> DataError {
        DataError::Line {
            path: self.path().to_owned(),
            line: self.number + 1,
            column: 1,
            problem: LineProblem::LineTooLong {
                bytes_max: LINE_BYTES_MAX as u64,
            },
        }
    }
}
