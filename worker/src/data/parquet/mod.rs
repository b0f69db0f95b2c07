//! Parquet files: typed columns, of which one is the target and the others are features.
//!
//! The rows are those that `csv` would read of the same table, and so are the keys but `delimiter` and
//! `header`; only a type says here what `csv` has to find out:
//!
//! | type | becomes |
//! |---|---|
//! | integers, floats, decimals | a number |
//! | booleans | the numbers 0 and 1 |
//! | text (also a dictionary of it) | a category |
//! | dates, times, timestamps, UUIDs, lists, maps, structs | refused, unless the column is in `ignore` |
//!
//! A null is a missing value, and so is NaN; `missing` lists others, by default none. `categorical`
//! makes categories of numbers and booleans, by the text `7`, `0.5`, `true`.
//!
//! A row group is read in pieces of rows, column by column, by as many threads as the machine has: in
//! memory are a few pieces, whatever the size of the file. A file that cannot be read at any place
//! (standard input, an address, a packed file) is first copied to the folder of temporary files.
//!
//! Source of the format: <https://parquet.apache.org/docs/file-format/>.

#[cfg(feature = "parquet")]
mod chunks;
#[cfg(feature = "parquet")]
mod column;
#[cfg(feature = "parquet")]
mod file;
#[cfg(not(feature = "parquet"))]
#[path = "absent.rs"]
mod file;
#[cfg(feature = "parquet")]
mod schema;
#[cfg(test)]
#[cfg(feature = "parquet")]
mod tests;

pub(super) use self::file::{ParquetFile, Pieces, RowPiece};
use super::{
    DatasetEntry,
    csv::{self, Format},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: "parquet",
    about: "Parquet files of your own: columns of numbers, booleans and text",
    keys: "train = \"train.parquet\"\ntest = \"test.parquet\"\nholdout = 0.1\nholdout_seed = 0\n\
           target = \"label\"\nignore = []\ncategorical = \"auto\"\nencoding = \"index\"\nhash_bits = 16\n\
           missing = []\nscale = \"none\"\ntarget_scale = \"none\"\nlabels = [\"no\", \"yes\"]\ntask = \"real\"\nclasses = 3\n\
           label_positive = [1]\ncache = true\ncache_memory_mb = 64",
    exclusive: &[
        "holdout",
        "holdout_seed",
        "hash_bits",
        "task",
        "classes",
        "label_positive",
    ],
    check: |keys| csv::check(Format::Parquet, keys),
    load: |keys, folder| csv::load(Format::Parquet, keys, folder),
    reopen: Some(|again| csv::reopen(Format::Parquet, again)),
};

/// What every Parquet file begins and ends with.
pub(super) const MAGIC: [u8; 4] = *b"PAR1";

/// What the type of a column says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "parquet"),
    expect(dead_code, reason = "only a file has kinds")
)]
pub(super) enum Kind {
    /// Numbers, booleans among them.
    Numbers,
    /// Text.
    Text,
}

impl Kind {
    /// The word in messages.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Text => "text",
        }
    }
}
