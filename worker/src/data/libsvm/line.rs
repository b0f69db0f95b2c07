//! One line of a libsvm file, byte by byte; columns count from 1.

use crate::data::{LineProblem, encoding::LabelsIn, in_memory::Columns, number};

/// What is wrong, and in which column.
pub(in crate::data) type Misfit = (usize, LineProblem);

/// Longest piece of a file that an error repeats.
const SHOWN_BYTES_MAX: usize = 40;

/// Digits that every u64 holds.
const DIGITS_SAFE_MAX: usize = 19;

/// Reads one line: adds its features (made 0-based) to `columns` and returns its label, as it is
/// written, with the label's column. `None` when the line is blank or a comment; no label when the row
/// begins with a pair, where that may be.
///
/// The row is not closed: its label has still to be judged.
pub(in crate::data) fn parse_row(
    line: &[u8],
    features_max: u64,
    labels: LabelsIn,
    columns: &mut Columns,
) -> Result<Option<(Option<f32>, usize)>, Misfit> {
    match parse_words(line, features_max, labels, columns) {
        Err((column, problem)) => Err(first_foreign_byte(line).unwrap_or((column, problem))),
        row => row,
    }
}

fn parse_words(
    line: &[u8],
    features_max: u64,
    labels: LabelsIn,
    columns: &mut Columns,
) -> Result<Option<(Option<f32>, usize)>, Misfit> {
    let mut at = 0;
    let Some(label_word) = next_word(line, &mut at) else {
        return Ok(None);
    };
    let label_column = at - label_word.len() + 1;
    let label = match labels {
        LabelsIn::Optional if label_word.contains(&b':') => {
            at = 0;
            None
        }
        LabelsIn::Optional | LabelsIn::Needed => Some(
            number::parse(label_word)
                .filter(|label| label.is_finite())
                .ok_or_else(|| {
                    let found = shown(label_word);
                    (label_column, LineProblem::Label { found })
                })?,
        ),
    };
    let mut previous = 0;
    while let Some(word) = next_word(line, &mut at) {
        let column = at - word.len() + 1;
        let (index, value_word) = split_pair(word).map_err(|problem| (column, problem))?;
        let feature =
            judge_index(index, previous, features_max).map_err(|problem| (column, problem))?;
        let value_column = at - value_word.len() + 1;
        let value = number::parse_within(line, at - value_word.len()..at)
            .ok_or_else(|| (column, LineProblem::Pair { found: shown(word) }))?;
        if !value.is_finite() {
            return Err((
                value_column,
                LineProblem::NotFinite {
                    found: shown(value_word),
                },
            ));
        }
        columns.push(feature, value);
        previous = index;
    }
    Ok(Some((label, label_column)))
}

/// The next run of bytes without white space, before a comment; `at` is left behind it.
fn next_word<'a>(line: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = &line[*at..];
    let start = *at + rest.iter().position(|byte| !is_space(*byte))?;
    let rest = &line[start..];
    let length = rest.iter().position(|&byte| is_space(byte) || byte == b'#');
    let end = start + length.unwrap_or(rest.len());
    *at = end;
    (start < end).then(|| &line[start..end])
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Splits `index:value`; an index that is no u64 is cut to the largest u64.
fn split_pair(word: &[u8]) -> Result<(u64, &[u8]), LineProblem> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, word.get(digits)) {
        (1.., Some(b':')) => {
            let digit = |digit: &u8| u64::from(*digit - b'0');
            let index = match digits {
                // No u64 can overflow: the common case needs no check.
                ..=DIGITS_SAFE_MAX => word[..digits]
                    .iter()
                    .fold(0, |index, d| index * 10 + digit(d)),
                _ => word[..digits].iter().fold(0_u64, |index, d| {
                    index.saturating_mul(10).saturating_add(digit(d))
                }),
            };
            Ok((index, &word[digits + 1..]))
        }
        _ if word.starts_with(b"qid:") => Err(LineProblem::QueryGroup { found: shown(word) }),
        _ => Err(LineProblem::Pair { found: shown(word) }),
    }
}

/// The 0-based feature of a 1-based index that follows `previous` (0 at the start of a row).
fn judge_index(index: u64, previous: u64, features_max: u64) -> Result<u32, LineProblem> {
    if index == 0 {
        return Err(LineProblem::IndexZero);
    }
    if index == previous {
        return Err(LineProblem::IndexTwice { found: index });
    }
    if index < previous {
        return Err(LineProblem::IndexOrder {
            previous,
            found: index,
        });
    }
    match u32::try_from(index - 1) {
        Ok(feature) if index <= features_max => Ok(feature),
        _ => Err(LineProblem::IndexPastEnd {
            features_max,
            found: index,
        }),
    }
}

