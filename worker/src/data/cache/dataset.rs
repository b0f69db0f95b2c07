//! The rows of a cache file as a data set.
//!
//! Batches ask for rows in permuted order, so that nearly every row is in another block than the one
//! before: such a row is read alone. Blocks are read as a whole while there is room to hold them, and
//! where neighbouring rows are asked for one after the other, as evaluation does.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    format::{Block, Part, Scratch},
    held::HeldBlocks,
};
use crate::data::{Dataset, Encoding, Field, Ideal, Rows, Task};

/// A block is read as a whole if one of this many of its rows is asked for in a row.
const DENSE_SHARE: usize = 8;

/// One part of a cache file.
#[derive(Debug)]
pub(super) struct Cached {
    path: PathBuf,
    file: Arc<File>,
    held: Arc<HeldBlocks>,
    part: Part,
    features: u64,
    task: Task,
    label_unit: f64,
    fields: Vec<Field>,
}

impl Cached {
    pub(super) fn new(
        path: &Path,
        file: &Arc<File>,
        held: &Arc<HeldBlocks>,
        part: Part,
        encoding: &Encoding,
    ) -> Self {
        Self {
            path: path.to_owned(),
            file: Arc::clone(file),
            held: Arc::clone(held),
            part,
            features: encoding.features,
            task: encoding.target.task(),
            label_unit: encoding.target.unit(),
            fields: encoding.fields(),
        }
    }

    /// The block of a row.
    fn block(&self, row: u64) -> &Block {
        assert!(row < self.part.rows, "row {row} of {}", self.part.rows);
        let behind = self
            .part
            .blocks
            .partition_point(|block| block.first_row <= row);
        &self.part.blocks[behind - 1]
    }

    /// The bytes of a block, if they are held or shall be: for a run of so many of its rows.
    fn bytes(&self, block: &Block, run: usize) -> io::Result<Option<Arc<Vec<u8>>>> {
        if let Some(bytes) = self.held.get(block.at) {
            return Ok(Some(bytes));
        }
        let is_dense = block.rows as usize <= DENSE_SHARE * run;
        if !is_dense && !self.held.has_room(block.bytes()) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        block.read(&self.file, &mut bytes)?;
        let bytes = Arc::new(bytes);
        self.held.insert(block.at, &bytes);
        Ok(Some(bytes))
    }

    fn read(&self, rows: &[u64], out: &mut Rows) -> io::Result<()> {
        let (mut scratch, mut weights) = (Scratch::default(), Vec::new());
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let block = self.block(*first);
            let inside = block.first_row..block.first_row + u64::from(block.rows);
            let run = rest.iter().take_while(|row| inside.contains(row)).count();
            let bytes = self.bytes(block, run)?;
            for row in &rest[..run] {
                weights.push(match &bytes {
                    Some(bytes) => block.push(bytes, *row, &mut scratch, out),
                    None => block.push_read(&self.file, *row, &mut scratch, out)?,
                });
            }
            rest = &rest[run..];
        }
        if self.part.has_weights {
            out.set_weights(&weights);
        }
        Ok(())
    }
}

impl Dataset for Cached {
    fn rows(&self) -> u64 {
        self.part.rows
    }

    fn features(&self) -> u64 {
        self.features
    }

    fn task(&self) -> Task {
        self.task
    }

    /// # Panics
    /// When the file, which was whole when it was opened, can no longer be read.
    fn fill(&self, rows: &[u64], out: &mut Rows) {
        out.clear();
        if let Err(error) = self.read(rows, out) {
            panic!(
                "{}: the cache was whole and can no longer be read: {error}; look after the disk and start \
                 again",
                self.path.display()
            );
        }
    }

    fn content_hash(&self) -> u64 {
        self.part.content_hash
    }

    /// The index, and this part's share of the blocks that are held.
    fn memory_bytes(&self) -> u64 {
        let index = size_of_val(&self.part.blocks[..]);
        let held = self.held.bytes_of(&self.part.blocks);
        (index + held) as u64
    }

    fn label_unit(&self) -> f64 {
        self.label_unit
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn ideal(&self) -> Option<Ideal> {
        None
    }
}
