//! What the first bytes of a CSV file say, for [`crate::data::sniff`].

use std::{path::Path, sync::Arc};

use super::{dialect::Input, keys::Keys, settle::settle};
use crate::data::{DataError, Encoding};

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

/// How these first bytes of a file are written; `None` if they are no table.
pub(in crate::data) fn survey(path: &Path, text: &Arc<[u8]>) -> Option<Survey> {
    let mut train = toml::Table::new();
    train.insert("train".into(), path.to_string_lossy().into_owned().into());
    let keys = Keys::of(&train).ok()?;
    let opened = Input::of_bytes(path, Arc::clone(text)).open(&keys).ok()?;
    Some(Survey {
        names: opened.names,
        delimiter: opened.delimiter,
        header: opened.has_header,
    })
}

/// Rows and encoding of these first bytes of a file, read with these keys.
pub(in crate::data) fn learn_prefix(
    path: &Path,
    text: &Arc<[u8]>,
    keys: &toml::Table,
) -> Result<(u64, Encoding), DataError> {
    let input = Input::of_bytes(path, Arc::clone(text));
    let (inputs, keys) = ([input], Keys::of(keys)?);
    let settled = settle(&inputs, &keys, true, &mut Vec::new())?;
    Ok((settled.rows(), settled.encoding))
}
