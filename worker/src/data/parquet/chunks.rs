//! The bytes of a Parquet file at any place, for several threads at once.
//!
//! The reader of the `parquet` crate for [`File`] moves the one position that all its clones share;
//! here every read names its place.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use super::MAGIC;
use crate::data::{
    DataError,
    source::{Compression, Source, is_file, shown},
};

/// A page header has about 50 bytes, with statistics a few hundred.
const HEADER_BYTES: usize = 1 << 9;

/// A file that is read at any place.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    file: Arc<File>,
    length: u64,
}

impl Chunks {
    /// Opens a file; what cannot be read at any place is copied first.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let source = Source::open(path)?;
        let read = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let is_at_hand = is_file(path) && source.compression() == Compression::Plain;
        let file = match is_at_hand {
            true => File::open(path).map_err(read)?,
            false => copy(source)?,
        };
        let length = file.metadata().map_err(read)?.len();
        let mut start = [0; MAGIC.len()];
        if file.read_exact_at(&mut start, 0).is_err() || start != MAGIC {
            return Err(DataError::Typed {
                path: shown(path),
                problem: format!(
                    "expected a Parquet file, which begins with \"PAR1\", found one of {length} bytes that \
                     does not; name another file, or another data set in [data]"
                ),
            });
        }
        Ok(Self {
            file: Arc::new(file),
            length,
        })
    }
}

/// Copies a stream to a file that vanishes with the program.
fn copy(source: Source) -> Result<File, DataError> {
    let path = source.path().to_owned();
    let failed = |error: io::Error| DataError::Typed {
        path: path.clone(),
        problem: format!(
            "expected to copy the file to the folder of temporary files, found: {error}; free room there, or \
             name another folder with TMPDIR"
        ),
    };
    let mut file = tempfile::tempfile().map_err(failed)?;
    source.copy_to(&mut file, failed)?;
    Ok(file)
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<At>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let at = At {
            file: Arc::clone(&self.file),
            at: start,
        };
        Ok(BufReader::with_capacity(HEADER_BYTES, at))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| self.length < end) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} of {}",
                self.length
            )));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Reads on from a place.
#[derive(Debug)]
pub(super) struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
