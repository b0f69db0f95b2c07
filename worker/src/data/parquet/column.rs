//! The values of one column in some rows of a row group.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::ParquetError,
    file::reader::FileReader,
};

use super::schema::Decode;
use crate::data::csv::{Cells, Texts, Values};

/// Which rows of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The row group, from 0.
    pub(super) group: usize,
    /// The first of the rows in its group.
    pub(super) start: usize,
    pub(super) rows: usize,
}

/// Reads a leaf of the schema.
pub(super) fn read(
    file: &dyn FileReader,
    place: Place,
    (leaf, decode): (usize, Decode),
) -> Result<Cells, ParquetError> {
    let group = file.get_row_group(place.group)?;
    let level = group.metadata().schema_descr().column(leaf).max_def_level();
    let mut levels = Vec::new();
    let values = match group.get_column_reader(leaf)? {
        ColumnReader::BoolColumnReader(reader) => {
            Values::Booleans(take(reader, place, &mut levels)?)
        }
        ColumnReader::Int32ColumnReader(reader) => {
            let values = take(reader, place, &mut levels)?.into_iter();
            match decode {
                Decode::Unsigned => {
                    Values::Unsigned(values.map(|value| value.cast_unsigned().into()).collect())
                }
                Decode::Decimal(scale) => {
                    let values = values.map(|value| decimal(&value.to_be_bytes(), scale));
                    Values::Doubles(values.collect())
                }
                Decode::Plain | Decode::Half | Decode::Text => {
                    Values::Integers(values.map(i64::from).collect())
                }
            }
        }
        ColumnReader::Int64ColumnReader(reader) => {
            let values = take(reader, place, &mut levels)?;
            match decode {
                Decode::Unsigned => {
                    Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
                }
                Decode::Decimal(scale) => {
                    let values = values.iter();
                    let values = values.map(|value| decimal(&value.to_be_bytes(), scale));
                    Values::Doubles(values.collect())
                }
                Decode::Plain | Decode::Half | Decode::Text => Values::Integers(values),
            }
        }
        ColumnReader::FloatColumnReader(reader) => {
            Values::Floats(take(reader, place, &mut levels)?)
        }
        ColumnReader::DoubleColumnReader(reader) => {
            Values::Doubles(take(reader, place, &mut levels)?)
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            of_bytes(&take(reader, place, &mut levels)?, decode)
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            of_bytes(&take(reader, place, &mut levels)?, decode)
        }
        ColumnReader::Int96ColumnReader(_) => {
            return Err(ParquetError::NYI("timestamps of 96 bits".into()));
        }
    };
    let present = (level != 0).then(|| levels.iter().map(|found| *found == level).collect());
    Ok(Cells { present, values })
}

/// The values of the rows that have one; `levels` gets the definition level of each row, if the
/// column has such.
fn take<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    place: Place,
    levels: &mut Vec<i16>,
) -> Result<Vec<T::T>, ParquetError> {
    let skipped = reader.skip_records(place.start)?;
    let mut values = Vec::new();
    let (rows, ..) = reader.read_records(place.rows, Some(levels), None, &mut values)?;
    if skipped + rows != place.start + place.rows {
        return Err(ParquetError::EOF(format!(
            "{} values of {}",
            skipped + rows,
            place.start + place.rows
        )));
    }
    Ok(values)
}

fn of_bytes<B: AsRef<[u8]>>(values: &[B], decode: Decode) -> Values {
    let bytes = values.iter().map(AsRef::as_ref);
    match decode {
        Decode::Decimal(scale) => {
            Values::Doubles(bytes.map(|value| decimal(value, scale)).collect())
        }
        Decode::Half => Values::Floats(bytes.map(half).collect()),
        Decode::Plain | Decode::Unsigned | Decode::Text => {
            let mut texts = Texts::default();
            bytes.for_each(|text| texts.push(text));
            Values::Texts(texts)
        }
    }
}

/// A number of which `scale` digits are behind the point: big-endian, two's complement.
fn decimal(bytes: &[u8], scale: i32) -> f64 {
    let whole = match bytes {
        [] => 0.0,
        [first, rest @ ..] => rest
            .iter()
            .fold(f64::from(first.cast_signed()), |whole, byte| {
                whole * 256.0 + f64::from(*byte)
            }),
    };
    whole / 10_f64.powi(scale)
}

/// A float of 16 bits, little-endian: IEEE 754 binary16.
fn half(bytes: &[u8]) -> f32 {
    let bits = match bytes {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => return f32::NAN,
    };
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction < 1.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, half};

    #[test]
    fn decimals_and_halves_are_the_numbers_that_they_stand_for() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(decimal(&[0x01, 0x00], 2), 2.56));
        assert!(close(decimal(&[0xff], 1), -0.1));
        assert!(close(decimal(&(-12_345_i128).to_be_bytes(), 3), -12.345));
        assert!(close(decimal(&[], 2), 0.0));
        for (bits, number) in [
            (0x3c00_u16, 1.0_f32),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2_f32.powi(-24)),
            (0x7c00, f32::INFINITY),
            (0x8000, -0.0),
        ] {
            assert_eq!(half(&bits.to_le_bytes()).to_bits(), number.to_bits());
        }
        assert!(half(&0x7e00_u16.to_le_bytes()).is_nan());
    }
}
