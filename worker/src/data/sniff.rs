//! What a file seems to be, from a bounded prefix of it: for someone who has a file and no job yet.
//!
//! The answer names a data set and keys with which the file loads as far as the prefix shows; what comes
//! behind the prefix may still refute it, and the load then says where.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use toml::{Table, Value};

use super::{
    ColumnKind, DataError, Encoding, LabelsIn, Target,
    csv::{self, Survey},
    in_memory::Columns,
    libsvm::parse_row,
    parquet::{self, ParquetFile},
    registry,
    source::{Compression, STANDARD_INPUT, Source, StandardInput},
};

/// Unpacked bytes that are looked at.
const PREFIX_BYTES: u64 = 1 << 20;

/// Rows of a Parquet file that are looked at.
const PREFIX_ROWS: u64 = 1 << 14;

/// What pandas names the row labels that it writes as a column.
const ROW_LABELS: &str = "__index_level_";

/// What a file seems to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Sniffed {
    /// The data set that reads it; `None` where none does.
    pub dataset: Option<&'static str>,
    /// The keys with which that data set reads it, as far as one file tells them.
    pub keys: Table,
    /// Why the data set that the file comes nearest to does not read it, with the place; `None` where
    /// it is near to none.
    pub problem: Option<String>,
    /// What is missing or was guessed, a sentence each.
    pub notes: Vec<String>,
    /// How the file is packed.
    pub compression: Compression,
    /// The delimiter of a CSV file.
    pub delimiter: Option<char>,
    /// Whether the first record of a CSV file has names.
    pub header: Option<bool>,
    /// The columns of a CSV file that are features, with what they become.
    pub columns: Vec<(String, ColumnKind)>,
    /// What the labels seem to be; `None` where the file has none, or all are alike.
    pub target: Option<Target>,
    /// Features that were seen.
    pub features: u64,
    /// Rows that were seen.
    pub rows: u64,
}

/// Looks at the first megabyte of a file; of standard input, `-`, at the first lines, which stay there
/// to be read.
///
/// # Errors
/// [`DataError`] when it cannot be read. A file that no data set reads is no error.
pub fn sniff(path: &Path) -> Result<Sniffed, DataError> {
    sniff_for(path, Known::default())
}

/// What is known of a file before it is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The target column, by name or number from 1.
    pub target: Option<&'a str>,
    /// What stands between columns.
    pub delimiter: Option<&'a str>,
    /// The file with the labels of rows that have none of their own.
    pub labels: Option<&'a str>,
}

/// As [`sniff`], of a file of which something is known.
///
/// # Errors
/// As [`sniff`]. What is known and wrong is the problem of [`Sniffed::problem`].
pub fn sniff_for(path: &Path, known: Known<'_>) -> Result<Sniffed, DataError> {
    let source = if path.as_os_str() == STANDARD_INPUT {
        let seen = StandardInput.look().map_err(|source| DataError::Read {
            path: "standard input".into(),
            source,
        })?;
        Source::of_bytes(path, seen)?
    } else {
        Source::open(path)?
    };
    let mut sniffed = Sniffed {
        dataset: None,
        keys: Table::new(),
        problem: None,
        notes: Vec::new(),
        compression: source.compression(),
        delimiter: None,
        header: None,
        columns: Vec::new(),
        target: None,
        features: 0,
        rows: 0,
    };
    let is_cut = path.as_os_str() == STANDARD_INPUT;
    let mut text = match is_cut {
        true => source.read_cut(PREFIX_BYTES),
        false => source.read_all(PREFIX_BYTES)?,
    };
    if text.starts_with(&parquet::MAGIC) && is_cut {
        sniffed.problem = Some(
            "standard input: expected text, found a Parquet file, which is read from its end; write it to \
             a file and name that"
                .into(),
        );
        return Ok(sniffed);
    }
    if text.starts_with(&parquet::MAGIC) {
        sniffed.is_parquet(path, known.target)?;
        return Ok(sniffed);
    }
    let is_cut = is_cut || text.len() as u64 == PREFIX_BYTES;
    if is_cut {
        // The last line may be cut: it says nothing.
        let end = text.iter().rposition(|byte| *byte == b'\n');
        text.truncate(end.map_or(text.len(), |end| end + 1));
    }
    match text[..] {
        [0, 0, 0x08..=0x0e, 1..=8, ..] => {
            sniffed.is_array(path, ("idx", "train_images", "train_labels"), known.labels);
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            sniffed.is_array(path, ("npy", "train", "labels"), known.labels);
        }
        _ if sniffed.is_libsvm(path, &text) => {}
        _ => sniffed.is_csv(path, text, known, is_cut),
    }
    Ok(sniffed)
}

impl Sniffed {
    fn names(&mut self, dataset: &'static str, key: &str, path: &Path) {
        self.dataset = Some(dataset);
        self.set(key, path.to_string_lossy().into_owned());
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.keys.insert(key.into(), value.into());
    }

