//! The reading end of a stream: lines come in, the head and segments go out.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml::Table;

use super::{Checked, checked, segments::Segments, streamed::read_segment};
use crate::data::{DataError, Dataset, Encoding, csv, sniff::sniff};

/// Rows in a segment, at most.
const SEGMENT_ROWS: u64 = 4_096;

/// Writes a stream into a folder.
#[derive(Debug)]
pub struct Spool {
    checked: Checked,
    segments: Segments,
    /// The first line of every segment, if the format has names there.
    header: Vec<u8>,
    encoding: Option<Encoding>,
    table: Table,
    /// Rows in the head and in all finished segments.
    rows: u64,
    /// Lines of the stream before `text`.
    lines: u64,
    /// Lines of the next segment, and how many.
    text: Vec<u8>,
    text_lines: u64,
    /// The first row of each segment that is there.
    kept: Vec<u64>,
}

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The rows cannot be understood.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The folder takes no more files.
    #[error("{}: {source}; make room, or name another run folder with --out", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are too few rows to learn from.
    #[error(
        "standard input: expected at least {window} rows, which say what the data are, found {lines} lines; \
         lower `window` in [data], or train on a file"
    )]
    Short {
        /// The rows that were waited for.
        window: u64,
        /// What came.
        lines: u64,
    },
}

impl Spool {
    /// A spool for the stream of this `[data]` table, in a folder that it makes.
    ///
    /// # Errors
    /// [`StreamError`] if a key is wrong or the folder cannot be made.
    pub fn new(table: &Table, folder: &Path) -> Result<Self, StreamError> {
        let checked = checked(table)?;
        fs::create_dir_all(folder).map_err(|source| StreamError::Io {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            checked,
            segments: Segments::new(folder),
            header: Vec::new(),
            encoding: None,
            table: Table::new(),
            rows: 0,
            lines: 0,
            text: Vec::new(),
            text_lines: 0,
            kept: Vec::new(),
        })
    }

    /// Where it writes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.segments.folder()
    }

    /// Rows that may be read before they are used.
    #[must_use]
    pub fn ahead_rows(&self) -> u64 {
        self.checked.ahead_rows
    }

    /// Takes a line, without its end.
    pub fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        self.text_lines += 1;
    }

    /// Whether the head, or a segment, has all its lines.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self.encoding {
            None => self.checked.window + self.names() <= self.text_lines,
            Some(_) => SEGMENT_ROWS <= self.text_lines,
        }
    }

    /// Whether there are lines that are in no segment yet.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        0 < self.text_lines
    }

    /// Writes the lines so far as the head.
    ///
    /// # Errors
    /// [`StreamError`] if there are too few, or the folder does not take them.
    pub fn write_head(&mut self) -> Result<(), StreamError> {
        if self.text_lines < self.checked.window {
            return Err(StreamError::Short {
                window: self.checked.window,
                lines: self.text_lines,
            });
        }
        let path = self.segments.head();
        fs::write(&path, &self.text).map_err(|source| StreamError::Io { path, source })?;
        Ok(())
    }

    /// The head has been read: all further rows are read in the same way.
    ///
    /// # Errors
    /// [`StreamError`] if the head cannot be looked at once more.
    ///
    /// # Panics
    /// If the encoding is of another format.
    pub fn learnt(&mut self, head: &dyn Dataset, encoding: Encoding) -> Result<(), StreamError> {
        assert_eq!(encoding.dataset, self.checked.of, "the head's encoding");
        let path = self.segments.head();
        let has_names = match self.checked.options.get("header").map(toml::Value::as_bool) {
            Some(Some(has_names)) => has_names,
            Some(None) | None => sniff(&path)?.header == Some(true),
        };
        if has_names {
            let end = self.text.iter().position(|byte| *byte == b'\n');
            self.header = self.text[..end.map_or(0, |end| end + 1)].to_vec();
        }
        self.table = self.checked.table_of(&path);
        self.encoding = Some(encoding);
        self.rows = head.rows();
        self.lines = self.text_lines;
        self.forget_lines();
        Ok(())
    }

    /// Writes the lines so far as a segment. Answers with how many rows have arrived in all.
    ///
    /// # Errors
    /// [`StreamError`] if a line is no row, with its place in the stream: the lines before it are then
    /// written. Or if the folder does not take them.
    ///
    /// # Panics
    /// Before [`Self::learnt`].
    pub fn write_segment(&mut self) -> Result<u64, StreamError> {
        let encoding = self.encoding.as_ref().expect("the head was learnt");
        if self.text_lines == 0 {
            return Ok(self.rows);
        }
        let path = self.segments.path(self.rows);
        let io_error = |source| StreamError::Io {
            path: path.clone(),
            source,
        };
        let text = [&self.header[..], &self.text].concat();
        self.segments.write(self.rows, &text).map_err(io_error)?;
        let added = match read_segment(&path.to_string_lossy(), encoding, &self.table) {
            Ok(rows) => rows.rows(),
            // Comments and blank lines are no rows.
            Err(DataError::Empty { .. }) => 0,
            Err(error) => {
                self.segments.remove(self.rows).ok();
                let line = match &error {
                    DataError::Line { line, .. } => *line,
                    _ => 0,
                };
                let error = self.in_stream(error);
                self.keep_before(line);
                if self.has_lines() {
                    self.write_segment()?;
                }
                return Err(error.into());
            }
        };
        if added == 0 {
            self.segments.remove(self.rows).map_err(io_error)?;
        } else {
            self.kept.push(self.rows);
            self.rows += added;
        }
        self.lines += self.text_lines;
        self.forget_lines();
        Ok(self.rows)
    }

    /// Removes segments all of whose rows are below this one.
    ///
    /// # Errors
    /// [`StreamError::Io`] if a file cannot be removed.
    pub fn forget(&mut self, used: u64) -> Result<(), StreamError> {
        while let Some(first) = self.kept.first().copied() {
            let end = self.kept.get(1).copied().unwrap_or(self.rows);
            if used < end {
                break;
            }
            self.segments
                .remove(first)
                .map_err(|source| StreamError::Io {
                    path: self.segments.path(first),
                    source,
                })?;
            self.kept.remove(0);
        }
        Ok(())
    }

    /// The rows that have arrived.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Keeps the lines of the next segment that stand before this line of its file, counted from 1.
    fn keep_before(&mut self, line: u64) {
        let names = u64::from(!self.header.is_empty());
        let kept = line.saturating_sub(1 + names);
        let ends = memchr::memchr_iter(b'\n', &self.text);
        let end = match kept {
            0 => 0,
            kept => ends
                .zip(1..)
                .find(|(_, number)| *number == kept)
                .map_or(0, |(end, _)| end + 1),
        };
        self.text.truncate(end);
        self.text_lines = if end == 0 { 0 } else { kept };
    }

    /// Lines of the head that may be names of columns.
    fn names(&self) -> u64 {
        u64::from(self.checked.of == csv::ENTRY.name)
    }

    fn forget_lines(&mut self) {
        self.text.clear();
        self.text_lines = 0;
    }

    /// An error at a line of the present segment, at its place in the stream.
    fn in_stream(&self, error: DataError) -> DataError {
        let names = u64::from(!self.header.is_empty());
        match error {
            DataError::Line {
                line,
                column,
                problem,
                ..
            } => DataError::Line {
                path: PathBuf::from("standard input"),
                line: self.lines + line - names.min(line),
                column,
                problem,
            },
            other => other,
        }
    }
}
