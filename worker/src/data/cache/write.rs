//! Writes a cache under a name of its own, and gives it its real name once it is whole: whoever else
//! makes the same cache at the same time does the same, and the last one stays.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    CachePlan, SUFFIX, cache_error,
    format::{
        Block, END_MAGIC, Foot, Head, MAGIC, PREFIX_BYTES, Part, VERSION, block_of, crc, words,
    },
};
use crate::data::{DataError, Encoding, in_memory::Columns};

/// Rows of a block at most, …
const BLOCK_ROWS: usize = 4_096;

/// … and non-zeros, unless a single row has more.
const BLOCK_NONZEROS: usize = 1 << 17;

/// Caches that this process has begun to write.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A cache that is being written; dropped before [`Self::finish`] it leaves no file.
#[derive(Debug)]
pub(in crate::data) struct CacheWriter {
    file: File,
    name: PathBuf,
    target: PathBuf,
    at: u64,
    foot: Foot,
    pending: Columns,
    bytes: Vec<u8>,
}

impl CacheWriter {
    /// Begins the cache of a plan.
    pub(in crate::data) fn create(
        plan: &CachePlan,
        encoding: &Encoding,
    ) -> Result<Self, DataError> {
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let mut name = plan.path.clone().into_os_string();
        name.push(format!(".{}-{number}{SUFFIX}", process::id()));
        let name = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&name).map_err(|error| failed(&name, &error))?;
        let head = Head {
            identity: plan.identity.clone(),
            encoding: encoding.clone(),
        };
        let head = serde_json::to_vec(&head).expect("plain data");
        let mut writer = Self {
            file,
            name,
            target: plan.path.clone(),
            at: PREFIX_BYTES as u64,
            foot: Foot {
                notes: Vec::new(),
                parts: Vec::new(),
            },
            pending: Columns::new(),
            bytes: Vec::new(),
        };
        let length = u32::try_from(head.len()).expect("an encoding of less than 4 GB");
        let numbers = [VERSION, length, crc(&head)].map(u32::to_le_bytes);
        writer.write(&[&MAGIC, numbers.as_flattened(), &head])?;
        writer.at += u64::from(length);
        Ok(writer)
    }

    fn write(&mut self, pieces: &[&[u8]]) -> Result<(), DataError> {
        for piece in pieces {
            let written = self.file.write_all(piece);
            written.map_err(|error| failed(&self.name, &error))?;
        }
        Ok(())
    }

    /// Begins a part: training rows, or test rows behind them.
    pub(in crate::data) fn begin_part(&mut self, has_weights: bool) {
        self.foot.parts.push(Part {
            has_weights,
            ..Part::default()
        });
        self.pending = self.no_rows();
    }

    fn no_rows(&self) -> Columns {
        let has_weights = self.foot.parts.last().is_some_and(|part| part.has_weights);
        let mut rows = Columns::new();
        rows.weights = has_weights.then(Vec::new);
        rows
    }

    /// Adds rows to the part; with weights if it has weights.
    pub(in crate::data) fn push(&mut self, rows: &Columns) -> Result<(), DataError> {
        for row in 0..rows.rows() {
            self.pending.push_row(rows, row);
            if BLOCK_ROWS <= self.pending.rows() || BLOCK_NONZEROS <= self.pending.nonzeros() {
                self.flush()?;
            }
        }
        self.part().has_values |= rows.has_values();
        Ok(())
    }

    fn part(&mut self) -> &mut Part {
        self.foot.parts.last_mut().expect("a part was begun")
    }

    fn flush(&mut self) -> Result<(), DataError> {
        if self.pending.rows() == 0 {
            return Ok(());
        }
        let next = self.no_rows();
        let rows = std::mem::replace(&mut self.pending, next);
        let mut bytes = std::mem::take(&mut self.bytes);
        let block = Block {
            at: self.at,
            ..block_of(&rows, self.part().rows, &mut bytes)
        };
        self.write(&[&bytes])?;
        self.at += bytes.len() as u64;
        let crc = crc(&bytes);
        self.bytes = bytes;
        let part = self.part();
        part.rows += u64::from(block.rows);
        part.nonzeros += u64::from(block.nonzeros);
        part.blocks.push(Block { crc, ..block });
        Ok(())
    }

    /// Ends the part.
    pub(in crate::data) fn end_part(&mut self) -> Result<(), DataError> {
        self.flush()?;
        let (file, name) = (&self.file, &self.name);
        let part = self.foot.parts.last_mut().expect("a part was begun");
        part.content_hash = content_hash(file, part).map_err(|error| failed(name, &error))?;
        Ok(())
    }

    /// Ends the file and gives it its name.
    pub(in crate::data) fn finish(mut self, notes: &[String]) -> Result<(), DataError> {
        self.foot.notes = notes.to_vec();
        let foot = serde_json::to_vec(&self.foot).expect("plain data");
        let places = [self.at, foot.len() as u64].map(u64::to_le_bytes);
        let check = crc(&foot).to_le_bytes();
        self.write(&[&foot, places.as_flattened(), &check, &END_MAGIC])?;
        let named = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.name, &self.target));
        named.map_err(|error| failed(&self.target, &error))
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        // Whole, it has another name by now.
        drop(fs::remove_file(&self.name));
    }
}

fn failed(path: &Path, error: &io::Error) -> DataError {
    cache_error(
        path,
        format!(
            "expected to write a cache here, found that it cannot be: {error}; name a file with room on \
             its disk with `cache` in [data]"
        ),
    )
}

/// Takes what is hashed of a row: its label and weight, its features, its values.
type SeeRow<'s> = dyn FnMut(&mut Vec<u8>, (f32, f32), &[u8], &[u8]) + 's;

/// That of [`crate::data::InMemory`] with the same rows. It goes column by column, so that the file is
/// read once for labels, once for features and once for values.
fn content_hash(file: &File, part: &Part) -> io::Result<u64> {
    let mut hash = Xxh3::new();
    hash.update(&part.rows.to_le_bytes());
    hash.update(&part.nonzeros.to_le_bytes());
    let mut end = 0_u64;
    hash.update(&end.to_le_bytes());
    let mut pass = |see: &mut SeeRow<'_>| {
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        for block in &part.blocks {
            block.read(file, &mut bytes)?;
            piece.clear();
            block.each(&bytes, |label, weight, features, values| {
                see(&mut piece, (label, weight), features, values);
            });
            hash.update(&piece);
        }
        io::Result::Ok(())
    };
    pass(&mut |piece, _, features, _| {
        end += words(features).count() as u64;
        piece.extend(end.to_le_bytes());
    })?;
    pass(&mut |piece, (label, _), _, _| piece.extend(label.to_le_bytes()))?;
    pass(&mut |piece, _, features, _| piece.extend_from_slice(features))?;
    if part.has_values {
        pass(&mut |piece, _, features, values| match values {
            [] => piece.extend(words(features).flat_map(|_| 1_f32.to_le_bytes())),
            _ => piece.extend_from_slice(values),
        })?;
    }
    if part.has_weights {
        let mut is_first = true;
        pass(&mut |piece, (_, weight), _, _| {
            if is_first {
                piece.extend_from_slice(b"weights");
                is_first = false;
            }
            piece.extend(weight.to_le_bytes());
        })?;
    }
    Ok(hash.digest())
}
