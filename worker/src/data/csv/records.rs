//! The records of a block of a CSV file, field by field, each with its place.
//!
//! A line without a quote is cut where it lies, at delimiters and its end in one go; one with quotes goes
//! through `csv-core`, which knows quoted delimiters, doubled quotes and line breaks in quotes. Blanks
//! around a field are no part of it. Blank lines are no records.
//!
//! Source: RFC 4180.

use std::{ops::Range, path::Path};

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use memchr::memchr;

use crate::data::{DataError, LineProblem, source::Block};

/// A byte order mark, which some programs write before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads records one by one.
#[derive(Debug)]
pub(super) struct Records<'t> {
    path: &'t Path,
    text: &'t [u8],
    at: usize,
    /// The line at `at`.
    line: u64,
    delimiter: u8,
    /// The next quote from `at` on; behind the text if there is none.
    quote: usize,
    quoted: Option<Box<Reader>>,
    /// The fields of a quoted record, without their quotes.
    unquoted: Vec<u8>,
    /// Where each of these stands in the file: line and column.
    places: Vec<(u64, usize)>,
    fields: Vec<(usize, usize)>,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    path: &'a Path,
    text: &'a [u8],
    fields: &'a [(usize, usize)],
    places: Places<'a>,
}

/// Where the fields of a record stand in the file.
#[derive(Clone, Copy, Debug)]
enum Places<'a> {
    /// In one line, which begins at `start` and is cut by the delimiter: looked for when asked.
    Cut {
        line: u64,
        start: usize,
        delimiter: u8,
    },
    /// Line and column of each.
    Each(&'a [(u64, usize)]),
}

impl<'a> Record<'a> {
    /// How many fields it has, at least one.
    pub(super) fn len(self) -> usize {
        self.fields.len()
    }

    /// The field of this index, without blanks around it.
    #[inline]
    pub(super) fn field(self, index: usize) -> &'a [u8] {
        let (start, end) = self.fields[index];
        &self.text[start..end]
    }

    /// The text in which the field of this index stands, and where.
    #[inline]
    pub(super) fn field_within(self, index: usize) -> (&'a [u8], Range<usize>) {
        let (start, end) = self.fields[index];
        (self.text, start..end)
    }

    /// Line and column of a field.
    fn position(self, index: usize) -> (u64, usize) {
        match self.places {
            Places::Each(places) => places[index],
            Places::Cut {
                line,
                start,
                delimiter,
            } => {
                let fields = self.text[start..].split(|byte| *byte == delimiter);
                let before = fields.take(index);
                (line, before.map(|field| field.len() + 1).sum::<usize>() + 1)
            }
        }
    }

    /// The error of a field.
    pub(super) fn error(self, index: usize, problem: LineProblem) -> DataError {
        let (line, column) = self.position(index);
        DataError::Line {
            path: self.path.to_owned(),
            line,
            column,
            problem,
        }
    }

    /// The place of a field, for messages about others.
    pub(super) fn place(self, index: usize) -> String {
        format!("{}:{}", self.path.display(), self.position(index).0)
    }
}

