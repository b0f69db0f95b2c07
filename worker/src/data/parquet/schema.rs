//! What the columns of a Parquet file are, by their types.
//!
//! Source: the logical types of the format,
//! <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>; files of old writers have
//! converted types instead.

use parquet::{
    basic::{ConvertedType, LogicalType, Type},
    schema::types::{ColumnDescriptor, SchemaDescriptor},
};

use super::Kind;

/// One column of a table.
#[derive(Clone, Debug)]
pub(super) struct TableColumn {
    pub(super) name: String,
    /// Which leaf of the schema it is, and how its values are read; else what it is instead.
    pub(super) leaf: Result<(usize, Decode), String>,
}

/// How the stored values of a column become numbers or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decode {
    /// As they are.
    Plain,
    /// The bits are those of unsigned numbers.
    Unsigned,
    /// Whole numbers of which so many digits are behind the point.
    Decimal(i32),
    /// Two bytes are a float of 16 bits.
    Half,
    /// Bytes are text.
    Text,
}

impl Decode {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Plain | Self::Unsigned | Self::Decimal(_) | Self::Half => Kind::Numbers,
        }
    }
}

/// The columns of a file, in order.
pub(super) fn columns(schema: &SchemaDescriptor) -> Vec<TableColumn> {
    let roots = schema.root_schema().get_fields();
    let mut columns: Vec<TableColumn> = roots
        .iter()
        .map(|root| TableColumn {
            name: root.name().to_owned(),
            leaf: Err("a nested type (list, map or struct)".into()),
        })
        .collect();
    for leaf in 0..schema.num_columns() {
        let root = schema.get_column_root_idx(leaf);
        let column = schema.column(leaf);
        if roots[root].is_primitive() && column.max_rep_level() == 0 {
            columns[root].leaf = decode(&column).map(|decode| (leaf, decode));
        }
    }
    columns
}

/// How the values of this column are read; `Err` with what they are.
fn decode(column: &ColumnDescriptor) -> Result<Decode, String> {
    let (logical, converted) = (column.logical_type_ref(), column.converted_type());
    let refused = || match logical {
        Some(logical) => format!("the type {logical:?}"),
        None if converted == ConvertedType::NONE => format!("the type {}", column.physical_type()),
        None => format!("the type {converted}"),
    };
    let decimal = || Decode::Decimal(column.type_scale());
    match column.physical_type() {
        Type::BOOLEAN | Type::FLOAT | Type::DOUBLE => Ok(Decode::Plain),
        Type::INT32 | Type::INT64 => match (logical, converted) {
            (Some(LogicalType::Integer(integer)), _) if integer.is_signed => Ok(Decode::Plain),
            (Some(LogicalType::Integer(_)), _) => Ok(Decode::Unsigned),
            (Some(LogicalType::Decimal(decimal)), _) => Ok(Decode::Decimal(decimal.scale)),
            // A column without any value.
            (Some(LogicalType::Unknown), _) => Ok(Decode::Plain),
            (
                None,
                ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64,
            ) => Ok(Decode::Plain),
            (
                None,
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
            ) => Ok(Decode::Unsigned),
            (None, ConvertedType::DECIMAL) => Ok(decimal()),
            _ => Err(refused()),
        },
        Type::BYTE_ARRAY => match (logical, converted) {
            (
                Some(
                    LogicalType::String
                    | LogicalType::Enum
                    | LogicalType::Json
                    | LogicalType::Unknown,
                ),
                _,
            )
            | (
                None,
                ConvertedType::NONE
                | ConvertedType::UTF8
                | ConvertedType::ENUM
                | ConvertedType::JSON,
            ) => Ok(Decode::Text),
            (Some(LogicalType::Decimal(decimal)), _) => Ok(Decode::Decimal(decimal.scale)),
            (None, ConvertedType::DECIMAL) => Ok(decimal()),
            _ => Err(refused()),
        },
        Type::FIXED_LEN_BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::Decimal(decimal)), _) => Ok(Decode::Decimal(decimal.scale)),
            (None, ConvertedType::DECIMAL) => Ok(decimal()),
            (Some(LogicalType::Float16), _) if column.type_length() == 2 => Ok(Decode::Half),
            _ => Err(refused()),
        },
        Type::INT96 => Err("a timestamp (INT96)".into()),
    }
}
