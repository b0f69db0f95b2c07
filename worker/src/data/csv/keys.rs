//! The keys of the data sets `csv` and `parquet`, judged.

use serde::Deserialize;

use crate::data::{
    DataError, Files,
    cache::{CacheKey, CacheKeys},
    holdout::Holdout,
    labels::{Meaning, NamedTask},
    number::parse,
    registry::read_keys,
};

/// How the files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Format {
    /// Text, cut by a delimiter.
    Text,
    /// Columns of typed values.
    Parquet,
}

impl Format {
    /// The name of the data set.
    pub(in crate::data) fn dataset(self) -> &'static str {
        match self {
            Self::Text => "csv",
            Self::Parquet => "parquet",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    train: Files,
    test: Option<Files>,
    holdout: Option<f64>,
    holdout_seed: Option<u64>,
    target: Option<NameOrNumber>,
    ignore: Option<Vec<NameOrNumber>>,
    delimiter: Option<String>,
    header: Option<YesNoAuto>,
    categorical: Option<NamesOrAuto>,
    encoding: Option<CategoryEncoding>,
    hash_bits: Option<u32>,
    missing: Option<Vec<String>>,
    scale: Option<Scale>,
    target_scale: Option<TargetScale>,
    task: Option<NamedTask>,
    classes: Option<u32>,
    label_positive: Option<Vec<i64>>,
    labels: Option<Vec<String>>,
    cache: Option<CacheKey>,
    cache_memory_mb: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected the name of a column, or its number from 1"
)]
enum NameOrNumber {
    Name(String),
    Number(u32),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"auto\"")]
enum YesNoAuto {
    Known(bool),
    Word(Auto),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected \"auto\" or a list of columns")]
enum NamesOrAuto {
    Names(Vec<NameOrNumber>),
    Word(Auto),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Auto {
    Auto,
}

/// What a category becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CategoryEncoding {
    /// A feature of its own.
    Index,
    /// One of 2^`hash_bits` features.
    Hash,
}

/// What is done to the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::data) enum Scale {
    /// Nothing.
    None,
    /// Mean 0 and standard deviation 1 over the training rows.
    Standard,
    /// From 0 to 1 over the training rows.
    Minmax,
    /// Divided by the greatest absolute value in the training rows; 0 stays 0.
    Maxabs,
}

/// What is done to real labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TargetScale {
    /// Nothing.
    None,
    /// Mean 0 and standard deviation 1 over the training rows; undone in predictions and errors.
    Standard,
}

/// How labels are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LabelKeys {
    /// The values decide.
    Auto,
    /// Numbers of this meaning.
    Numbers(Meaning),
    /// These words, class by class.
    Words(Vec<String>),
}

/// What the keys say.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) format: Format,
    pub(super) train: Files,
    pub(super) test: Option<Files>,
    pub(super) holdout: Option<Holdout>,
    /// `None` for the names that are looked for.
    pub(super) target: Option<String>,
    pub(super) ignore: Vec<String>,
    /// `None`: the file decides.
    pub(super) delimiter: Option<u8>,
    /// `None`: the file decides.
    pub(super) header: Option<bool>,
    /// `None`: the values decide.
    pub(super) categorical: Option<Vec<String>>,
    /// `None` for an index.
    pub(super) hash_bits: Option<u32>,
    pub(super) missing: Vec<String>,
    /// Whether a word that is missing is a number, such as -999.
    pub(super) has_missing_number: bool,
    pub(super) scale: Scale,
    pub(super) target_scale: TargetScale,
    pub(super) labels: LabelKeys,
    pub(super) cache: Option<CacheKeys>,
}

const HASH_BITS: u32 = 16;
const HASH_BITS_MAX: u32 = 24;
const MISSING: [&str; 5] = ["", "NA", "NaN", "?", "null"];

fn refuse<T>(format: Format, problem: String) -> Result<T, DataError> {
    Err(DataError::Options {
        dataset: format.dataset(),
        problem,
    })
}

impl Keys {
    /// Reads and judges the keys of a `[data]` table.
    pub(super) fn of(format: Format, table: &toml::Table) -> Result<Self, DataError> {
        let dataset = format.dataset();
        let written: Written = read_keys(dataset, table)?;
        if format == Format::Parquet {
            refuse_text_keys(&written)?;
        }
        written.train.check(dataset, "train")?;
        if let Some(test) = &written.test {
            test.check(dataset, "test")?;
            if test.reads_standard_input() && written.train.reads_standard_input() {
                return refuse(
                    format,
                    "expected standard input (\"-\") in one key, found it in `train` and `test`; write one \
                     of them to a file"
                        .into(),
                );
            }
        }
        let missing = written.missing.clone().unwrap_or_else(|| match format {
            Format::Text => MISSING.map(String::from).to_vec(),
            // Nulls say so themselves.
            Format::Parquet => Vec::new(),
        });
        let is_number = |word: &String| parse(word.as_bytes()).is_some_and(|n| !n.is_nan());
        Ok(Self {
            format,
            has_missing_number: missing.iter().any(is_number),
            missing,
            holdout: Holdout::of_keys(
                dataset,
                written.holdout,
                written.holdout_seed,
                written.test.is_some(),
            )?,
            hash_bits: hash_bits(format, written.encoding, written.hash_bits)?,
            delimiter: delimiter(format, written.delimiter.as_deref())?,
            labels: label_keys(format, &written)?,
            cache: CacheKeys::of_keys(
                dataset,
                written.cache,
                written.cache_memory_mb,
                [Some(&written.train), written.test.as_ref()]
                    .iter()
                    .flatten()
                    .any(|files| files.reads_standard_input()),
            )?,
            train: written.train,
            test: written.test,
            target: written.target.map(name),
            ignore: names(written.ignore.unwrap_or_default()),
            header: match written.header {
                Some(YesNoAuto::Known(header)) => Some(header),
                Some(YesNoAuto::Word(Auto::Auto)) | None => None,
            },
            categorical: match written.categorical {
                Some(NamesOrAuto::Names(list)) => Some(names(list)),
                Some(NamesOrAuto::Word(Auto::Auto)) | None => None,
            },
            scale: written.scale.unwrap_or(Scale::None),
            target_scale: written.target_scale.unwrap_or(TargetScale::None),
        })
    }
}

