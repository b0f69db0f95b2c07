//! A job in flags instead of a file: what is asked for most, as assignments to keys of the job.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use thalweg_worker::data::sniff::{Known, Sniffed, sniff_for};
use thalweg_worker::data::{ColumnKind, Files, Target};
use toml::{Table, Value};

use super::init::epochs;

/// The usual keys of a job as flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The job in flags")]
pub(super) struct JobFlags {
    /// Training data: files or patterns, or - for standard input. What they are is found out from the first of them; the model,
    /// too, unless it is named.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    data: Vec<String>,

    /// Train on rows as they arrive on standard input (--data -), each once, until the stream ends or a
    /// rule says that it is enough: `data.name = "stream"`.
    #[arg(long, requires = "data", conflicts_with_all = ["holdout", "epochs"])]
    stream: bool,

    /// Test data, read as the training data are.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "data", conflicts_with = "holdout")]
    test: Vec<String>,

    /// The share of the training rows that judges and is not trained on: `data.holdout`.
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    holdout: Option<f64>,

    /// The target column of a CSV file, by name or number from 1: `data.target`.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    target: Option<String>,

    /// What stands between the columns of a CSV file, if it is not found out: `data.delimiter`.
    #[arg(long, value_name = "CHARACTER", requires = "data")]
    delimiter: Option<String>,

    /// The labels of npy or IDX rows, if they lie under a name that does not tell: `data.labels` or
    /// `data.train_labels`.
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<String>,

    /// `model.name`.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// A safetensors file with which the parameters begin: `model.init_from`.
    #[arg(long, value_name = "FILE")]
    init_from: Option<String>,

    /// The training method: `method.name`. What it stands on, such as an optimizer, comes with it.
    #[arg(long, value_name = "NAME")]
    method: Option<String>,

    /// `optimizer.name`.
    #[arg(long, value_name = "NAME")]
    optimizer: Option<String>,

    /// The learning rate: `optimizer.lr`.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr: Option<f64>,

    /// Passes over the training data: `train.epochs`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<f64>,

    /// Examples per batch, or `full`: `train.batch_size`.
    #[arg(long, value_name = "N|full", allow_negative_numbers = true)]
    batch_size: Option<String>,

    /// λ of λ/2·‖x‖²: `regularizer.l2`.
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    l2: Option<f64>,

    /// `seed`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
}

/// Epochs of a stream, which ends by itself: so many windows that it never ends by them.
const STREAM_EPOCHS: f64 = 1e9;

/// With data of one's own and no word about the optimizer: AdaGrad's rate that most often does.
const USUAL_RATE: f64 = 0.1;

impl JobFlags {
    /// The flags as assignments, and what was found out or chosen for the user, a sentence each.
    /// What `--set` says stands above both, so that it is left alone here.
    ///
    /// # Errors
    /// If the first data file cannot be read, or no data set reads it.
    pub(super) fn assignments(&self, sets: &[String]) -> Result<(Vec<String>, Vec<String>)> {
        let mut keys = Keys::default();
        let is_set = |key: &str| sets.iter().any(|set| set.starts_with(&format!("{key}=")));
        if let Some(first) = self.data.first() {
            let mut found = look(first, self.known())?;
            keys.notes.append(&mut found.notes);
            keys.data(&found, &self.data, &self.test);
            if self.stream {
                keys.stream(&found);
            }
            if has_numbers(&found) && !is_set("data.scale") {
                let note = "columns of numbers are brought to mean 0 and spread 1: [data] scale = \
                            \"standard\"";
                keys.notes.push(note.to_owned());
                keys.set("data.scale", "standard");
            }
            let named = self.model.as_deref();
            if takes_target_scale(&found, named) && !is_set("data.target_scale") {
                let note = "labels are brought to mean 0 and spread 1, and predictions and errors back: \
                            [data] target_scale = \"standard\"";
                keys.notes.push(note.to_owned());
                keys.set("data.target_scale", "standard");
            }
            // Ratings from 1 to 5 may be classes, or numbers: the model says which.
            let is_real = matches!(named, Some("linear_regression" | "matrix_factorization"));
            if is_real && !keys.has("data.task") && !is_set("data.task") {
                keys.set("data.task", "real");
            }
            if self.epochs.is_none() && !self.stream && !is_set("train.epochs") && !has_limit(sets)
            {
                let epochs = epochs(found.rows, &self.data);
                keys.notes.push(format!(
                    "no --epochs is named: {epochs} passes over the data"
                ));
                keys.set("train.epochs", f64::from(epochs));
            }
            let model = model_for(found.target.as_ref());
            if self.model.is_none() && !is_set("model.name") {
                keys.notes
                    .push(format!("no --model is named: {model} fits the labels"));
                keys.set("model.name", model);
            }
            if self.lr.is_none() && self.optimizer.is_none() && !is_set("optimizer.lr") {
                keys.notes
                    .push(format!("no --lr is named: adagrad with {USUAL_RATE}"));
                keys.set("optimizer.lr", USUAL_RATE);
            }
        }
        keys.set_some("data.holdout", self.holdout);
        keys.set_some("data.target", self.target.clone());
        keys.set_some("model.name", self.model.clone());
        keys.set_some("model.init_from", self.init_from.clone());
        keys.set_some("method.name", self.method.clone());
        keys.set_some("optimizer.name", self.optimizer.clone());
        keys.set_some("optimizer.lr", self.lr);
        keys.set_some("train.epochs", self.epochs);
        if let Some(size) = &self.batch_size {
            let value = size
                .parse()
                .map_or_else(|_| Value::from(size.clone()), Value::Integer);
            keys.set("train.batch_size", value);
        }
        keys.set_some("regularizer.l2", self.l2);
        if let Some(seed) = self.seed {
            keys.list.push(format!("seed={seed}"));
        }
        Ok((keys.list, keys.notes))
    }

