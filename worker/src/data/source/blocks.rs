//! A text in blocks of whole records, so that several threads can parse one file.
//!
//! A block ends behind a line; where fields can be quoted, behind a line at whose end no quote is
//! open. The first block is small: what it says of the file spares the others a second parsing.

use std::{
    io::{ErrorKind, Read},
    mem,
    path::Path,
};

use memchr::{memchr, memchr_iter, memrchr};

use super::{LINE_BYTES_MAX, Source};
use crate::data::{DataError, LineProblem};

/// Bytes of the first block.
const FIRST_BYTES: usize = 1 << 16;

/// Bytes of the others, unless a record is longer: large against what a hand-over costs.
const BLOCK_BYTES: usize = 1 << 20;

/// Whole records of a text.
#[derive(Debug)]
pub(in crate::data) struct Block {
    pub(in crate::data) text: Vec<u8>,
    /// The number of its first line, from 1.
    pub(in crate::data) line: u64,
}

/// Where a text may be cut.
#[derive(Clone, Copy, Debug)]
pub(in crate::data) enum Cut {
    /// Behind every line.
    Lines,
    /// Behind lines that end outside of quotes; a quote opens a field only behind this delimiter or at
    /// the start of a line, as in RFC 4180.
    Records(u8),
}

/// Reads a file block by block.
#[derive(Debug)]
pub(in crate::data) struct Blocks {
    source: Source,
    cut: Cut,
    bytes: usize,
    /// Text behind the last block.
    rest: Vec<u8>,
    line: u64,
    has_ended: bool,
    /// Told once all text before it has been handed out.
    failure: Option<DataError>,
    returned: Option<Block>,
}

impl Blocks {
    /// The text of this source.
    pub(in crate::data) fn of(source: Source, cut: Cut) -> Self {
        Self {
            source,
            cut,
            bytes: FIRST_BYTES,
            rest: Vec::new(),
            line: 1,
            has_ended: false,
            failure: None,
            returned: None,
        }
    }

    /// The path as messages show it.
    pub(in crate::data) fn path(&self) -> &Path {
        self.source.path()
    }

    /// Makes this the next block.
    pub(in crate::data) fn put_back(&mut self, block: Block) {
        self.returned = Some(block);
    }

    /// The next block; `None` at the end of the file.
    pub(in crate::data) fn next_block(&mut self) -> Result<Option<Block>, DataError> {
        if let Some(block) = self.returned.take() {
            return Ok(Some(block));
        }
        let mut text = mem::take(&mut self.rest);
        let mut bytes = mem::replace(&mut self.bytes, BLOCK_BYTES);
        let end = loop {
            self.read_up_to(bytes, &mut text);
            match self.cut.last(&text) {
                _ if self.has_ended && self.failure.is_none() => break text.len(),
                Some(end) => break end,
                None if self.has_ended => break 0,
                None if text.len() <= LINE_BYTES_MAX => bytes = 2 * bytes.max(text.len()),
                None if memchr(b'\n', &text).is_none() => return Err(self.too_long()),
                // A quote that never closes: the parser names the place.
                None => break text.len(),
            }
        };
        if end == 0 {
            return self.failure.take().map_or(Ok(None), Err);
        }
        self.rest = text.split_off(end);
        let line = self.line;
        self.line += memchr_iter(b'\n', &text).count() as u64;
        Ok(Some(Block { text, line }))
    }

    fn read_up_to(&mut self, bytes: usize, text: &mut Vec<u8>) {
        let mut filled = text.len();
        if self.has_ended || bytes <= filled {
            return;
        }
        // Large reads go past the reader's own buffer, straight into the block.
        text.reserve_exact(bytes - filled);
        text.resize(bytes, 0);
        while filled < bytes && !self.has_ended {
            match self.source.reader.read(&mut text[filled..]) {
                Ok(0) => self.has_ended = true,
                Ok(read) => filled += read,
                Err(source) if source.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    let lines = memchr_iter(b'\n', &text[..filled]).count() as u64;
                    self.has_ended = true;
                    self.failure = Some(self.source.failed(self.line - 1 + lines, source));
                }
            }
        }
        text.truncate(filled);
    }

    fn too_long(&self) -> DataError {
        DataError::Line {
            path: self.path().to_owned(),
            line: self.line,
            column: 1,
            problem: LineProblem::LineTooLong {
                bytes_max: LINE_BYTES_MAX as u64,
            },
        }
    }
}

impl Cut {
    /// Where the last whole record of a text ends that begins with a record.
    fn last(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Lines => memrchr(b'\n', text).map(|end| end + 1),
            Self::Records(delimiter) => record_end(text, delimiter),
        }
    }
}

/// The end of the last line that ends outside of quotes.
fn record_end(text: &[u8], delimiter: u8) -> Option<usize> {
    let (mut end, mut outside, mut at) = (None, 0, 0);
    loop {
        let quote = memchr(b'"', &text[at..]).map(|quote| at + quote);
        if let Some(start) = quote
            && start != 0
            && text[start - 1] != delimiter
            && text[start - 1] != b'\n'
        {
            at = start + 1;
            continue;
        }
        let start = quote.unwrap_or(text.len());
        if let Some(line) = memrchr(b'\n', &text[outside..start]) {
            end = Some(outside + line + 1);
        }
        match quote.and_then(|start| behind_quote(text, start + 1)) {
            Some(behind) => (outside, at) = (behind, behind),
            None => return end,
        }
    }
}

/// The place behind the quote that closes a field which begins here; `None` if the text does not show
/// it: a quote that ends the text may be half of a doubled one.
fn behind_quote(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', &text[at..])? + 1;
        if *text.get(at)? != b'"' {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Blocks, Cut, record_end};
    use crate::data::source::Source;

    #[test]
    fn records_end_at_lines_outside_of_the_quotes_of_rfc_4180() {
        for (text, end) in [
            ("a,b", None),
            ("a,b\nc", Some(4)),
            ("a,\"b\n", None),
            ("1\na,\"b\nc\",d", Some(2)),
            ("a,\"b\"\"\n", None),
            ("\"a\"\"\",5\" disk\nb", Some(14)),
            ("1\na,\"b\n\"", Some(2)),
            ("x\n\"a\n\"\n\"b\n", Some(7)),
            ("a, \"b\n", Some(6)),
        ] {
            assert_eq!(record_end(text.as_bytes(), b','), end, "{text}");
        }
    }

    #[test]
    fn blocks_are_whole_records_and_together_the_whole_text() {
        let record = "1,\"two\nlines, and \"\"quotes\"\"\",3\n4,5\" disk,6\n";
        let text = record.repeat(60_000);
        let source = Source::of_bytes(Path::new("a.csv"), text.as_bytes().into()).unwrap();
        let mut blocks = Blocks::of(source, Cut::Records(b','));
        let (mut whole, mut line, mut count) = (Vec::new(), 1, 0);
        while let Some(block) = blocks.next_block().unwrap() {
            assert_eq!(block.line, line);
            assert!(
                block.text.starts_with(b"1,") || block.text.starts_with(b"4,"),
                "{line}"
            );
            line += block.text.iter().filter(|byte| **byte == b'\n').count() as u64;
            whole.extend_from_slice(&block.text);
            count += 1;
        }
        assert!(whole == text.as_bytes() && 2 < count, "{count} blocks");
    }
}
