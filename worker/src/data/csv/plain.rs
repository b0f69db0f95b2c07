//! Records of nothing but plain numbers, which numeric files are made of: read in one go, without being cut
//! into fields first. Any other record is left to [`Records`].

use super::{
    keys::Keys,
    records::Records,
    table::{Column, Shape, Spec, Want},
};
use crate::data::number;

/// A block that has more of other records than one in so many is no longer tried.
const OTHERS_SHARE: usize = 4;

/// Reads such records, with room for one.
#[derive(Debug)]
pub(super) struct Plain {
    delimiter: u8,
    width: usize,
    row: Vec<f32>,
    tried: usize,
    others: usize,
}

impl Plain {
    /// For files of which every field is a number that may be taken as it is; `None` for others.
    pub(super) fn of(
        (shape, delimiter): (&Shape, u8),
        specs: &[Spec],
        keys: &Keys,
    ) -> Option<Self> {
        let is_apart = !delimiter.is_ascii_alphanumeric() && !b"+-.".contains(&delimiter);
        let is_plain = specs.len() == shape.width
            && shape.places.iter().all(Option::is_some)
            && specs.iter().all(|spec| spec.want.takes_numbers());
        (is_apart && is_plain && !keys.has_missing_number).then(|| Self {
            delimiter,
            width: shape.width,
            row: Vec::with_capacity(shape.width),
            tried: 0,
            others: 0,
        })
    }

    /// The fields of the next record; `None`, with nothing read, if it is another one.
    #[inline]
    pub(super) fn next(&mut self, records: &mut Records<'_>) -> Option<&[f32]> {
        if 1 + self.tried / OTHERS_SHARE < self.others {
            return None;
        }
        self.tried += 1;
        let (text, start) = records.rest();
        match self.read(text, start) {
            Some(end) => records.pass(end),
            None => {
                self.others += 1;
                return None;
            }
        }
        Some(&self.row)
    }

    /// Reads the record that begins here: where the next one does.
    #[inline]
    fn read(&mut self, text: &[u8], start: usize) -> Option<usize> {
        self.row.clear();
        let mut at = start;
        for _ in 1..self.width {
            let (number, end) = number::begins(text, at)?;
            if *text.get(end)? != self.delimiter {
                return None;
            }
            self.row.push(number);
            at = end + 1;
        }
        let (number, end) = number::begins(text, at)?;
        self.row.push(number);
        match text.get(end..)? {
            [b'\n', ..] => Some(end + 1),
            [b'\r', b'\n', ..] => Some(end + 2),
            _ => None,
        }
    }
}

/// Whether all columns hold numbers so far.
pub(super) fn are_numbers(columns: &[Column]) -> bool {
    let is_numbers = |column: &Column| matches!(column, Column::Numbers(_));
    columns.iter().all(is_numbers)
}

impl Want {
    /// Whether any finite number may be taken without a look at what else is known.
    pub(super) fn takes_numbers(&self) -> bool {
        match self {
            Self::Auto | Self::Numbers | Self::AutoTarget => true,
            Self::Words | Self::Hashed(_) | Self::WordTarget | Self::Judged | Self::Known(..) => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Plain;
    use crate::data::{csv::records::Records, source::Block};

    /// The first record, if it is plain, and where the next begins.
    fn first(text: &str, delimiter: u8) -> Option<(Vec<f32>, usize, u64)> {
        let block = Block {
            text: text.into(),
            line: 1,
        };
        let mut records = Records::new(Path::new("a.csv"), &block, delimiter);
        let mut plain = Plain {
            delimiter,
            width: 3,
            row: Vec::new(),
            tried: 0,
            others: 0,
        };
        let row = plain.next(&mut records)?.to_vec();
        let (at, line) = records.position();
        Some((row, at, line))
    }

    #[test]
    fn a_record_of_plain_numbers_is_read_whole_and_any_other_is_left() {
        let row = vec![-1.5, 0.25, 1e7];
        assert_eq!(
            first("-1.5,.25,10000000\n7", b','),
            Some((row.clone(), 18, 2))
        );
        assert_eq!(first("-1.5;+0.25;1e7\n", b';'), None);
        assert_eq!(
            first("-1.5\t+0.25\t10000000.\r\n7\t8\t99\n", b'\t'),
            Some((row, 22, 2))
        );
        assert_eq!(first("", b','), None);
        for other in [
            "\n",
            "1,2\n",
            "1,2,3",
            "1,2,3,4\n",
            "1,,3\n",
            "1,2,\n",
            "1, 2,3\n",
            "1,2,3 \n",
            "1,\"2\",3\n",
            "1,2,x\n",
            "1,2,nan\n",
            "1,2,3\r4\n",
            "1,2,-\n",
            "1,2,.\n",
            "1,2,16777217\n",
            "1,2,123456789012345678901234567890\n",
            "1,2,0.123456789012345678901234567890\n",
        ] {
            let text = format!("{other}1,2,3\n1,2,3\n");
            assert_eq!(first(&text, b','), None, "{other:?}");
        }
    }
}