    fn known(&self) -> Known<'_> {
        Known {
            target: self.target.as_deref(),
            delimiter: self.delimiter.as_deref(),
            labels: self.labels.as_deref(),
        }
    }

    /// The names of the flags that were given.
    pub(super) fn given(&self) -> Vec<&'static str> {
        [
            ("--data", !self.data.is_empty()),
            ("--stream", self.stream),
            ("--test", !self.test.is_empty()),
            ("--holdout", self.holdout.is_some()),
            ("--target", self.target.is_some()),
            ("--delimiter", self.delimiter.is_some()),
            ("--labels", self.labels.is_some()),
            ("--model", self.model.is_some()),
            ("--init-from", self.init_from.is_some()),
            ("--method", self.method.is_some()),
            ("--optimizer", self.optimizer.is_some()),
            ("--lr", self.lr.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--batch-size", self.batch_size.is_some()),
            ("--l2", self.l2.is_some()),
            ("--seed", self.seed.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_given)| is_given.then_some(name))
        .collect()
    }
}

/// What the first of the named files seems to be.
pub(super) fn look(first: &str, known: Known<'_>) -> Result<Sniffed> {
    let path = Files::new(vec![first.to_owned()]).first(Path::new("."))?;
    let path = path.expect("one path or pattern names at least one file");
    let found = sniff_for(&path, known)?;
    if found.dataset.is_none() {
        let path = match first {
            "-" => Path::new("standard input"),
            _ => &path,
        };
        if let Some(problem) = &found.problem {
            anyhow::bail!("{problem} (looked for libsvm, CSV, TSV, Parquet, IDX and npy data)");
        }
        anyhow::bail!(
            "{}: expected libsvm, CSV, TSV, Parquet, IDX or npy data, found none of these; `thalweg list datasets` \
             shows what can be read",
            path.display()
        );
    }
    Ok(found)
}

/// Whether some column is a number, which may have any size.
pub(super) fn has_numbers(found: &Sniffed) -> bool {
    let is_number = |kind: &ColumnKind| matches!(kind, ColumnKind::Number { .. });
    found.columns.iter().any(|(_, kind)| is_number(kind))
}

/// Whether labels are numbers of a table, which may have any size, for a model of which only the errors have
/// that size. Bounds of ratings are in the file's units.
pub(super) fn takes_target_scale(found: &Sniffed, model: Option<&str>) -> bool {
    let is_table = matches!(found.dataset, Some("csv" | "parquet"));
    let is_real = found.target == Some(Target::Real);
    is_table && is_real && model != Some("matrix_factorization")
}

/// Whether assignments say when training ends.
fn has_limit(sets: &[String]) -> bool {
    let ends = ["train.examples=", "train.seconds="];
    sets.iter()
        .any(|set| ends.iter().any(|end| set.starts_with(end)))
}

/// The plainest model for labels of this kind.
pub(super) fn model_for(target: Option<&Target>) -> &'static str {
    match target.map(|target| target.task().classes()) {
        Some(0) => "linear_regression",
        Some(3..) => "softmax_regression",
        Some(_) | None => "logistic_regression",
    }
}

/// Assignments as they are made.
#[derive(Debug, Default)]
struct Keys {
    list: Vec<String>,
    notes: Vec<String>,
}

