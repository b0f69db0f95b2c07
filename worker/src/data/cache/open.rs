//! Opens a cache: judges whether it is one, whole, and of the files that the job names.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use serde::de::DeserializeOwned;

use super::{
    CachePlan, cache_error,
    dataset::Cached,
    format::{END_MAGIC, Foot, Head, MAGIC, PREFIX_BYTES, Part, TRAILER_BYTES, VERSION, crc},
    held::HeldBlocks,
};
use crate::data::{DataError, Dataset, Loaded};

/// What there is where a cache should be.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A cache of something else: of what.
    Stale(String),
    /// The cache that is wanted.
    Fresh(Loaded),
}

/// Looks at the file of a plan.
pub(super) fn open(plan: &CachePlan) -> Result<Found, DataError> {
    let path = &plan.path;
    let read = |source| DataError::Read {
        path: path.clone(),
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(read(error)),
    };
    let mut prefix = [0; PREFIX_BYTES];
    let is_cache = file.read_exact(&mut prefix).is_ok() && prefix.starts_with(&MAGIC);
    if !is_cache {
        return Err(cache_error(
            path,
            "expected a cache that this program made, found another file; remove it, or name another with \
             `cache` in [data]"
                .into(),
        ));
    }
    let [version, length, check] = [8, 12, 16].map(|at| number(&prefix, at));
    if version != VERSION {
        return Ok(Found::Stale("another version of this program".into()));
    }
    let head: Head = table(
        &file,
        path,
        "head",
        (PREFIX_BYTES as u64, length.into(), check),
    )?;
    if let Some(change) = plan.identity.changed_since(&head.identity) {
        return Ok(Found::Stale(change));
    }
    let bytes = file.metadata().map_err(read)?.len();
    let mut trailer = [0; TRAILER_BYTES];
    let at = bytes.saturating_sub(TRAILER_BYTES as u64);
    let is_whole = file.read_exact_at(&mut trailer, at).is_ok() && trailer.ends_with(&END_MAGIC);
    if !is_whole {
        return Err(damaged(path, "end"));
    }
    let wide =
        |at: usize| u64::from(number(&trailer, at)) | u64::from(number(&trailer, at + 4)) << 32;
    let foot: Foot = table(
        &file,
        path,
        "index",
        (wide(0), wide(8), number(&trailer, 16)),
    )?;
    for (part, which) in foot.parts.iter().zip(["training", "test"]) {
        check_blocks(&file, path, part, which)?;
    }
    let (file, encoding) = (Arc::new(file), head.encoding);
    let held = Arc::new(HeldBlocks::new(plan.memory_bytes));
    let mut parts = foot.parts.into_iter().map(|part| -> Arc<dyn Dataset> {
        Arc::new(Cached::new(path, &file, &held, part, &encoding))
    });
    let Some(train) = parts.next() else {
        return Err(damaged(path, "index"));
    };
    Ok(Found::Fresh(Loaded {
        train,
        test: parts.next(),
        notes: foot.notes,
        encoding: Some(encoding),
    }))
}

/// Reads a table in JSON: its place, its length, its check sum.
fn table<T: DeserializeOwned>(
    file: &File,
    path: &Path,
    name: &str,
    (at, length, check): (u64, u64, u32),
) -> Result<T, DataError> {
    let bytes = file.metadata().map(|about| about.len()).unwrap_or_default();
    if bytes.saturating_sub(at) < length {
        return Err(damaged(path, name));
    }
    let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
    let is_whole = file.read_exact_at(&mut text, at).is_ok() && crc(&text) == check;
    let table = is_whole
        .then(|| serde_json::from_slice(&text).ok())
        .flatten();
    table.ok_or_else(|| damaged(path, name))
}

/// Holds every block to its check sum.
fn check_blocks(file: &File, path: &Path, part: &Part, which: &str) -> Result<(), DataError> {
    let mut bytes = Vec::new();
    for (number, block) in part.blocks.iter().enumerate() {
        if block.read(file, &mut bytes).is_err() || crc(&bytes) != block.crc {
            let rows = block.first_row + 1..block.first_row + 1 + u64::from(block.rows);
            let place = format!(
                "block {} (rows {} to {} of the {which} rows)",
                number + 1,
                rows.start,
                rows.end - 1
            );
            return Err(damaged(path, &place));
        }
    }
    Ok(())
}

fn damaged(path: &Path, place: &str) -> DataError {
    cache_error(
        path,
        format!(
            "expected the cache as it was written, found its {place} damaged; remove the file, and it is \
             made anew from the data"
        ),
    )
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(word)
}
