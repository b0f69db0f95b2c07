//! Rows that arrive while they are trained on, from standard input, for as long as they come.
//!
//! ```text
//! standard input ─ Spool ─▶ head, segments in a folder ─ Streamed ─▶ batches
//! ```
//!
//! What the data are (labels, columns, scales) is learnt from the first rows, the head; the others are
//! read in the same way. Each row is trained on once, in the order of arrival. The process that reads
//! the stream writes it into segments, small files that the workers read and that are removed once they
//! are used: neither memory nor disk grows with the stream.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `of` | | the format: `"libsvm"` or `"csv"`; a record is one line |
//! | `train` | `"-"` | standard input: plain, gzip or zstd |
//! | `window` | 1000 | rows of the head, and of what counts as an epoch |
//! | `ahead_rows` | 100000 | rows that are read before they are used, at most |
//! | `folder` | | where the head and the segments are: `thalweg train` sets it |
//! | others | | those of the format, but for `holdout`, `cache` and files of training weights |

mod incoming;
mod segments;
mod spool;
mod streamed;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use toml::{Table, Value};

pub use self::{
    incoming::Incoming,
    segments::{HEAD, clear},
    spool::{Spool, StreamError},
};
use self::{segments::Segments, streamed::Streamed};
use super::{
    DataError, DatasetEntry, Loaded, csv,
    encoding::Reopened,
    libsvm,
    registry::{self, Reopening, read_keys},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "rows that arrive on standard input while they are trained on, without end",
    keys: "of = \"libsvm\"\ntrain = \"-\"\nwindow = 1000\nahead_rows = 100000\nfeatures = 1000",
    exclusive: &[],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: Some(reopen),
};

const NAME: &str = "stream";
const WINDOW: u64 = 1_000;
const WINDOW_MAX: u64 = 1 << 24;
const AHEAD_ROWS: u64 = 100_000;

/// Keys of the formats that say nothing of a stream.
const REFUSED: [&str; 6] = [
    "holdout",
    "holdout_seed",
    "cache",
    "cache_memory_mb",
    "train_weights",
    "test_weights",
];

/// Whether `name` in `[data]` says that rows arrive while the job runs.
#[must_use]
pub fn is_stream(name: &str) -> bool {
    name == NAME
}

/// The keys of the stream itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    of: String,
    #[serde(default = "standard_input")]
    train: String,
    #[serde(default = "window")]
    window: u64,
    #[serde(default = "ahead_rows")]
    ahead_rows: u64,
    folder: Option<PathBuf>,
}

fn standard_input() -> String {
    "-".into()
}

fn window() -> u64 {
    WINDOW
}

fn ahead_rows() -> u64 {
    AHEAD_ROWS
}

/// What the keys say, once they are judged.
#[derive(Clone, Debug)]
struct Checked {
    /// The name of the format.
    of: &'static str,
    window: u64,
    ahead_rows: u64,
    folder: Option<PathBuf>,
    /// The keys of the format but for `train`.
    options: Table,
}

fn refuse(problem: impl Into<String>) -> DataError {
    DataError::Options {
        dataset: NAME,
        problem: problem.into(),
    }
}

fn checked(table: &Table) -> Result<Checked, DataError> {
    let (mut own, mut options) = (Table::new(), table.clone());
    for key in ["of", "train", "window", "ahead_rows", "folder"] {
        if let Some(value) = options.remove(key) {
            own.insert(key.into(), value);
        }
    }
    let keys: Keys = read_keys(NAME, &own)?;
    let of = match keys.of.as_str() {
        "libsvm" => libsvm::ENTRY.name,
        "csv" => csv::ENTRY.name,
        other => {
            return Err(refuse(format!(
                "expected `of` = \"libsvm\" or \"csv\", text with one row per line, found \"{other}\""
            )));
        }
    };
    if keys.train != "-" {
        return Err(refuse(format!(
            "expected `train` = \"-\", standard input, found \"{}\"; a file is read with `name` = \"{of}\", \
             or through a pipe: `tail -F FILE | thalweg train …`",
            keys.train
        )));
    }
    if !(1..=WINDOW_MAX).contains(&keys.window) {
        return Err(refuse(format!(
            "expected `window` from 1 to {WINDOW_MAX} rows, found {}",
            keys.window
        )));
    }
    if keys.ahead_rows < keys.window {
        return Err(refuse(format!(
            "expected `ahead_rows` of at least `window` = {}, found {}",
            keys.window, keys.ahead_rows
        )));
    }
    if let Some(key) = REFUSED.iter().find(|key| options.contains_key(**key)) {
        return Err(refuse(format!(
            "expected no `{key}`: a stream is read once, row by row; judge by a file in `test`"
        )));
    }
    let checked = Checked {
        of,
        window: keys.window,
        ahead_rows: keys.ahead_rows,
        folder: keys.folder,
        options,
    };
    registry::check(of, &checked.table_of(Path::new(HEAD)))?;
    Ok(checked)
}

impl Checked {
    /// The `[data]` table with which the format reads this training file.
    fn table_of(&self, train: &Path) -> Table {
        let mut table = self.options.clone();
        let train = train.to_string_lossy().into_owned();
        table.insert("train".into(), Value::String(train));
        table
    }
}

fn load(table: &Table, folder: &Path) -> Result<Loaded, DataError> {
    let checked = checked(table)?;
    let Some(place) = &checked.folder else {
        return Err(refuse(
            "the rows of a stream are there only while `thalweg train` reads them; to look at a job or at \
             data use a file with some of its rows",
        ));
    };
    let segments = Segments::new(&folder.join(place));
    let of_head = checked.table_of(&segments.head());
    let head = registry::load(checked.of, &of_head, folder)?;
    let encoding = head.encoding.clone().expect("text files have an encoding");
    let streamed = Streamed::new(segments, head.train, encoding, of_head);
    Ok(Loaded {
        train: Arc::new(streamed),
        ..head
    })
}

/// Other files are read as those of the format are.
fn reopen(again: &Reopening<'_>) -> Result<Reopened, DataError> {
    let checked = checked(again.keys)?;
    registry::reopen(&Reopening {
        name: checked.of,
        keys: &checked.table_of(Path::new(HEAD)),
        ..*again
    })
}
