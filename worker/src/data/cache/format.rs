//! How a cache file is laid out. All numbers are little-endian.
//!
//! ```text
//! "twcache\n"  version u32  length u32  CRC-32 of what follows u32  Head as JSON
//! block … block
//! Foot as JSON
//! start of Foot u64  length u64  CRC-32 of it u32  "twce"
//!
//! block   rows × (first non-zero u32, label f32, weight f32 if the part has weights)
//!         the same once more for the end, then for each row: features u32 …, values f32 … unless
//!         all values of the block are 1
//! ```
//!
//! A row is two reads: its entry with the next one, and its non-zeros, which lie together.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt};

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use crate::data::{Encoding, Rows, in_memory::Columns};

pub(super) const MAGIC: [u8; 8] = *b"twcache\n";
pub(super) const END_MAGIC: [u8; 4] = *b"twce";
pub(super) const VERSION: u32 = 1;

/// Bytes before the head.
pub(super) const PREFIX_BYTES: usize = 20;

/// Bytes behind the foot.
pub(super) const TRAILER_BYTES: usize = 24;

/// What is known before the rows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) identity: Identity,
    pub(super) encoding: Encoding,
}

/// What is known behind them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Foot {
    pub(super) notes: Vec<String>,
    /// The training rows, then test rows if there are any.
    pub(super) parts: Vec<Part>,
}

/// Rows that are a data set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) rows: u64,
    pub(super) nonzeros: u64,
    /// Whether values were given that are not 1.
    pub(super) has_values: bool,
    pub(super) has_weights: bool,
    /// That of the same rows in memory.
    pub(super) content_hash: u64,
    pub(super) blocks: Vec<Block>,
}

/// Where a block is and what is in it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) first_row: u64,
    pub(super) rows: u32,
    pub(super) nonzeros: u32,
    pub(super) has_values: bool,
    pub(super) has_weights: bool,
    /// Its first byte in the file.
    pub(super) at: u64,
    pub(super) crc: u32,
}

impl Block {
    fn entry_bytes(&self) -> usize {
        if self.has_weights { 12 } else { 8 }
    }

    fn nonzero_bytes(&self) -> usize {
        if self.has_values { 8 } else { 4 }
    }

    fn entries_bytes(&self) -> usize {
        self.entry_bytes() * (self.rows as usize + 1)
    }

    /// Bytes of the block, in the file and in memory.
    pub(super) fn bytes(&self) -> usize {
        self.entries_bytes() + self.nonzero_bytes() * self.nonzeros as usize
    }

    /// Reads it as a whole.
    pub(super) fn read(&self, file: &File, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(self.bytes(), 0);
        file.read_exact_at(bytes, self.at)
    }

    /// The entry of a row, given the bytes that begin with it: first non-zero, label, weight.
    fn entry(&self, bytes: &[u8]) -> (u32, f32, f32) {
        let weight = if self.has_weights {
            number(bytes, 8)
        } else {
            1.0
        };
        (word(bytes, 0), number(bytes, 4), weight)
    }

    /// Label and weight of a row, and where its non-zeros are in the block.
    fn locate(&self, entries: &[u8]) -> (f32, f32, Range<usize>) {
        let (start, label, weight) = self.entry(entries);
        let end = word(entries, self.entry_bytes());
        let place = |nonzero: u32| self.entries_bytes() + self.nonzero_bytes() * nonzero as usize;
        (label, weight, place(start)..place(end))
    }

    /// Shows every row of a whole block: label, weight, features, values (none if all are 1).
    pub(super) fn each(&self, bytes: &[u8], mut see: impl FnMut(f32, f32, &[u8], &[u8])) {
        for row in 0..self.rows as usize {
            let (label, weight, place) = self.locate(&bytes[row * self.entry_bytes()..]);
            let (features, values) = self.halves(&bytes[place]);
            see(label, weight, features, values);
        }
    }

    fn halves<'b>(&self, nonzeros: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let count = nonzeros.len() / self.nonzero_bytes();
        nonzeros.split_at(4 * count)
    }

    /// Adds a row of a block that is in memory to a batch, and answers its weight.
    pub(super) fn push(
        &self,
        bytes: &[u8],
        row: u64,
        scratch: &mut Scratch,
        out: &mut Rows,
    ) -> f32 {
        let start = self.index(row) * self.entry_bytes();
        let (label, weight, place) = self.locate(&bytes[start..]);
        self.decode(&bytes[place], (row, label), scratch, out);
        weight
    }

    /// The same, with nothing but the row read from the file.
    pub(super) fn push_read(
        &self,
        file: &File,
        row: u64,
        scratch: &mut Scratch,
        out: &mut Rows,
    ) -> io::Result<f32> {
        let start = self.index(row) * self.entry_bytes();
        let mut entries = [0; 24];
        let entries = &mut entries[..2 * self.entry_bytes()];
        file.read_exact_at(entries, self.at + start as u64)?;
        let (label, weight, place) = self.locate(entries);
        let mut bytes = std::mem::take(&mut scratch.bytes);
        bytes.resize(place.len(), 0);
        file.read_exact_at(&mut bytes, self.at + place.start as u64)?;
        self.decode(&bytes, (row, label), scratch, out);
        scratch.bytes = bytes;
        Ok(weight)
    }

    fn index(&self, row: u64) -> usize {
        usize::try_from(row - self.first_row).expect("a row of this block")
    }

    fn decode(
        &self,
        nonzeros: &[u8],
        (row, label): (u64, f32),
        scratch: &mut Scratch,
        out: &mut Rows,
    ) {
        let (features, values) = self.halves(nonzeros);
        scratch.features.clear();
        scratch.features.extend(words(features));
        if self.has_values {
            scratch.values.clear();
            scratch.values.extend(words(values).map(f32::from_bits));
            out.push(row, label, &scratch.features, &scratch.values);
        } else {
            out.push_ones(row, label, &scratch.features);
        }
    }
}

/// Memory that reading rows needs, kept from row to row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    features: Vec<u32>,
    values: Vec<f32>,
}

/// The bytes of a block of all these rows, without its place and its check sum.
pub(super) fn block_of(rows: &Columns, first_row: u64, bytes: &mut Vec<u8>) -> Block {
    let block = Block {
        first_row,
        rows: u32::try_from(rows.rows()).expect("a block has few rows"),
        nonzeros: u32::try_from(rows.nonzeros()).expect("a block has less than 2^32 non-zeros"),
        has_values: rows.has_values(),
        has_weights: rows.weights.is_some(),
        at: 0,
        crc: 0,
    };
    bytes.clear();
    let mut start = 0;
    let weights = rows.weights.as_deref();
    let mut entry = |start: u32, label: f32, weight: Option<f32>| {
        bytes.extend(start.to_le_bytes());
        bytes.extend(label.to_le_bytes());
        bytes.extend(weight.into_iter().flat_map(f32::to_le_bytes));
    };
    for (row, label) in rows.labels.iter().enumerate() {
        entry(start, *label, weights.map(|weights| weights[row]));
        start += u32::try_from(rows.row(row).0.len()).expect("counted above");
    }
    entry(start, 0.0, weights.map(|_| 0.0));
    for row in 0..rows.rows() {
        let (features, values) = rows.row(row);
        bytes.extend(features.iter().flat_map(|feature| feature.to_le_bytes()));
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    block
}

/// The numbers that lie in these bytes.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    words(&bytes[at..at + 4]).next().expect("four bytes")
}

fn number(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(word(bytes, at))
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
