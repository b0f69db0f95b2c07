//! What can be wrong with data: each error says where, what was expected, what was found and how to
//! mend it.

use std::{io, path::PathBuf};

use thalweg_common::registry::SettingError;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The job names a data set that does not exist, or a key that it does not have.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A key of the `[data]` table is unknown, missing or has an impossible value.
    #[error("data set \"{dataset}\": {problem}")]
    Options {
        /// The name of the data set.
        dataset: &'static str,
        /// Which key, what was expected, what was found.
        problem: String,
    },
    /// The labels that are there are all the same, or otherwise no target.
    #[error("data set \"{dataset}\": {problem}")]
    Target {
        /// The name of the data set.
        dataset: &'static str,
        /// Which column, what was expected, what was found.
        problem: String,
    },
    /// The operating system cannot give the file's bytes.
    #[error("{}: expected a readable file: {source}; mend the path in [data] (a relative path starts at the folder in which the command runs)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A server does not give an object.
    #[error("{}: {problem}", path.display())]
    Remote {
        /// The address, without secrets.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// A packed stream is cut short or damaged.
    #[error("{}: expected a whole {format} stream, found one that is damaged or breaks off after line {lines} ({source}); copy the file again", path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// Whole lines that could be read.
        lines: u64,
        /// What the decoder said.
        source: io::Error,
    },
    /// A pattern that names no files.
    #[error("{}: expected a pattern that names files, found that {problem}; mend it in [data]", path.display())]
    Pattern {
        /// The pattern.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file lacks a column that the training file has.
    #[error("{}: expected a column `{column}`, found {found}; mend the header or [data]", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The name of the column.
        column: String,
        /// The columns that there are.
        found: String,
    },
    /// A file of an array is not what it should be.
    #[error("{}: {problem}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// There is not one row in the file.
    #[error("{}: expected at least one row, found none; name a file with data", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A cache cannot be made or is not what it should be.
    #[error("{}: {problem}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// A file became another between two readings.
    #[error("{}: expected the same rows as at the first reading, found others: the file was changed; start again when it is whole", path.display())]
    Changed {
        /// The file, or the first of several.
        path: PathBuf,
    },
    /// A line of a text file cannot be understood.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// Column in bytes, counted from 1.
        column: usize,
        /// What is wrong there.
        problem: LineProblem,
    },
    /// A file of typed columns is not what it should be.
    #[error("{}: {problem}", path.display())]
    Typed {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// A value of a file of typed columns cannot be used.
    #[error("{}: row {row} (row group {group}), column `{column}`: {problem}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1.
        row: u64,
        /// The row group that it is in, counted from 1.
        group: usize,
        /// The name of the column.
        column: String,
        /// What is wrong there.
        problem: Box<LineProblem>,
    },
    /// The program was built without what the job needs.
    #[error("{}: expected a program that reads {what}, found one that was built without; build it with `cargo install --path . --features {feature}`", path.display())]
    Feature {
        /// The file.
        path: PathBuf,
        /// What cannot be read.
        what: &'static str,
        /// The feature of the crate.
        feature: &'static str,
    },
    /// A file of weights is not as long as the file of rows.
    #[error("{}: expected {rows} weights, one for each row, found {found}; write one number per line, in the order of the rows", path.display())]
    Weights {
        /// The file of weights.
        path: PathBuf,
        /// Rows of the data.
        rows: usize,
        /// Weights in the file.
        found: usize,
    },
    /// The data set that is part of the program is damaged.
    #[error(
        "the embedded data set \"{dataset}\" is damaged: {problem}; build the program again from clean sources"
    )]
    Embedded {
        /// The name of the data set.
        dataset: &'static str,
        /// Which part of it is wrong.
        problem: String,
    },
}