    /// Labels lie in a file of their own, which is named or lies beside under a name of the same form.
    fn is_array(
        &mut self,
        path: &Path,
        (dataset, rows_key, labels_key): (&'static str, &str, &str),
        named: Option<&str>,
    ) {
        let beside = || {
            beside(path)
                .into_iter()
                .find(|other| Path::new(other).is_file())
        };
        let Some(labels) = named.map(str::to_owned).or_else(beside) else {
            let path = path.display();
            self.problem = Some(format!(
                "{path}: expected the file of the labels beside these rows, found none of a name like it; name \
                 it with --labels FILE"
            ));
            return;
        };
        self.names(dataset, rows_key, path);
        self.set(labels_key, labels);
        match registry::load(dataset, &self.keys, Path::new(".")) {
            Ok(loaded) => {
                (self.rows, self.features) = (loaded.train.rows(), loaded.train.features());
                self.target = loaded.encoding.map(|encoding| encoding.target);
            }
            Err(error) => {
                self.dataset = None;
                self.problem = Some(error.to_string());
            }
        }
    }

    /// Whether every line of the prefix is a row of libsvm text, and at least one has a pair.
    fn is_libsvm(&mut self, path: &Path, text: &[u8]) -> bool {
        let (mut columns, mut labels) = (Columns::new(), BTreeSet::new());
        for (number, line) in (1_u64..).zip(text.split(|byte| *byte == b'\n')) {
            match parse_row(line, u64::from(u32::MAX), LabelsIn::Needed, &mut columns) {
                Ok(Some((Some(label), _))) => {
                    columns.close(label);
                    labels.insert((label + 0.0).to_bits());
                }
                Ok(_) => {}
                Err((column, problem)) => {
                    if 0 < columns.features_needed() || is_like_a_row(line) {
                        let (path, line) = (path.to_owned(), number);
                        let error = DataError::Line {
                            path,
                            line,
                            column,
                            problem,
                        };
                        self.problem = Some(error.to_string());
                    }
                    return false;
                }
            }
        }
        if columns.features_needed() == 0 {
            return false;
        }
        self.names("libsvm", "train", path);
        (self.rows, self.features) = (columns.rows() as u64, columns.features_needed());
        let values: Vec<f32> = labels.into_iter().map(f32::from_bits).collect();
        self.target = csv::target_of_numbers(&values).ok();
        match self.target.clone() {
            Some(Target::Real) => self.set("task", "real"),
            Some(Target::Numbers(values)) => self.classes(&values),
            Some(Target::Words(_) | Target::Positive(_) | Target::Standard { .. }) | None => {}
        }
        true
    }

    /// The keys of libsvm for classes that are written so.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole label, which is exact"
    )]
    fn classes(&mut self, values: &[f32]) {
        let is = |written: [f32; 2]| {
            values
                .iter()
                .map(|v| v.to_bits())
                .eq(written.map(f32::to_bits))
        };
        let is_whole = values
            .iter()
            .all(|value| value.fract().abs() < f32::MIN_POSITIVE);
        match values {
            _ if is([0.0, 1.0]) || is([-1.0, 1.0]) => {}
            [_, upper] if is_whole && !is([1.0, 2.0]) => {
                self.set("label_positive", vec![Value::Integer(*upper as i64)]);
            }
            [_, _] if !is_whole => self.set("task", "real"),
            _ => self.set("classes", i64::try_from(values.len()).unwrap_or(i64::MAX)),
        }
    }

    /// Takes the columns that can be read; the target is looked for as in a CSV file with a header.
    fn is_parquet(&mut self, path: &Path, wanted: Option<&str>) -> Result<(), DataError> {
        let file = ParquetFile::open(path)?.head(PREFIX_ROWS);
        let (mut names, mut ignored) = (file.names(), Vec::new());
        for (name, what) in file.refused() {
            self.notes
                .push(format!("column `{name}` is left out: it is {what}"));
            ignored.push(name);
        }
        for name in names.iter().filter(|name| name.starts_with(ROW_LABELS)) {
            self.notes
                .push(format!("column `{name}` is left out: it numbers the rows"));
            ignored.push(name.clone());
        }
        names.retain(|name| !ignored.contains(name));
        let mut refusal = None;
        for Candidate { target, is_guess } in candidates(&names, wanted, true) {
            self.keys = Table::new();
            self.names("parquet", "train", path);
            if !ignored.is_empty() {
                self.set("ignore", ignored.clone());
            }
            self.set_target(&target);
            match csv::learn_parquet(file.clone(), &self.keys) {
                Ok(learnt) => {
                    self.learnt(learnt, is_guess.then_some(&target));
                    return Ok(());
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        self.dataset = None;
        refusal.map_or(Ok(()), Err)
    }

    /// What the first rows of a table have taught; `guessed` is the target if no name told it.
    fn learnt(&mut self, (rows, encoding): (u64, Encoding), guessed: Option<&String>) {
        if let Some(target) = guessed {
            self.notes.push(format!(
                "no column is called {}: column `{target}` is taken to be the target",
                csv::TARGETS.join(", ")
            ));
        }
        (self.rows, self.features) = (rows, encoding.features);
        let column = |column: super::ColumnEncoding| (column.name, column.kind);
        self.columns = encoding.columns.into_iter().map(column).collect();
        self.target = Some(encoding.target);
        let is_number = |kind: &ColumnKind| matches!(kind, ColumnKind::Number { .. });
        let mut numbers = self.columns.iter().filter(|(_, kind)| is_number(kind));
        if let Some((name, _)) = numbers.find(|(name, _)| is_row_label(name)) {
            self.notes.push(format!(
                "column `{name}` is trained on like any other; if it only tells rows apart, leave it out: \
                 ignore = [\"{name}\"] in [data]"
            ));
        }
    }

    /// Names the target if it does not go by one of the usual names.
    fn set_target(&mut self, target: &str) {
        if !csv::TARGETS.contains(&target) {
            self.set("target", target);
        }
    }

    /// Tries the columns that may be the target.
    fn is_csv(&mut self, path: &Path, text: Vec<u8>, known: Known<'_>, is_cut: bool) {
        let text: Arc<[u8]> = text.into();
        let survey = match csv::survey(path, &text, known.delimiter) {
            Ok(survey) => survey,
            Err(error) => {
                self.problem.get_or_insert_with(|| error.to_string());
                return;
            }
        };
        let Survey {
            names,
            delimiter,
            header,
        } = survey;
        for Candidate { target, is_guess } in candidates(&names, known.target, header) {
            self.keys = Table::new();
            self.names("csv", "train", path);
            if let Some(delimiter) = known.delimiter {
                self.set("delimiter", delimiter);
            }
            self.set_target(&target);
            let learnt = match csv::learn_prefix(path, &text, &self.keys) {
                Ok(learnt) => learnt,
                // Rows may be sorted by their labels: what comes behind the prefix decides.
                Err(DataError::Target { .. }) if is_cut && !is_guess => {
                    self.notes.push(format!(
                        "the first rows do not show what the labels in column `{target}` are; name a model \
                         that fits them"
                    ));
                    (self.delimiter, self.header) = (Some(char::from(delimiter)), Some(header));
                    self.problem = None;
                    return;
                }
                Err(error) => {
                    self.dataset = None;
                    self.problem.get_or_insert_with(|| error.to_string());
                    continue;
                }
            };
            self.problem = None;
            self.learnt(learnt, is_guess.then_some(&target));
            (self.delimiter, self.header) = (Some(char::from(delimiter)), Some(header));
            return;
        }
    }
}

/// Names under which the labels of these rows may lie: `X_train.npy` has `y_train.npy`,
/// `train-images-idx3-ubyte` has `train-labels-idx1-ubyte`.
fn beside(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let words = [
        ("images", "labels"),
        ("features", "labels"),
        ("data", "labels"),
        ("train", "labels"),
        ("X", "y"),
        ("x", "y"),
    ];
    let with = |(rows, labels): (&str, &str)| {
        let other = name.replacen(rows, labels, 1).replace("idx3", "idx1");
        let is_other = name.contains(rows) && other != name;
        is_other.then(|| path.with_file_name(other).to_string_lossy().into_owned())
    };
    words.into_iter().filter_map(with).collect()
}

/// Whether a column of this name is likely to say which row it is, and nothing of it.
fn is_row_label(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        &name[..],
        "id" | "index" | "row" | "rownames" | "unnamed: 0"
    ) || name.ends_with("_id")
}

/// Whether a line has a number and then a pair of numbers, whatever else may be wrong with it.
fn is_like_a_row(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let is_pair = |word: &str| {
        let (index, value) = word.split_once(':').unwrap_or_default();
        is_number(index) && is_number(value)
    };
    words.next().is_some_and(is_number) && words.next().is_some_and(is_pair)
}

/// A column that may be the target.
struct Candidate {
    target: String,
    is_guess: bool,
}

/// The wanted column alone, or else one of the usual names alone: if it cannot be the target, no other was
/// meant. Else the last and the first; without names the first and the last.
fn candidates(names: &[String], wanted: Option<&str>, header: bool) -> Vec<Candidate> {
    let usual = names.iter().find(|name| csv::TARGETS.contains(&&name[..]));
    let (first, last) = (names.first(), names.last());
    let others = if header { [last, first] } else { [first, last] };
    let is_guess = wanted.is_none() && usual.is_none();
    let list: Vec<&str> = match wanted.or(usual.map(String::as_str)) {
        Some(known) => vec![known],
        None => others.into_iter().flatten().map(String::as_str).collect(),
    };
    let candidate = |target: &str| Candidate {
        target: target.to_owned(),
        is_guess,
    };
    list.into_iter().map(candidate).collect()
}
