//! How a CSV file is written (delimiter, header) and which of its columns is what.

use std::path::Path;

use super::{input::Opened, keys::Keys, records::Records};
use crate::data::{
    DataError, LineProblem,
    source::{Block, Blocks, Cut, Lines, Source},
};

/// Delimiters that are looked for; of two that are as frequent the first is taken.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Names of the target where the job says none.
pub(in crate::data) const TARGETS: [&str; 4] = ["label", "target", "y", "class"];

/// Columns that a message lists.
const COLUMNS_SHOWN_MAX: usize = 30;

/// How a text file is written, and its data behind the header.
#[derive(Debug)]
pub(super) struct Written {
    /// The blocks of data.
    pub(super) blocks: Blocks,
    /// The columns' names; where there is no header, their numbers from 1.
    pub(super) names: Vec<String>,
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
}

/// Opens a file as the keys say, and looks at its first line where they say nothing; `source` gives
/// the file from its start.
pub(super) fn open(
    source: impl Fn() -> Result<Source, DataError>,
    keys: &Keys,
) -> Result<Written, DataError> {
    let first = source()?;
    let path = first.path().to_owned();
    let delimiter = match keys.delimiter.or_else(|| delimiter_by_name(&path)) {
        Some(delimiter) => delimiter,
        None => delimiter_of(&first_line(&mut Lines::of(first))?),
    };
    let mut blocks = Blocks::of(source()?, Cut::Records(delimiter));
    while let Some(mut block) = blocks.next_block()? {
        let Some((names, data)) = header(&path, &block, delimiter, keys)? else {
            continue;
        };
        if let Some((start, line)) = data {
            block = Block {
                text: block.text.split_off(start),
                line,
            };
        }
        blocks.put_back(block);
        return Ok(Written {
            blocks,
            names,
            delimiter,
            has_header: data.is_some(),
        });
    }
    Err(DataError::Empty { path })
}

/// Where data begin in a block that begins with a header, and in which line.
type DataStart = Option<(usize, u64)>;

/// The names of the columns, and where the data begin if the first record has the names; `None` for
/// a block without a record.
fn header(
    path: &Path,
    block: &Block,
    delimiter: u8,
    keys: &Keys,
) -> Result<Option<(Vec<String>, DataStart)>, DataError> {
    let mut records = Records::new(path, block, delimiter);
    let Some(first) = records.next_record()? else {
        return Ok(None);
    };
    if first.len() < 2 {
        let delimiter = char::from(delimiter).escape_default().to_string();
        return Err(first.error(0, LineProblem::OneColumn { delimiter }));
    }
    let is_number = |index: usize| crate::data::number::parse(first.field(index)).is_some();
    let has_header = keys
        .header
        .unwrap_or_else(|| !(0..first.len()).any(is_number));
    if !has_header {
        let numbers = (1..=first.len()).map(|number| number.to_string());
        return Ok(Some((numbers.collect(), None)));
    }
    let name = |index: usize| String::from_utf8_lossy(first.field(index)).into_owned();
    let names: Vec<String> = (0..first.len()).map(name).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let name = name.clone();
            return Err(first.error(index, LineProblem::ColumnTwice { name }));
        }
    }
    Ok(Some((names, Some(records.position()))))
}

/// The first line that is not blank.
fn first_line(lines: &mut Lines) -> Result<Vec<u8>, DataError> {
    while let Some((_, line)) = lines.next_line()? {
        if !line.iter().all(u8::is_ascii_whitespace) {
            return Ok(line.to_vec());
        }
    }
    Ok(Vec::new())
}

/// `.tsv` says that columns are cut by tabs, whatever they contain.
fn delimiter_by_name(path: &Path) -> Option<u8> {
    let name = path.file_name()?.to_str()?;
    let name = name
        .strip_suffix(".gz")
        .or(name.strip_suffix(".zst"))
        .unwrap_or(name);
    name.ends_with(".tsv").then_some(b'\t')
}

/// The delimiter that stands most often in this line, outside of quotes.
fn delimiter_of(line: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for byte in line {
        is_quoted ^= *byte == b'"';
        if let Some(kind) = DELIMITERS.iter().position(|d| d == byte && !is_quoted) {
            counts[kind] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    let kind = counts.iter().position(|count| *count == most);
    DELIMITERS[kind.unwrap_or_default()]
}

/// Where among these columns the target is.
pub(super) fn target_of(
    dataset: &'static str,
    wanted: Option<&str>,
    opened: &Opened,
) -> Result<usize, DataError> {
    let names = &opened.names;
    let found = match wanted {
        Some(name) => names.iter().position(|column| column == name),
        None => TARGETS
            .iter()
            .find_map(|name| names.iter().position(|column| column == name)),
    };
    found.ok_or_else(|| no_column(dataset, wanted, opened))
}

fn no_column(dataset: &'static str, wanted: Option<&str>, opened: &Opened) -> DataError {
    let names = &opened.names;
    let more = match names.len().checked_sub(COLUMNS_SHOWN_MAX) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let listed = names[..names.len().min(COLUMNS_SHOWN_MAX)].join(", ");
    let wanted = match wanted {
        Some(name) => format!("a column `{name}`, which `target` names"),
        None => format!(
            "`target` to name a column (none is called {})",
            TARGETS.join(", ")
        ),
    };
    DataError::Options {
        dataset,
        problem: format!(
            "{}: expected {wanted}, found the columns {listed}{more}; set `target` in [data] to a name \
             or a number from 1",
            opened.path.display()
        ),
    }
}

/// Where in the file each of these columns is.
pub(super) fn places(wanted: &[String], opened: &Opened) -> Result<Vec<usize>, DataError> {
    let place = |name: &String| {
        let found = opened.names.iter().position(|column| column == name);
        found.ok_or_else(|| DataError::Columns {
            path: opened.path.clone(),
            column: name.clone(),
            found: opened.names.join(", ").chars().take(400).collect(),
        })
    };
    wanted.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{delimiter_by_name, delimiter_of};

    #[test]
    fn the_first_line_and_the_name_tell_the_delimiter() {
        for (line, delimiter) in [
            ("a,b,c", b','),
            ("a;b,c;d", b';'),
            ("a\tb", b'\t'),
            ("a|b|c", b'|'),
            ("\"a,b,c\";d", b';'),
            ("alone", b','),
        ] {
            assert_eq!(delimiter_of(line.as_bytes()), delimiter, "{line}");
        }
        assert_eq!(delimiter_by_name(Path::new("d/a.tsv.gz")), Some(b'\t'));
        assert_eq!(delimiter_by_name(Path::new("a.csv")), None);
    }
}
