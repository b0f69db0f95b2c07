//! The records of a CSV file, field by field, each with its place.
//!
//! A line without a quote is cut at its delimiters where it lies; one with quotes goes through
//! `csv-core`, which knows quoted delimiters, doubled quotes and line breaks in quotes. Blanks around a
//! field are no part of it. Blank lines are no records.
//!
//! Source: RFC 4180.

use std::path::Path;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::data::{DataError, LineProblem, source::Lines};

/// A byte order mark, which some programs write before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A quoted field may span lines; one that never ends must not fill the memory.
const RECORD_BYTES_MAX: usize = 1 << 28;

/// Reads records one by one.
#[derive(Debug)]
pub(super) struct Records {
    lines: Lines,
    delimiter: u8,
    quoted: Box<Reader>,
    /// The line, or the fields without their quotes.
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field lies in the text, and where it stands in the file.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    line: u64,
    column: usize,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    text: &'a [u8],
    fields: &'a [Field],
    path: &'a Path,
}

impl<'a> Record<'a> {
    /// How many fields it has, at least one.
    pub(super) fn len(self) -> usize {
        self.fields.len()
    }

    /// The field of this index, without blanks around it.
    pub(super) fn field(self, index: usize) -> &'a [u8] {
        let field = self.fields[index];
        &self.text[field.start..field.end]
    }

    /// The error of a field.
    pub(super) fn error(self, index: usize, problem: LineProblem) -> DataError {
        let field = self.fields[index];
        DataError::Line {
            path: self.path.to_owned(),
            line: field.line,
            column: field.column,
            problem,
        }
    }

    /// The place of a field, for messages about others.
    pub(super) fn place(self, index: usize) -> String {
        format!("{}:{}", self.path.display(), self.fields[index].line)
    }
}

impl Records {
    pub(super) fn new(lines: Lines, delimiter: u8) -> Self {
        let quoted = ReaderBuilder::new().delimiter(delimiter).build();
        Self {
            lines,
            delimiter,
            quoted: Box::new(quoted),
            text: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, DataError> {
        loop {
            let Some((number, line)) = self.lines.next_line()? else {
                return Ok(None);
            };
            let line = match number {
                1 => line.strip_prefix(MARK).unwrap_or(line),
                _ => line,
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.text.clear();
            self.text.extend_from_slice(line);
            self.fields.clear();
            if self.text.contains(&b'"') {
                self.read_quoted(number)?;
            } else {
                self.cut(number);
            }
            return Ok(Some(Record {
                text: &self.text,
                fields: &self.fields,
                path: self.lines.path(),
            }));
        }
    }

    fn cut(&mut self, line: u64) {
        let mut start = 0;
        for field in self.text.split(|byte| *byte == self.delimiter) {
            let end = start + field.len();
            let whole = Field {
                start,
                end,
                line,
                column: start + 1,
            };
            let is_trimmed = match field {
                [first, .., last] => b' ' < *first && b' ' < *last,
                [only] => b' ' < *only,
                [] => true,
            };
            self.fields.push(if is_trimmed {
                whole
            } else {
                trimmed(&self.text[..end], whole)
            });
            start = end + 1;
        }
    }

    /// Reads a record that begins with the text of line `number` and may take more lines.
    fn read_quoted(&mut self, number: u64) -> Result<(), DataError> {
        let mut input = std::mem::take(&mut self.text);
        input.push(b'\n');
        self.quoted.reset();
        let (mut line, mut at) = (number, 0);
        let mut open = Field {
            start: 0,
            end: 0,
            line,
            column: 1,
        };
        let mut piece = [0; 512];
        loop {
            let (result, read, written) = self.quoted.read_field(&input[at..], &mut piece);
            at += read;
            self.text.extend_from_slice(&piece[..written]);
            match result {
                ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { record_end } => {
                    self.fields.push(trimmed(&self.text, open));
                    if record_end {
                        return Ok(());
                    }
                    open = Field {
                        start: self.text.len(),
                        end: 0,
                        line,
                        column: at + 1,
                    };
                }
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {
                    let more = match self.lines.next_line()? {
                        Some(more) if self.text.len() <= RECORD_BYTES_MAX => more,
                        _ => return Err(unclosed(self.lines.path(), open)),
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

fn trimmed(text: &[u8], open: Field) -> Field {
    let field = &text[open.start..];
    let end = field.trim_ascii_end().len();
    let start = field.len() - field.trim_ascii_start().len();
    Field {
        start: open.start + start.min(end),
        end: open.start + end,
        ..open
    }
}

fn unclosed(path: &Path, open: Field) -> DataError {
    DataError::Line {
        path: path.to_owned(),
        line: open.line,
        column: open.column,
        problem: LineProblem::Unclosed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Records;
    use crate::data::source::Lines;

    /// All records, each field with `line:column`.
    fn records(text: &str) -> Result<Vec<Vec<(String, String)>>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let mut records = Records::new(Lines::open(file.path()).unwrap(), b',');
        let mut found = Vec::new();
        loop {
            let record = match records.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(found),
                Err(error) => return Err(error.to_string()),
            };
            let field = |index| {
                let text = String::from_utf8(record.field(index).to_vec()).unwrap();
                let place = record.fields[index];
                (text, format!("{}:{}", place.line, place.column))
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