/// What is wrong at one place of a text file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Bytes that no text has.
    #[error(
        "expected text, found the byte 0x{found:02x}; give a libsvm text file, plain, gzip or zstd"
    )]
    NotText {
        /// The first such byte.
        found: u8,
    },
    /// A line longer than the reader keeps.
    #[error(
        "expected a line of at most {bytes_max} bytes, found a longer one; is this a text file with one row per line?"
    )]
    LineTooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// A line of a file of weights is no weight.
    #[error(
        "expected a weight (a finite number of at least 0), found \"{found}\"; write one per line"
    )]
    Weight {
        /// The line.
        found: String,
    },
    /// A line of a graph is no edge, or no seed.
    #[error("expected {expected}, found \"{found}\"; mend the line or remove it")]
    Graph {
        /// What a line is.
        expected: &'static str,
        /// The line.
        found: String,
    },
    /// The first word of the line is no finite number.
    #[error("expected a label (a finite number), found \"{found}\"; start each row with its label")]
    Label {
        /// The word.
        found: String,
    },
    /// The label is a number, but none of the task.
    #[error("expected {expected}, found the label {found}; {mend}")]
    LabelRange {
        /// The labels of the task.
        expected: String,
        /// The label.
        found: String,
        /// What to change.
        mend: &'static str,
    },
    /// Two ways of writing labels in one data set.
    #[error(
        "expected {expected} as at {first_place}, found the label {found}; write all labels in one way"
    )]
    MixedLabels {
        /// The labels that go with what was seen first.
        expected: String,
        /// Where that was seen.
        first_place: String,
        /// The label.
        found: String,
    },
    /// A word that is not `index:value`.
    #[error(
        "expected index:value, found \"{found}\"; write each feature as a whole number, a colon and a number"
    )]
    Pair {
        /// The word.
        found: String,
    },
    /// A ranking file.
    #[error(
        "expected index:value, found \"{found}\"; query groups (qid) are not supported: remove them"
    )]
    QueryGroup {
        /// The word.
        found: String,
    },
    /// Index 0 in a format that counts from 1.
    #[error(
        "expected an index from 1 on, found 0; libsvm counts features from 1: add 1 to every index"
    )]
    IndexZero,
    /// An index beyond the number of features.
    #[error(
        "expected an index up to {features_max}, found {found}; raise `features` in [data] or mend the file"
    )]
    IndexPastEnd {
        /// Declared number of features, or the most that there can be.
        features_max: u64,
        /// The index (a bound, when it has more than 19 digits).
        found: u64,
    },
    /// The same index twice in a row.
    #[error("expected strictly increasing indices, found {found} twice; keep one of them")]
    IndexTwice {
        /// The index.
        found: u64,
    },
    /// An index that is lower than the one before.
    #[error("expected an index above {previous}, found {found}; sort each row by index")]
    IndexOrder {
        /// The index before.
        previous: u64,
        /// The index.
        found: u64,
    },
    /// NaN, infinity or a number beyond f32.
    #[error(
        "expected a finite 32-bit value, found \"{found}\"; remove the feature or give it a number"
    )]
    NotFinite {
        /// The word.
        found: String,
    },
    /// A record with too few or too many fields.
    #[error(
        "expected {expected} fields as in the first record, found {found}; mend the record, or set \
         `delimiter` in [data]"
    )]
    Ragged {
        /// Fields of the first record.
        expected: usize,
        /// Fields of this one.
        found: usize,
    },
    /// A first record that is not cut at all.
    #[error(
        "expected two or more columns, found one with the delimiter '{delimiter}'; set `delimiter` in [data]"
    )]
    OneColumn {
        /// The delimiter.
        delimiter: String,
    },
    /// Two columns of one name.
    #[error("expected a name for each column, found `{name}` twice; rename one")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// A quote that is not closed.
    #[error(
        "expected a closing quote for the field that begins here, found the end of the file; close it"
    )]
    Unclosed,
    /// A byte that is no UTF-8.
    #[error(
        "expected UTF-8 text, found the byte 0x{found:02x}; convert the file, for instance with iconv"
    )]
    NotUtf8 {
        /// The byte.
        found: u8,
    },
    /// A word in a column of numbers.
    #[error(
        "expected a number in the column `{column}`, found \"{found}\"; mend it, or list the word in \
         `missing` or the column in `categorical` in [data]"
    )]
    Number {
        /// The column.
        column: String,
        /// The word.
        found: String,
    },
    /// A row without a label.
    #[error(
        "expected a label in the column `{column}`, found a missing value; remove the row or give it one"
    )]
    NoLabel {
        /// The target column.
        column: String,
    },
}
