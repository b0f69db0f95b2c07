//! `[data]`: what is trained on.

use serde::{Deserialize, Serialize};
use toml::Table;

/// What is trained on: a data set's name and its own keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Data {
    /// The data set's name in the registry. Default `"flights"`.
    pub name: String,
    /// The data set's own keys, judged by the registry.
    #[serde(skip_deserializing, flatten)]
    pub options: Table,
    /// What the data turned out to be; the launcher writes it once it has looked.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            name: "flights".to_owned(),
            options: Table::new(),
            resolved: None,
        }
    }
}

/// `[data.resolved]`: what the data turned out to be. Written by the launcher, not by people; the
/// servers build the layout from it without seeing the data, and a worker whose own data differs is
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resolved {
    /// Training rows.
    pub rows: u64,
    /// Test rows; 0 if there is no test set.
    pub test_rows: u64,
    /// Input features.
    pub features: u64,
    /// Classes; 0 for a regression.
    pub classes: u32,
    /// How many features each column of the data became, in order; empty where the data have no
    /// columns, or more than [`Self::FIELDS_MAX`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<u64>,
    /// A hash of the content, written as 16 hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub hash: u64,
}

impl Resolved {
    /// Columns beyond which they are not written: a job stays a text that a person can read.
    pub const FIELDS_MAX: usize = 4_096;
}

/// A `u64` as a text of 16 hexadecimal digits: TOML's own integers end at 2⁶³ − 1.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    // Serde hands the field over by reference.
    pub(super) fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = digits
            .then(|| u64::from_str_radix(&text, 16).ok())
            .flatten();
        hash.ok_or_else(|| D::Error::custom("expected a text of 16 hexadecimal digits"))
    }
}