fn name(column: NameOrNumber) -> String {
    match column {
        NameOrNumber::Name(name) => name,
        NameOrNumber::Number(number) => number.to_string(),
    }
}

fn names(columns: Vec<NameOrNumber>) -> Vec<String> {
    columns.into_iter().map(name).collect()
}

fn delimiter(format: Format, written: Option<&str>) -> Result<Option<u8>, DataError> {
    match written.map(str::as_bytes) {
        None | Some(b"auto") => Ok(None),
        Some(&[byte]) if byte.is_ascii() && !b"\"\r\n".contains(&byte) => Ok(Some(byte)),
        Some(_) => refuse(
            format,
            format!(
                "expected `delimiter` to be \",\", \"\\t\", \";\", another ASCII character or \"auto\", found {:?}",
                written.unwrap_or_default()
            ),
        ),
    }
}

fn hash_bits(
    format: Format,
    encoding: Option<CategoryEncoding>,
    bits: Option<u32>,
) -> Result<Option<u32>, DataError> {
    match (encoding, bits) {
        (Some(CategoryEncoding::Hash), bits) => {
            let bits = bits.unwrap_or(HASH_BITS);
            if (1..=HASH_BITS_MAX).contains(&bits) {
                return Ok(Some(bits));
            }
            refuse(
                format,
                format!("expected `hash_bits` from 1 to {HASH_BITS_MAX}, found {bits}"),
            )
        }
        (_, Some(_)) => refuse(
            format,
            "expected encoding = \"hash\" with `hash_bits`, found none; add it or remove `hash_bits`".into(),
        ),
        (_, None) => Ok(None),
    }
}

fn label_keys(format: Format, written: &Written) -> Result<LabelKeys, DataError> {
    let positive = written.label_positive.as_deref();
    let is_silent = written.task.is_none() && written.classes.is_none() && positive.is_none();
    match &written.labels {
        Some(_) if !is_silent => refuse(
            format,
            "expected either `labels` or one of `task`, `classes` and `label_positive`, found both; remove \
             one"
                .into(),
        ),
        Some(labels) if labels.len() < 2 => refuse(
            format,
            format!(
                "expected `labels` to list two or more classes, found {}",
                labels.len()
            ),
        ),
        Some(labels) => Ok(LabelKeys::Words(labels.clone())),
        None if is_silent => Ok(LabelKeys::Auto),
        None => Meaning::of_keys(format.dataset(), written.task, written.classes, positive)
            .map(LabelKeys::Numbers),
    }
}

/// Refuses what says how text is cut.
fn refuse_text_keys(written: &Written) -> Result<(), DataError> {
    let named = [
        ("delimiter", written.delimiter.is_some()),
        ("header", written.header.is_some()),
    ];
    match named.iter().find(|(_, is_named)| *is_named) {
        None => Ok(()),
        Some((key, _)) => refuse(
            Format::Parquet,
            format!(
                "expected no `{key}`, found one: the columns of a Parquet file have bounds and names of \
                 their own; remove the key"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Keys};

    #[test]
    fn parquet_has_no_delimiter_and_no_header() {
        for key in ["delimiter = 'auto'", "header = true"] {
            let table = format!("train = 'a'\n{key}").parse().unwrap();
            let error = Keys::of(Format::Parquet, &table).unwrap_err().to_string();
            assert!(
                error.starts_with("data set \"parquet\": expected no `"),
                "{error}"
            );
            assert!(Keys::of(Format::Text, &table).is_ok());
        }
    }

    #[test]
    fn impossible_keys_are_refused_before_any_file_is_opened() {
        for (keys, words) in [
            ("delimiter = ',,'", "expected `delimiter` to be"),
            ("header = 'yes'", "expected true, false or \"auto\""),
            (
                "categorical = 'all'",
                "expected \"auto\" or a list of columns",
            ),
            (
                "hash_bits = 4",
                "expected encoding = \"hash\" with `hash_bits`",
            ),
            (
                "encoding = 'hash'\nhash_bits = 30",
                "from 1 to 24, found 30",
            ),
            ("labels = ['a']", "list two or more classes, found 1"),
            ("labels = ['a', 'b']\nclasses = 2", "found both; remove one"),
            ("test = '-'", "found it in `train` and `test`"),
            ("holdout = 2.0", "between 0 and 1, found 2"),
        ] {
            let table = format!("train = '-'\n{keys}").parse().unwrap();
            let error = Keys::of(Format::Text, &table).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
    }
}