/// A byte that no text has explains an error better than the word it stands in.
fn first_foreign_byte(line: &[u8]) -> Option<Misfit> {
    let foreign = |byte: &u8| !matches!(byte, b'\t' | b'\r' | b' '..=b'~');
    let place = line.iter().position(foreign)?;
    Some((place + 1, LineProblem::NotText { found: line[place] }))
}

fn shown(word: &[u8]) -> String {
    match word.get(..SHOWN_BYTES_MAX) {
        Some(start) if SHOWN_BYTES_MAX < word.len() => format!("{}…", start.escape_ascii()),
        _ => word.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Misfit, parse_row};
    use crate::data::{
        Dataset, InMemory, LineProblem, Rows, Task, encoding::LabelsIn, in_memory::Columns,
    };

    fn parsed(line: &str) -> Option<(f32, Vec<u32>, Vec<f32>)> {
        let mut columns = Columns::new();
        let row = parse_row(line.as_bytes(), 100, LabelsIn::Needed, &mut columns).unwrap();
        let label = row?.0.unwrap();
        columns.close(label);
        let mut rows = Rows::new();
        InMemory::new(columns, 100, Task::Real).fill(&[0], &mut rows);
        Some((label, rows.features().to_vec(), rows.values().to_vec()))
    }

    fn misfit(line: &str) -> Misfit {
        parse_row(line.as_bytes(), 100, LabelsIn::Needed, &mut Columns::new()).unwrap_err()
    }

    #[test]
    fn white_space_and_comments_are_free() {
        assert_eq!(
            parsed("+1 1:1 4:0.5"),
            Some((1.0, vec![0, 3], vec![1.0, 0.5]))
        );
        assert_eq!(
            parsed("\t 3.5\t2:-1e-2   100:7 \t"),
            Some((3.5, vec![1, 99], vec![-0.01, 7.0]))
        );
        assert_eq!(parsed("-1 1:1# 2:1"), Some((-1.0, vec![0], vec![1.0])));
        assert_eq!(parsed("-1 # nothing"), Some((-1.0, vec![], vec![])));
        assert_eq!(parsed("0"), Some((0.0, vec![], vec![])));
        for nothing in ["", "   ", "# a comment", "\t\r"] {
            assert_eq!(parsed(nothing), None);
        }
    }

    #[test]
    fn a_word_that_is_no_number_or_no_pair_is_named_with_its_column() {
        let label = |found: &str| LineProblem::Label {
            found: found.into(),
        };
        let pair = |found: &str| LineProblem::Pair {
            found: found.into(),
        };
        let not_finite = |found: &str| LineProblem::NotFinite {
            found: found.into(),
        };
        let group = |found: &str| LineProblem::QueryGroup {
            found: found.into(),
        };
        for (line, column, problem) in [
            ("one 1:1", 1, label("one")),
            (" nan 1:1", 2, label("nan")),
            ("1 1:1 x 3:1", 7, pair("x")),
            ("1 1:1 3:", 7, pair("3:")),
            ("1 :1", 3, pair(":1")),
            ("1 1:1:1", 3, pair("1:1:1")),
            ("1 -1:1", 3, pair("-1:1")),
            ("1 qid:3 1:1", 3, group("qid:3")),
            ("1 1:inf", 5, not_finite("inf")),
            ("1 1:1e40", 5, not_finite("1e40")),
        ] {
            assert_eq!(misfit(line), (column, problem));
        }
    }

    #[test]
    fn an_index_out_of_order_or_range_is_named_with_its_column() {
        let past = |found| LineProblem::IndexPastEnd {
            features_max: 100,
            found,
        };
        for (line, column, problem) in [
            ("1 0:1", 3, LineProblem::IndexZero),
            ("1 2:1 2:1", 7, LineProblem::IndexTwice { found: 2 }),
            (
                "1 7:1 2:1",
                7,
                LineProblem::IndexOrder {
                    previous: 7,
                    found: 2,
                },
            ),
            ("1 101:1", 3, past(101)),
            ("1 99999999999999999999999:1", 3, past(u64::MAX)),
        ] {
            assert_eq!(misfit(line), (column, problem));
        }
    }

    #[test]
    fn binary_data_is_called_so() {
        assert_eq!(
            misfit("PK\u{3}\u{4}"),
            (3, LineProblem::NotText { found: 3 })
        );
        assert_eq!(misfit("1 1:1 2:\0"), (9, LineProblem::NotText { found: 0 }));
    }

    #[test]
    fn a_long_word_is_shown_by_its_start() {
        let (_, problem) = misfit(&"x".repeat(1_000));
        assert_eq!(
            problem,
            LineProblem::Label {
                found: format!("{}…", "x".repeat(40))
            }
        );
    }
}