impl<'t> Records<'t> {
    pub(super) fn new(path: &'t Path, block: &'t Block, delimiter: u8) -> Self {
        let text = &block.text[..];
        let is_marked = block.line == 1 && text.starts_with(MARK);
        Self {
            path,
            text,
            at: if is_marked { MARK.len() } else { 0 },
            line: block.line,
            delimiter,
            quote: next_quote(text, 0),
            quoted: None,
            unquoted: Vec::new(),
            places: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The text, and where the next record begins in it.
    pub(super) fn rest(&self) -> (&'t [u8], usize) {
        (self.text, self.at)
    }

    /// Goes on with the line that begins at `end`, behind one that was read elsewhere and has no quotes.
    pub(super) fn pass(&mut self, end: usize) {
        self.at = end;
        self.line += 1;
    }

    /// Bytes that were read, and the line behind them.
    pub(super) fn position(&self) -> (usize, u64) {
        (self.at, self.line)
    }

    /// The next line without its end, and its number.
    fn next_line(&mut self) -> Option<(u64, &'t [u8])> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.at += rest.len().min(end + 1);
        self.line += 1;
        let line = &rest[..end];
        Some((self.line - 1, line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// The next record; `None` at the end of the block.
    #[inline]
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, DataError> {
        loop {
            let (start, number) = (self.at, self.line);
            if start == self.text.len() {
                return Ok(None);
            }
            let end = self.cut(start);
            self.at = self.text.len().min(end + 1);
            self.line += 1;
            let line = &self.text[start..end];
            if self.quote < end {
                self.fields.clear();
                self.read_quoted(number, line.strip_suffix(b"\r").unwrap_or(line))?;
                self.quote = next_quote(self.text, self.at);
                return Ok(Some(Record {
                    path: self.path,
                    text: &self.unquoted,
                    fields: &self.fields,
                    places: Places::Each(&self.places),
                }));
            }
            // A line that begins with ink is not blank, which is what nearly all lines do.
            let is_blank = || line.iter().all(u8::is_ascii_whitespace);
            if line.first().is_none_or(|first| *first <= b' ') && is_blank() {
                continue;
            }
            return Ok(Some(Record {
                path: self.path,
                text: self.text,
                fields: &self.fields,
                places: Places::Cut {
                    line: number,
                    start,
                    delimiter: self.delimiter,
                },
            }));
        }
    }

    /// Cuts the line that begins here into fields, as if it had no quotes: where it ends. Eight bytes are
    /// looked at together.
    fn cut(&mut self, start: usize) -> usize {
        self.fields.clear();
        let text = self.text;
        let [delimiters, ends] = [self.delimiter, b'\n'].map(|byte| EACH * u64::from(byte));
        let (mut field, mut at) = (start, start);
        while let Some(word) = text[at..].first_chunk() {
            let word = u64::from_le_bytes(*word);
            let found = first_zero(word ^ delimiters) | first_zero(word ^ ends);
            if found == 0 {
                at += size_of_val(&word);
                continue;
            }
            let end = at + (found.trailing_zeros() / u8::BITS) as usize;
            self.fields.push(trimmed(text, field, end));
            if text[end] == b'\n' {
                return end;
            }
            (field, at) = (end + 1, end + 1);
        }
        for (end, byte) in text.iter().enumerate().skip(at) {
            if *byte == self.delimiter || *byte == b'\n' {
                self.fields.push(trimmed(text, field, end));
                field = end + 1;
            }
            if *byte == b'\n' {
                return end;
            }
        }
        self.fields.push(trimmed(text, field, text.len()));
        text.len()
    }

    /// Reads a record that begins with line `number` and may take more lines.
    fn read_quoted(&mut self, number: u64, first: &[u8]) -> Result<(), DataError> {
        let delimiter = self.delimiter;
        let new = || Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        let mut reader = self.quoted.take().unwrap_or_else(new);
        reader.reset();
        self.unquoted.clear();
        self.places.clear();
        let mut input = first.to_vec();
        input.push(b'\n');
        let (mut line, mut at, mut start) = (number, 0, 0);
        let mut place = (line, 1);
        let mut piece = [0; 512];
        loop {
            let (result, read, written) = reader.read_field(&input[at..], &mut piece);
            at += read;
            self.unquoted.extend_from_slice(&piece[..written]);
            match result {
                ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { record_end } => {
                    let end = self.unquoted.len();
                    self.fields.push(trimmed(&self.unquoted, start, end));
                    self.places.push(place);
                    if record_end {
                        self.quoted = Some(reader);
                        return Ok(());
                    }
                    start = self.unquoted.len();
                    place = (line, at + 1);
                }
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {
                    let Some(more) = self.next_line() else {
                        return Err(unclosed(self.path, place));
                    };
                    input.clear();
                    input.extend_from_slice(more.1);
                    input.push(b'\n');
                    (line, at) = (more.0, 0);
                }
            }
        }
    }
}

/// Each byte of a word, one in eight times.
const EACH: u64 = u64::MAX / 0xff;

/// A word whose lowest bit is in the first byte that is zero; 0 if none is.
#[inline]
fn first_zero(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & (EACH << 7)
}

/// The next quote from here on; behind the text if there is none.
fn next_quote(text: &[u8], from: usize) -> usize {
    memchr(b'"', &text[from..]).map_or(text.len(), |quote| from + quote)
}

/// Where a field lies without the blanks around it.
#[inline]
fn trimmed(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let field = &text[start..end];
    match field {
        [] => (start, end),
        [first, .., last] if b' ' < *first && b' ' < *last => (start, end),
        [only] if b' ' < *only => (start, end),
        _ => {
            let inked = field.trim_ascii_end().len();
            let blanks = field.len() - field.trim_ascii_start().len();
            (start + blanks.min(inked), start + inked)
        }
    }
}

fn unclosed(path: &Path, (line, column): (u64, usize)) -> DataError {
    DataError::Line {
        path: path.to_owned(),
        line,
        column,
        problem: LineProblem::Unclosed,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Records;
    use crate::data::source::Block;

    /// All records, each field with `line:column`.
    fn records(text: &str) -> Result<Vec<Vec<(String, String)>>, String> {
        let block = Block {
            text: text.into(),
            line: 1,
        };
        let mut records = Records::new(Path::new("a.csv"), &block, b',');
        let mut found = Vec::new();
        loop {
            let record = match records.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(found),
                Err(error) => return Err(error.to_string()),
            };
            let field = |index| {
                let text = String::from_utf8(record.field(index).to_vec()).unwrap();
                let (line, column) = record.position(index);
                (text, format!("{line}:{column}"))
            };
            found.push((0..record.len()).map(field).collect());
        }
    }

    fn row(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        fields.iter().map(owned).collect()
    }

    #[test]
    fn fields_have_their_text_and_place_with_and_without_quotes() {
        let text = "\u{feff}a,b, c \r\n\n1,,\n\"x, \"\"y\"\"\",2,\"two\nlines\",3\n  ,5\" disk,z";
        assert_eq!(
            records(text).unwrap(),
            [
                row(&[("a", "1:1"), ("b", "1:3"), ("c", "1:5")]),
                row(&[("1", "3:1"), ("", "3:3"), ("", "3:4")]),
                row(&[
                    ("x, \"y\"", "4:1"),
                    ("2", "4:12"),
                    ("two\nlines", "4:14"),
                    ("3", "5:8")
                ]),
                row(&[("", "6:1"), ("5\" disk", "6:4"), ("z", "6:12")]),
            ]
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_where_it_opens() {
        let error = records("a,b\n1,\"two\n3,4\n").unwrap_err();
        assert!(error.contains(":2:3: expected a closing quote"), "{error}");
    }
}
