//! Parquet files for tests.

use std::{fs::File, path::Path, sync::Arc};

use parquet::{
    basic::Compression,
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

/// The values of a column; the type in the schema says how they are stored.
#[derive(Clone)]
pub(super) enum Data {
    Ints(Vec<Option<i32>>),
    Booleans(Vec<bool>),
    Texts(Vec<Option<&'static str>>),
    Doubles(Vec<f64>),
}

/// The values that there are, and for each row whether it has one.
fn dense<T, U>(values: &[Option<T>], of: impl Fn(&T) -> U) -> (Vec<U>, Vec<i16>) {
    let levels = values.iter().map(|value| i16::from(value.is_some()));
    (values.iter().flatten().map(of).collect(), levels.collect())
}

/// Writes columns, each with its line of the schema, in row groups of so many rows.
pub(super) fn write(path: &Path, columns: &[(&str, Data)], group_rows: usize) {
    let fields: Vec<&str> = columns.iter().map(|(field, _)| *field).collect();
    let schema = format!("message table {{ {}; }}", fields.join("; "));
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(20_000)
        .build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let rows = columns.first().map_or(0, |(_, column)| column.rows());
    for start in (0..rows).step_by(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        for (_, data) in columns {
            let mut column = group.next_column().unwrap().unwrap();
            let part = start..rows.min(start + group_rows);
            match data {
                Data::Ints(values) => {
                    let (values, levels) = dense(&values[part], |value| *value);
                    let typed = column.typed::<Int32Type>();
                    typed.write_batch(&values, Some(&levels), None).unwrap();
                }
                Data::Texts(values) => {
                    let (values, levels) = dense(&values[part], |text| ByteArray::from(*text));
                    let typed = column.typed::<ByteArrayType>();
                    typed.write_batch(&values, Some(&levels), None).unwrap();
                }
                Data::Booleans(values) => {
                    let typed = column.typed::<BoolType>();
                    typed.write_batch(&values[part], None, None).unwrap();
                }
                Data::Doubles(values) => {
                    let typed = column.typed::<DoubleType>();
                    typed.write_batch(&values[part], None, None).unwrap();
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

impl Data {
    fn rows(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Doubles(values) => values.len(),
        }
    }
}