impl Keys {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.list.push(format!("{key}={}", value.into()));
    }

    fn has(&self, key: &str) -> bool {
        self.list
            .iter()
            .any(|set| set.starts_with(&format!("{key}=")))
    }

    fn set_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Rows of this kind arrive while they are trained on.
    fn stream(&mut self, found: &Sniffed) {
        self.set("data.of", found.dataset.unwrap_or_default());
        self.set("data.name", "stream");
        self.set("train.epochs", STREAM_EPOCHS);
    }

    /// The `[data]` table of what was found, with all the files that were named.
    fn data(&mut self, found: &Sniffed, train: &[String], test: &[String]) {
        self.set("data.name", found.dataset.unwrap_or_default());
        for (key, value) in data_table(found, train, test) {
            self.set(&format!("data.{key}"), value);
        }
    }
}

/// The keys of `[data]` for files like the one that was looked at.
pub(super) fn data_table(found: &Sniffed, train: &[String], test: &[String]) -> Table {
    let mut table = found.keys.clone();
    let files = |named: &[String]| match named {
        [one] => Value::from(one.clone()),
        several => Value::from(several.to_vec()),
    };
    for key in ["train", "train_images"] {
        if table.contains_key(key) {
            table.insert(key.to_owned(), files(train));
            if !test.is_empty() {
                table.insert(key.replace("train", "test"), files(test));
            }
        }
    }
    // Labels lie beside the images of a test as they do for training.
    if let (Some(_), [images]) = (table.get("train_labels"), test) {
        let labels = images.replace("images", "labels").replace("idx3", "idx1");
        table.insert("test_labels".to_owned(), labels.into());
    }
    table
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn flags(text: &str) -> (tempfile::TempDir, JobFlags) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.csv");
        fs::write(&path, text).unwrap();
        let flags = JobFlags {
            data: vec![path.display().to_string()],
            ..JobFlags::default()
        };
        (folder, flags)
    }

    #[test]
    fn the_data_choose_a_model_and_a_rate_unless_they_are_named() {
        for (text, model) in [
            ("x,y\n1,0\n2,1\n3,0\n", "logistic_regression"),
            ("x,y\n1,a\n2,b\n3,c\n", "softmax_regression"),
            ("x,y\n1,0.5\n2,1.25\n3,7\n", "linear_regression"),
        ] {
            let (_folder, flags) = flags(text);
            let (list, notes) = flags.assignments(&[]).unwrap();
            assert!(list.contains(&"data.name=\"csv\"".to_owned()), "{list:?}");
            assert!(
                list.contains(&format!("model.name=\"{model}\"")),
                "{list:?}"
            );
            assert!(list.contains(&"optimizer.lr=0.1".to_owned()), "{list:?}");
            assert!(notes.iter().any(|note| note.contains(model)), "{notes:?}");
        }
        let (_folder, mut flags) = flags("x,y\n1,0\n2,1\n");
        flags.optimizer = Some("adam".into());
        let (list, _) = flags
            .assignments(&["model.name=linear_svm".into()])
            .unwrap();
        assert!(
            !list
                .iter()
                .any(|key| key.starts_with("model.name") || key.starts_with("optimizer.lr"))
        );
        assert_eq!(flags.given(), ["--data", "--optimizer"]);
    }

    #[test]
    fn a_batch_is_a_number_or_a_word_and_files_become_a_list() {
        let (_folder, mut flags) = flags("x,y\n1,0\n2,1\n");
        flags.batch_size = Some("full".into());
        flags.data.push("second.csv".into());
        flags.test = vec!["test.csv".into()];
        let (list, _) = flags.assignments(&[]).unwrap();
        assert!(
            list.contains(&"train.batch_size=\"full\"".to_owned()),
            "{list:?}"
        );
        assert!(
            list.contains(&"data.test=\"test.csv\"".to_owned()),
            "{list:?}"
        );
        assert!(
            list.iter()
                .any(|key| key.starts_with("data.train=[") && key.contains("second.csv"))
        );
        flags.batch_size = Some("64".into());
        let (list, _) = flags.assignments(&[]).unwrap();
        assert!(list.contains(&"train.batch_size=64".to_owned()));
    }

    #[test]
    fn what_no_data_set_reads_is_refused_with_its_name() {
        let (_folder, flags) = flags("just some words\n\nand more, of them\n");
        let refused = flags.assignments(&[]).unwrap_err().to_string();
        assert!(
            refused.contains("mine.csv:1:1:") && refused.contains("looked for libsvm, CSV"),
            "{refused}"
        );
    }
}
