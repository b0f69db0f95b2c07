//! The lines of a text file, plain or gzip: which of the two is seen from its first two bytes, since
//! names lie.

use std::{
    fmt::{self, Debug},
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use crate::data::{DataError, LineProblem};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BLOCK_BYTES: usize = 1 << 18;

/// A row of a million non-zeros has about 20 MB; a file without line ends must not fill the memory.
const LINE_BYTES_MAX: u64 = 1 << 28;

/// Reads a file line by line, counting the lines from 1.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    is_gzip: bool,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// Opens the file and looks at its first bytes.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let read_error = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read_error)?;
        let mut plain = BufReader::with_capacity(BLOCK_BYTES, file);
        let is_gzip = plain
            .fill_buf()
            .map_err(read_error)?
            .starts_with(&GZIP_MAGIC);
        let reader: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(
                BLOCK_BYTES,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            is_gzip,
            number: 0,
            line: Vec::new(),
        })
    }

    /// The next line without its end, and its number.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, DataError> {
        self.line.clear();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX + 1);
        match limited.read_until(b'\n', &mut self.line) {
            Err(source) => return Err(self.failed(source)),
            Ok(0) => return Ok(None),
            Ok(bytes) if LINE_BYTES_MAX < bytes as u64 => return Err(self.too_long()),
            Ok(_) => {}
        }
        self.number += 1;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Some((
            self.number,
            line.strip_suffix(b"\r").unwrap_or(line),
        )))
    }

    fn failed(&self, source: io::Error) -> DataError {
        let path = self.path.clone();
        if self.is_gzip {
            DataError::Gzip {
                path,
                lines: self.number,
                source,
            }
        } else {
            DataError::Read { path, source }
        }
    }

    fn too_long(&self) -> DataError {
        DataError::Line {
            path: self.path.clone(),
            line: self.number + 1,
            column: 1,
            problem: LineProblem::LineTooLong {
                bytes_max: LINE_BYTES_MAX,
            },
        }
    }
}

impl Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish()
    }
}
