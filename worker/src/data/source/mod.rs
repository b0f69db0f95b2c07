//! Where the bytes of every file format come from: files, lists and patterns of files, addresses, or
//! standard input; plain, gzip or zstd. The first bytes decide which of the three, since names lie.

mod address;
mod blocks;
mod files;
mod lines;
mod remote;
mod standard_input;
mod zstd;

use std::{
    fmt::{self, Debug},
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::bufread::MultiGzDecoder;

use self::zstd::ZstdReader;
pub(super) use self::{
    address::{is_file, shown},
    blocks::{Block, Blocks, Cut},
    lines::Lines,
    remote::{About, about},
};
pub use self::{files::Files, standard_input::StandardInput};
use super::DataError;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_BYTES: usize = 1 << 18;

/// A row of a million non-zeros has about 20 MB; a file without line ends must not fill the memory.
const LINE_BYTES_MAX: usize = 1 << 28;

/// The name of standard input where a path is asked for.
pub const STANDARD_INPUT: &str = "-";

/// How the bytes of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// One or several gzip members.
    Gzip,
    /// One or several zstd frames.
    Zstd,
}

impl Compression {
    fn of(start: &[u8]) -> Self {
        if start.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if start.starts_with(&ZSTD_MAGIC) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    /// The word in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The unpacked bytes of one file.
pub(super) struct Source {
    path: PathBuf,
    compression: Compression,
    reader: Box<dyn BufRead + Send>,
}

impl Source {
    /// Opens the file, the object at an address, or standard input for `-`, and looks at its first bytes.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        if path.as_os_str() == STANDARD_INPUT {
            return Self::unpack(shown(path), StandardInput);
        }
        if !is_file(path) {
            return Self::unpack(shown(path), remote::open(path)?);
        }
        let file = File::open(path).map_err(|source| DataError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::unpack(path.to_owned(), file)
    }

    fn unpack(path: PathBuf, packed: impl Read + Send + 'static) -> Result<Self, DataError> {
        let (start, packed) = match peek(packed) {
            Ok(both) => both,
            Err(source) => return Err(read_error(path, source)),
        };
        let compression = Compression::of(&start);
        let reader: Box<dyn BufRead + Send> = match compression {
            Compression::Plain => Box::new(packed),
            Compression::Gzip => Box::new(BufReader::with_capacity(
                BLOCK_BYTES,
                MultiGzDecoder::new(packed),
            )),
            Compression::Zstd => Box::new(BufReader::with_capacity(
                BLOCK_BYTES,
                ZstdReader::new(packed),
            )),
        };
        Ok(Self {
            path,
            compression,
            reader,
        })
    }

    /// The path as messages show it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of this file that are in memory, unpacked or not.
    pub(super) fn of_bytes(path: &Path, bytes: Arc<[u8]>) -> Result<Self, DataError> {
        Self::unpack(shown(path), Cursor::new(bytes))
    }

    /// How the bytes are packed.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// All bytes, up to so many.
    pub(super) fn read_all(mut self, bytes_max: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match (&mut self.reader).take(bytes_max).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(self.failed(0, source)),
        }
    }

    /// As many of the first bytes as can be unpacked, of a file that may be cut.
    pub(super) fn read_cut(mut self, bytes_max: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What was read before the cut counts; reading the whole will tell what is wrong.
        (&mut self.reader)
            .take(bytes_max)
            .read_to_end(&mut bytes)
            .ok();
        bytes
    }

    /// Writes all bytes to a file; `failed` tells what the file cannot take.
    #[cfg(feature = "parquet")]
    pub(super) fn copy_to(
        mut self,
        file: &mut impl io::Write,
        failed: impl Fn(io::Error) -> DataError,
    ) -> Result<(), DataError> {
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(bytes) => bytes,
                Err(source) => return Err(self.failed(0, source)),
            };
            file.write_all(bytes).map_err(&failed)?;
            let read = bytes.len();
            self.reader.consume(read);
        }
    }

    /// The error of a read after so many whole lines.
    fn failed(&self, lines: u64, source: io::Error) -> DataError {
        let path = self.path.clone();
        match self.compression {
            Compression::Plain => read_error(path, source),
            _ if remote::problem_of(&source).is_some() => read_error(path, source),
            packed => DataError::Packed {
                path,
                format: packed.word(),
                lines,
                source,
            },
        }
    }
}

impl Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// The error of bytes that do not come: the server's where there is one.
fn read_error(path: PathBuf, source: io::Error) -> DataError {
    match remote::problem_of(&source) {
        Some(problem) => DataError::Remote { path, problem },
        None => DataError::Read { path, source },
    }
}

/// The first bytes, as many as a magic number has, and a reader that still has them: a pipe may
/// bring them one by one.
fn peek<R: Read>(mut packed: R) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut start = Vec::new();
    packed
        .by_ref()
        .take(ZSTD_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(packed);
    Ok((start, BufReader::with_capacity(BLOCK_BYTES, whole)))
}
