//! What the first bytes of a CSV file say, for [`crate::data::sniff`].

use std::{path::Path, sync::Arc};

use super::{
    input::{Input, Unread},
    keys::{Format, Keys},
    settle::settle,
};
use crate::data::{DataError, Encoding, parquet::ParquetFile};

/// How a file is written.
#[derive(Debug)]
pub(in crate::data) struct Survey {
    /// The columns' names; where there is no header, their numbers from 1.
    pub(in crate::data) names: Vec<String>,
    /// What stands between the fields.
    pub(in crate::data) delimiter: u8,
    /// Whether the first record has names.
    pub(in crate::data) header: bool,
}

/// How these first bytes of a file are written.
pub(in crate::data) fn survey(
    path: &Path,
    text: &Arc<[u8]>,
    delimiter: Option<&str>,
) -> Result<Survey, DataError> {
    let mut train = toml::Table::new();
    train.insert("train".into(), path.to_string_lossy().into_owned().into());
    if let Some(delimiter) = delimiter {
        train.insert("delimiter".into(), delimiter.into());
    }
    let keys = Keys::of(Format::Text, &train)?;
    let opened = Input::of_bytes(path, Arc::clone(text)).open(&keys)?;
    match opened.rows {
        Unread::Text {
            delimiter,
            has_header,
            ..
        } => Ok(Survey {
            names: opened.names,
            delimiter,
            header: has_header,
        }),
        Unread::Parquet(_) => unreachable!("text is opened as text"),
    }
}

/// Rows and encoding of these first bytes of a file, read with these keys.
pub(in crate::data) fn learn_prefix(
    path: &Path,
    text: &Arc<[u8]>,
    keys: &toml::Table,
) -> Result<(u64, Encoding), DataError> {
    let input = Input::of_bytes(path, Arc::clone(text));
    learnt(input, &Keys::of(Format::Text, keys)?)
}

/// Rows and encoding of these first rows of a Parquet file, read with these keys.
pub(in crate::data) fn learn_parquet(
    file: ParquetFile,
    keys: &toml::Table,
) -> Result<(u64, Encoding), DataError> {
    learnt(Input::of_parquet(file), &Keys::of(Format::Parquet, keys)?)
}

fn learnt(input: Input, keys: &Keys) -> Result<(u64, Encoding), DataError> {
    let inputs = [input];
    let settled = settle(&inputs, keys, true, &mut Vec::new())?;
    Ok((settled.rows(), settled.encoding))
}
